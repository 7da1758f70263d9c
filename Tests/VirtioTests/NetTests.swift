import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Synchronization
import TestSupport
import Testing

@testable import Virtio

@Suite("A virtio network interface")
struct NetTests {
  @Test("The configuration has address and link, and offloads are offered where the backend has them")
  func configuration() throws {
    let bench = try NetBench()
    #expect(bench.transport.read(0x08) == 1)
    #expect((0..<6).map { bench.transport.read(0x100 + $0, size: 1) } == [0x52, 0x54, 0, 1, 2, 3])
    #expect(bench.transport.read(0x106, size: 2) == 1)
    #expect(bench.transport.read(0x108) == 0)
    let base: UInt64 = 1 << 5 | 1 << 15 | 1 << 16 | 1 << 28 | 1 << 29 | 1 << 32
    let offloads: UInt64 = 1 << 0 | 1 << 1 | 7 << 7 | 7 << 11
    #expect(MMIODriver.offered(bench.transport) == base | offloads)
    #expect(MMIODriver.offered(try NetBench(hasOffloads: false).transport) == base)
  }

  @Test("The backend is told what the guest takes, and of the reset")
  func offloads() throws {
    let bench = try NetBench(features: NetBench.all)
    #expect(
      bench.packets.state.withLock(\.offloads) == [[.checksum, .segmentation4, .segmentation6, .congestion]])
    bench.transport.reset()
    #expect(bench.packets.state.withLock(\.offloads).last == [])
    // Segmentation without checksums is no combination.
    let odd = try NetBench(features: NetBench.version1 | NetDevice.Feature.guestSegmentation4)
    #expect(odd.packets.state.withLock(\.offloads) == [[]])
  }

  @Test("Packets are sent whole and in order, however they are cut", arguments: [false, true])
  func sending(eventIndex: Bool) throws {
    let bench = try NetBench(eventIndex: eventIndex)
    let cuts = [[], [12], [5, 7, 1], [1, 1, 1, 60]]
    let expected = (0..<4).map { NetBench.packet($0, 100 + $0) }
    for (index, cut) in cuts.enumerated() { try bench.addPacket(expected[index], cut: cut, at: index) }
    try bench.kickSending()
    #expect(bench.packets.state.withLock(\.sent) == expected)
    #expect(try bench.sending.takeUsed().map(\.written) == [0, 0, 0, 0])
    #expect(bench.line.pulses == 1)
    #expect(
      bench.observer.events == (0..<4).flatMap { [.began(queue: 1, id: $0), .ended(queue: 1, id: $0)] })
  }

  @Test("A received packet is in one buffer, or in as many as it needs", arguments: [20, 1000, 4000, 65_550])
  func receiving(length: Int) throws {
    let bench = try NetBench(size: 64)
    var order: [Int] = []
    for index in 0..<50 {
      try bench.addBuffer(1536, at: index)
      order.append(index)
    }
    try bench.kickReceiving()
    let expected = [NetBench.packet(1, length), NetBench.packet(2, 60)]
    bench.packets.state.withLock { $0.incoming = expected }
    bench.loop()
    let packets = try bench.received(&order)
    #expect(packets.map { Array($0[12...]) } == expected.map { Array($0[12...]) })
    #expect(order.count == 50 - (length + 12 + 1535) / 1536 - 1)
    #expect(bench.line.pulses == 1)
  }

  @Test("Who has made something of RAM is told of a packet's pieces, each when it is there")
  func told() throws {
    let bench = try NetBench()
    for index in 0..<3 { try bench.addBuffer(1536, at: index) }
    try bench.kickReceiving()
    var packet = NetBench.packet(1, 4000)
    bench.packets.state.withLock { $0.incoming = [packet] }
    let told = ToldWrites(of: bench.memory)
    bench.loop()
    told.stop()
    // num_buffers
    packet[10] = 3
    let pieces = [0..<1536, 1536..<3072, 3072..<4012].map { Array(packet[$0]) }
    #expect(told.pieces == pieces.enumerated().map { .init(NetBench.place($0), $1) })
  }

  @Test("Without buffers packets are not taken; with the kick that brings buffers they come, none lost")
  func starving() throws {
    let bench = try NetBench()
    #expect(bench.interest == .input)
    let expected = (0..<5).map { NetBench.packet($0, 100 * ($0 + 1)) }
    bench.packets.state.withLock { $0.incoming = expected }
    bench.loop()
    #expect(bench.interest == [])
    #expect(bench.packets.state.withLock(\.incoming.count) == 4)
    #expect(bench.line.pulses == 0)
    var order: [Int] = []
    var found: [[UInt8]] = []
    for round in 0..<11 {
      // The last packets need several of these.
      try bench.addBuffer(200, at: round)
      order.append(round)
      try bench.kickReceiving()
      #expect(bench.isWoken)
      bench.loop()
      found += try bench.received(&order)
    }
    #expect(found.map { Array($0[12...]) } == expected.map { Array($0[12...]) })
    #expect(bench.interest == .input)
  }

  @Test("A buffer too small for a packet costs that packet, and takes the next")
  func tooSmall() throws {
    let bench = try NetBench(features: NetBench.version1)
    try bench.addBuffer(100, at: 0)
    try bench.kickReceiving()
    let small = NetBench.packet(7, 60)
    bench.packets.state.withLock { $0.incoming = [NetBench.packet(1, 500), NetBench.packet(2, 89), small] }
    bench.loop()
    #expect(bench.device.losses.tooLarge == 2)
    #expect(bench.device.losses.texts == ["2 packets for the guest did not fit into its receive buffers"])
    var order = [0]
    #expect(try bench.received(&order).map { Array($0[12...]) } == [Array(small[12...])])
  }

  @Test("A packet that there is no room for waits, and all behind it; then they go in order")
  func blocked() throws {
    let bench = try NetBench()
    bench.packets.state.withLock { $0.room = 2 }
    let expected = (0..<6).map { NetBench.packet($0, 50) }
    for (index, packet) in expected.enumerated() { try bench.addPacket(packet, cut: [12], at: index) }
    try bench.kickSending()
    #expect(bench.packets.state.withLock(\.sent.count) == 2)
    #expect(bench.interest == [.input, .output])
    for room in [0, 1, 0, 3] {
      bench.packets.state.withLock { $0.room = room }
      bench.loop()
    }
    #expect(bench.packets.state.withLock(\.sent) == expected)
    #expect(bench.interest == .input)
    #expect(try bench.sending.takeUsed().count == 6)
    #expect(
      bench.observer.events == (0..<6).flatMap { [.began(queue: 1, id: $0), .ended(queue: 1, id: $0)] })
  }

  @Test("What was refused is completed, and told")
  func refused() throws {
    let bench = try NetBench()
    bench.packets.state.withLock { $0.sendError = .ioError }
    for index in 0..<2 { try bench.addPacket(NetBench.packet(index, 50), cut: [], at: index) }
    try bench.kickSending()
    #expect(try bench.sending.takeUsed().count == 2)
    #expect(bench.device.losses.texts.count == 1)
    #expect(bench.device.losses.texts.first?.hasPrefix("2 packets of the guest could not be sent") == true)
    bench.packets.state.withLock { $0.receiveError = Errno(rawValue: EBADFD) }
    bench.loop()
    // Nothing is waited for where nothing can come: a descriptor in error is always ready.
    #expect(bench.interest == [])
    #expect(bench.device.losses.texts.count == 2)
  }

  @Test("What the host knows of checksums is told only to a driver that takes it", arguments: [false, true])
  func flags(isTaken: Bool) throws {
    let bench = try NetBench(features: isTaken ? NetBench.all : NetBench.version1)
    try bench.addBuffer(2000, at: 0)
    try bench.kickReceiving()
    bench.packets.state.withLock { $0.incoming = [[3] + NetBench.packet(1, 60)[1...]] }
    bench.loop()
    #expect(
      try bench.memory.read(UInt8.self, at: GuestAddress(NetBench.place(0)), .little) == (isTaken ? 3 : 0))
  }

  @Test("A flood of packets is left for the next turn after as many as the queue has entries")
  func fairness() throws {
    let bench = try NetBench(size: 16)
    bench.packets.state.withLock { $0.incoming = (0..<1000).map { NetBench.packet($0, 0) + [1] } }
    var order: [Int] = []
    for index in 0..<16 {
      try bench.addBuffer(100, at: index)
      order.append(index)
    }
    try bench.kickReceiving()
    bench.loop()
    #expect(bench.packets.state.withLock(\.incoming.count) == 1000 - 17)
    #expect(bench.interest == [])
    // Too short to be packets: taken, dropped, and no more of them at once than of others.
    let other = try NetBench()
    other.packets.state.withLock { $0.incoming = (0..<1000).map { _ in [0, 0] } }
    other.loop()
    #expect(other.packets.state.withLock(\.incoming.count) == 1000 - 256)
    #expect(other.interest == .input)
  }
}

