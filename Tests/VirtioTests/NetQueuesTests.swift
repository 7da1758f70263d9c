import Devices
import Glibc
import GuestRAM
import Platform
import RingDriver
import Testing

@testable import Virtio

/// An interface with several pairs of queues, and its driver's side of all of them.
private final class WideBench {
  let memory: GuestMemory
  let packets: ScriptedPackets
  let device: NetDevice
  let transport: MMIOTransport
  let rings: [SplitRing]
  let line = CountingLine()
  let faults = RecordingFaults()

  static let features =
    NetDevice.Feature.control | NetDevice.Feature.multipleQueues | NetDevice.Feature.mergedBuffers | 1 << 32

  init(pairs: Int = 3, features: UInt64 = WideBench.features) throws {
    memory = try GuestMemory.allocate(bytes: 8 << 20, backend: .anonymous, preallocate: false)
    packets = ScriptedPackets(pairs: pairs)
    device = try NetDevice(
      id: DeviceID(30), packets, address: [0x52, 0x54, 0, 1, 2, 3], observer: RecordingObserver())
    transport = MMIOTransport(id: DeviceID(30), device, interrupt: line, observer: faults)
    rings = (0...2 * pairs).map { [memory] in SplitRing(memory, at: 0x1000 + 0x1000 * UInt64($0), size: 16) }
    connect(features)
  }

  func connect(_ features: UInt64) {
    MMIODriver.agree(transport, features)
    for (queue, ring) in rings.enumerated() {
      MMIODriver.attach(ring, to: transport, queue: UInt32(queue), memory: memory)
    }
    MMIODriver.start(transport)
  }

  /// Sends a control command, and waits for its answer; nil where none came.
  func command(_ bytes: [UInt8], queue: Int? = nil) throws -> UInt8? {
    let queue = queue ?? rings.count - 1
    try memory.write(bytes, at: GuestAddress(0x8_0000))
    try memory.write([0xee as UInt8], at: GuestAddress(0x8_1000))
    _ = try #require(
      try rings[queue].add([.init(0x8_0000, UInt32(bytes.count)), .init(0x8_1000, 1, isWritable: true)]))
    if try rings[queue].publish() { transport.write(UInt64(queue), MMIODriver.queueNotify, in: memory) }
    guard try !rings[queue].takeUsed().isEmpty else { return nil }
    return try memory.read(UInt8.self, at: GuestAddress(0x8_1000), .little)
  }

  func use(_ pairs: UInt8) throws -> UInt8? { try command([4, 0, pairs, 0]) }

  func send(_ byte: UInt8, queue: Int) throws {
    let place = 0x9_0000 + 0x1000 * UInt64(queue)
    try memory.write([UInt8](repeating: 0, count: 12) + [byte], at: GuestAddress(place))
    _ = try #require(try rings[queue].add([.init(place, 13)]))
    if try rings[queue].publish() { transport.write(UInt64(queue), MMIODriver.queueNotify, in: memory) }
  }

  func addBuffer(queue: Int) throws {
    let place = 0x9_0000 + 0x1000 * UInt64(queue)
    _ = try #require(try rings[queue].add([.init(place, 100, isWritable: true)]))
    if try rings[queue].publish() { transport.write(UInt64(queue), MMIODriver.queueNotify, in: memory) }
  }

  func turn(_ pair: Int) -> Readiness { transport.collect(source: pair, memory: memory, by: vcpu0) }
}

@Suite("A virtio network interface with several pairs of queues")
struct NetQueuesTests {
  @Test("It says how many pairs it has, and each is a source of its own")
  func configuration() throws {
    let bench = try WideBench()
    #expect(MMIODriver.offered(bench.transport) & (1 << 17 | 1 << 22) == 1 << 17 | 1 << 22)
    #expect(bench.transport.read(0x108, size: 2) == 3)
    #expect(bench.transport.sources.map(\.queues) == [0..<7, 2..<4, 4..<6])
    #expect(bench.transport.sources.map(\.packets) == [-1, -2, -3])
    #expect(Set(bench.transport.sources.map(\.arrival)).count == 3)
    let one = try WideBench(pairs: 1, features: 1 << 32)
    #expect(MMIODriver.offered(one.transport) & (1 << 17 | 1 << 22) == 0)
    #expect(one.transport.read(0x108, size: 2) == 0)
  }

