import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Synchronization
import TestSupport
import Testing

@testable import Virtio

/// What packets come from and go to, as a test says.
private final class ScriptedPackets: PacketBackend {
  struct State {
    var incoming: [[UInt8]] = []
    var sent: [[UInt8]] = []
    var offloads: [PacketOffloads] = []
    /// How many packets there is room for; nil for any number.
    var room: Int?
    var sendError: Errno?
    var receiveError: Errno?
  }

  let state = Mutex(State())
  let descriptor: CInt = -1
  let hasOffloads: Bool

  init(hasOffloads: Bool = true) { self.hasOffloads = hasOffloads }

  func accept(_ offloads: PacketOffloads) { state.withLock { $0.offloads.append(offloads) } }

  func send(_ vectors: UnsafeMutableBufferPointer<iovec>) -> PacketTransfer {
    let bytes = vectors.flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
    return state.withLock { state in
      if let error = state.sendError { return .failed(error) }
      if let room = state.room {
        if room == 0 { return .notNow }
        state.room = room - 1
      }
      state.sent.append(bytes)
      return .done(bytes.count)
    }
  }

  func receive(into buffer: UnsafeMutableRawBufferPointer) -> PacketTransfer {
    let packet = state.withLock { state -> Result<[UInt8]?, Errno> in
      if let error = state.receiveError { return .failure(error) }
      return .success(state.incoming.isEmpty ? nil : state.incoming.removeFirst())
    }
    switch packet {
    case .failure(let error): return .failed(error)
    case .success(nil): return .notNow
    case .success(let packet?):
      buffer.copyBytes(from: packet)
      return .done(packet.count)
    }
  }
}

/// An interface with its driver's side: both queues.
private final class NetBench {
  let memory: GuestMemory
  let packets: ScriptedPackets
  let device: NetDevice
  let transport: MMIOTransport
  let receiving: SplitRing
  let sending: SplitRing
  let line = CountingLine()
  let faults = RecordingFaults()
  let observer = RecordingObserver()

  static let version1: UInt64 = 1 << 32
  static let all = NetDevice.Feature.mergedBuffers | NetDevice.Feature.offloads | version1

  init(
    features: UInt64 = NetBench.version1 | NetDevice.Feature.mergedBuffers, hasOffloads: Bool = true,
    size: UInt16 = 16, eventIndex: Bool = false
  ) throws {
    memory = try GuestMemory.allocate(bytes: 8 << 20, backend: .anonymous, preallocate: false)
    packets = ScriptedPackets(hasOffloads: hasOffloads)
    device = try NetDevice(
      id: DeviceID(30), packets, address: [0x52, 0x54, 0, 1, 2, 3], observer: observer)
    transport = MMIOTransport(id: DeviceID(30), device, interrupt: line, faults: faults)
    receiving = SplitRing(memory, at: 0x1000, size: size, usesEventIndex: eventIndex)
    sending = SplitRing(memory, at: 0x4000, size: size, usesEventIndex: eventIndex)
    connect(eventIndex ? features | 1 << 29 : features)
  }

  func connect(_ features: UInt64) {
    MMIODriver.agree(transport, features)
    MMIODriver.attach(receiving, to: transport, queue: 0, memory: memory)
    MMIODriver.attach(sending, to: transport, queue: 1, memory: memory)
    MMIODriver.start(transport)
  }

  /// What the loop waits for of the packets.
  var interest: Readiness { device.interest(source: 0) }

  /// Whether the loop that waits for the device would run.
  var isWoken: Bool {
    var entry = pollfd(fd: transport.sources[0].arrival, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) == 1
  }

  /// As the loop does that waits for the device.
  func loop() { transport.collect(source: 0, memory: memory, by: vcpu0) }

  static func place(_ index: Int) -> UInt64 { 0x10_0000 + 0x1_2000 * UInt64(index) }

  func addBuffer(_ length: UInt32, at index: Int) throws {
    _ = try #require(try receiving.add([.init(NetBench.place(index), length, isWritable: true)]))
  }

  func kickReceiving() throws {
    if try receiving.publish() { transport.write(0, MMIODriver.queueNotify, in: memory) }
  }

  /// Lays a packet out in as many pieces as there are lengths, header included.
  func addPacket(_ bytes: [UInt8], cut lengths: [Int], at index: Int) throws {
    try memory.write(bytes, at: GuestAddress(NetBench.place(index)))
    var parts: [SplitRing.Part] = []
    var start = 0
    for length in lengths + [bytes.count - lengths.reduce(0, +)] where length > 0 {
      parts.append(.init(NetBench.place(index) + UInt64(start), UInt32(length)))
      start += length
    }
    _ = try #require(try sending.add(parts))
  }

  func kickSending() throws {
    if try sending.publish() { transport.write(1, MMIODriver.queueNotify, in: memory) }
  }

  /// What the driver finds: each packet put together from its buffers, in the order in which they were added.
  func received(_ order: inout [Int]) throws -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var used = try receiving.takeUsed()[...]
    while let first = used.first {
      let header = try memory.read(count: 12, at: GuestAddress(NetBench.place(order[0])))
      let count = Int(header[10]) | Int(header[11]) << 8
      try #require(count >= 1 && count <= used.count)
      _ = first
      var bytes: [UInt8] = []
      for part in used.prefix(count) {
        bytes += try memory.read(
          count: Int(part.written), at: GuestAddress(NetBench.place(order.removeFirst())))
      }
      used = used.dropFirst(count)
      packets.append(bytes)
    }
    return packets
  }

  static func packet(_ number: Int, _ length: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: 12) + (0..<length).map { UInt8(truncatingIfNeeded: $0 * 7 + number * 13) }
  }
}

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
    bench.transport.reset()
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