@Suite("A virtio network interface and its guest's faults")
struct HostileNetTests {
  @Test("A packet shorter than its header breaks the queue")
  func shortHeader() throws {
    let bench = try NetBench()
    try bench.addPacket([UInt8](repeating: 0, count: 11), cut: [], at: 0)
    try bench.kickSending()
    #expect(bench.faults.faults.count == 1)
    #expect(bench.transport.read(MMIODriver.status) & 64 != 0)
    #expect(bench.packets.state.withLock(\.sent).isEmpty)
  }

  @Test("A buffer to be read among those for received packets breaks the queue, and nothing is waited for")
  func wrongDirection() throws {
    let bench = try NetBench()
    _ = try bench.receiving.add([.init(NetBench.place(0), 100)])
    try bench.kickReceiving()
    bench.packets.state.withLock { $0.incoming = [NetBench.packet(1, 20)] }
    bench.loop()
    #expect(bench.faults.faults.count == 1)
    #expect(bench.interest == [])
  }

  @Test("No packet is taken before the driver is ready, and none after a reset")
  func notReady() throws {
    let bench = try NetBench()
    bench.transport.reset()
    bench.packets.state.withLock { $0.incoming = [NetBench.packet(1, 20)] }
    #expect(bench.interest == [])
    bench.loop()
    #expect(bench.packets.state.withLock(\.incoming.count) == 1)
  }