  @Test("One pair is used until the driver says otherwise, and again after a reset")
  func use() throws {
    let bench = try WideBench()
    #expect((0..<3).map(bench.turn) == [.input, [], []])
    #expect(try bench.use(3) == 0)
    #expect((0..<3).map(bench.turn) == [.input, .input, .input])
    #expect(try bench.use(2) == 0)
    #expect((0..<3).map(bench.turn) == [.input, .input, []])
    #expect(bench.packets.state.withLock(\.uses) == [3, 2])
    bench.transport.reset()
    #expect(bench.packets.state.withLock(\.uses).last == 1)
    #expect((0..<3).map(bench.turn) == [[], [], []])
  }

  @Test("Each pair's packets go through its own queues, both ways")
  func packets() throws {
    let bench = try WideBench()
    #expect(try bench.use(3) == 0)
    for pair in 0..<3 { try bench.send(UInt8(10 + pair), queue: 2 * pair + 1) }
    let header = [UInt8](repeating: 0, count: 12)
    #expect(bench.packets.state.withLock(\.sent) == [header + [10]])
    #expect(bench.packets.state.withLock(\.sentBehind) == [1: [header + [11]], 2: [header + [12]]])
    for pair in 0..<3 { try bench.addBuffer(queue: 2 * pair) }
    bench.packets.state.withLock {
      $0.incoming = [header + [20]]
      $0.incomingBehind = [1: [header + [21]], 2: [header + [22]]]
    }
    for pair in [2, 0, 1] {
      _ = bench.turn(pair)
      let used = try bench.rings[2 * pair].takeUsed()
      #expect(used.map(\.written) == [13])
      let byte = try bench.memory.read(
        UInt8.self, at: GuestAddress(0x9_000c + 0x2000 * UInt64(pair)), .little)
      #expect(byte == UInt8(20 + pair))
    }
  }

  @Test("Packets that are added to a pair before it is used are sent when it is")
  func early() throws {
    let bench = try WideBench()
    try bench.send(7, queue: 5)
    _ = bench.turn(2)
    #expect(bench.packets.state.withLock(\.sentBehind).isEmpty)
    #expect(try bench.use(3) == 0)
    _ = bench.turn(2)
    #expect(bench.packets.state.withLock(\.sentBehind)[2]?.count == 1)
    #expect(try bench.rings[5].takeUsed().count == 1)
  }

  @Test("No pairs, too many, and what the backend cannot do are refused, and change nothing")
  func refused() throws {
    let bench = try WideBench()
    for count: UInt8 in [0, 4, 255] { #expect(try bench.use(count) == 1) }
    #expect(try bench.command([4, 0, 1, 1]) == 1)
    // Other classes and commands, and one that is cut.
    for bytes: [UInt8] in [[0, 0, 1, 0], [4, 1, 2, 0], [4, 0, 2], [4, 0]] {
      #expect(try bench.command(bytes) == 1)
    }
    bench.packets.state.withLock { $0.usable = 1 }
    #expect(try bench.use(2) == 1)
    #expect((0..<3).map(bench.turn) == [.input, [], []])
    #expect(bench.faults.faults.isEmpty)
  }

  @Test("A driver that agrees on the control queue alone finds it behind the first pair")
  func controlAlone() throws {
    let bench = try WideBench(features: NetDevice.Feature.control | 1 << 32)
    #expect(try bench.command([4, 0, 2, 0], queue: 2) == 1)
    #expect(try bench.command([4, 0, 1, 0], queue: 2) == 0)
    // Without several pairs the others are nobody's.
    try bench.send(1, queue: 3)
    #expect(bench.packets.state.withLock(\.sentBehind).isEmpty)
    #expect(try bench.command([4, 0, 1, 0]) == nil)
  }

  @Test("A command without class, or without a place for its answer, breaks the queue", arguments: [0, 1])
  func hostileCommand(form: Int) throws {
    let bench = try WideBench()
    _ = try #require(
      try bench.rings[6].add(
        form == 0 ? [.init(0x8_0000, 1), .init(0x8_1000, 1, isWritable: true)] : [.init(0x8_0000, 4)]))
    if try bench.rings[6].publish() { bench.transport.write(6, MMIODriver.queueNotify, in: bench.memory) }
    #expect(bench.faults.faults.count == 1)
    #expect(bench.transport.read(MMIODriver.status) & 64 != 0)
  }

  @Test("What waits for room when the backend is gone is given back, and what comes after it")
  func goneWhileBlocked() throws {
    let bench = try WideBench()
    bench.packets.state.withLock { $0.room = 0 }
    for byte: UInt8 in 0..<3 { try bench.send(byte, queue: 1) }
    #expect(bench.turn(0) == [.input, .output])
    #expect(try bench.rings[1].takeUsed().isEmpty)
    bench.packets.state.withLock { $0.receiveError = Errno(rawValue: EBADFD) }
    #expect(bench.turn(0) == [])
    #expect(try bench.rings[1].takeUsed().count == 3)
  }
}