  @Test("What waited is forgotten with a reset: buffers, a packet, and one that there was no room for")
  func resetWhileWaiting() throws {
    let bench = try NetBench()
    try bench.addBuffer(20, at: 0)
    try bench.kickReceiving()
    bench.packets.state.withLock {
      $0.incoming = [NetBench.packet(1, 500)]
      $0.room = 0
    }
    try bench.addPacket(NetBench.packet(2, 50), cut: [], at: 1)
    try bench.kickSending()
    bench.loop()
    #expect(bench.observer.backendEvents == [.submitted(0, .send, bytes: 50)])
    bench.transport.reset()
    #expect(bench.observer.backendEvents.last == .ended(0, status: DeviceRequest.givenUp))
    #expect(bench.observer.backendEvents.count == 2)
    try bench.receiving.restart()
    try bench.sending.restart()
    bench.connect(NetBench.version1 | NetDevice.Feature.mergedBuffers)
    bench.packets.state.withLock { $0.room = nil }
    bench.loop()
    #expect(bench.packets.state.withLock(\.sent).isEmpty)
    #expect(try bench.receiving.usedIndex == 0)
    #expect(try bench.sending.usedIndex == 0)
    #expect(bench.interest == .input)
  }

  @Test("Buffers of a queue that its driver took back are not written to, nor is its packet sent")
  func queueTakenBack() throws {
    let bench = try NetBench()
    try bench.addBuffer(20, at: 0)
    try bench.kickReceiving()
    bench.packets.state.withLock {
      $0.incoming = [NetBench.packet(1, 500)]
      $0.room = 0
    }
    try bench.addPacket(NetBench.packet(2, 50), cut: [], at: 1)
    try bench.kickSending()
    bench.loop()
    for (queue, ring) in [bench.receiving, bench.sending].enumerated() {
      bench.transport.write(UInt64(queue), MMIODriver.queueSelector)
      bench.transport.write(0, MMIODriver.queueReady, in: bench.memory)
      try ring.restart()
      MMIODriver.attach(ring, to: bench.transport, queue: UInt32(queue), memory: bench.memory)
    }
    bench.packets.state.withLock { $0.room = nil }
    try bench.memory.write([UInt8](repeating: 0xee, count: 32), at: GuestAddress(NetBench.place(0)))
    try bench.addBuffer(1000, at: 5)
    try bench.kickReceiving()
    bench.loop()
    #expect(bench.packets.state.withLock(\.sent).isEmpty)
    #expect(
      try bench.memory.read(count: 32, at: GuestAddress(NetBench.place(0)))
        == [UInt8](repeating: 0xee, count: 32))
    var order = [5]
    #expect(try bench.received(&order).map(\.count) == [512])
  }

  @Test("Whatever is done in whatever order, each packet arrives once and in order", arguments: 0..<20)
  func anyOrder(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let bench = try NetBench(size: 16, eventIndex: seed % 2 == 1)
    var order: [Int] = []
    var (injected, found, queued): ([[UInt8]], [[UInt8]], [[UInt8]]) = ([], [], [])
    var nextBuffer = 0
    for step in 0..<400 {
      switch Int.random(in: 0..<6, using: &random) {
      case 0:
        let packet = NetBench.packet(step, Int.random(in: 1...600, using: &random))
        injected.append(packet)
        bench.packets.state.withLock { $0.incoming.append(packet) }
      case 1 where bench.receiving.freeCount > 0:
        try bench.addBuffer(UInt32.random(in: 13...400, using: &random), at: nextBuffer % 16)
        order.append(nextBuffer % 16)
        nextBuffer += 1
        if Bool.random(using: &random) { try bench.kickReceiving() }
      case 2 where bench.sending.freeCount >= 3:
        let packet = NetBench.packet(step, Int.random(in: 1...60, using: &random))
        try bench.addPacket(packet, cut: [Int.random(in: 1...12, using: &random)], at: 16 + queued.count % 16)
        queued.append(packet)
        try bench.kickSending()
      case 3: bench.packets.state.withLock { $0.room = Int.random(in: 0...2, using: &random) }
      case 4:
        found += try bench.received(&order)
        _ = try bench.sending.takeUsed()
      default: bench.loop()
      }
    }
    bench.packets.state.withLock { $0.room = nil }
    for _ in 0..<4000 where found.count < injected.count {
      if bench.receiving.freeCount > 0 {
        try bench.addBuffer(700, at: nextBuffer % 16)
        order.append(nextBuffer % 16)
        nextBuffer += 1
      }
      try bench.kickReceiving()
      bench.loop()
      found += try bench.received(&order)
    }
    try bench.kickSending()
    bench.loop()
    #expect(bench.packets.state.withLock(\.sent) == queued)
    #expect(found.map { Array($0[12...]) } == injected.map { Array($0[12...]) })
    #expect(bench.faults.faults.count == 0)
  }
}
