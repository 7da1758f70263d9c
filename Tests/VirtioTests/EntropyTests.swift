import Devices
import GuestRAM
import RingDriver
import Testing

@testable import Virtio

/// A source of random bytes with its driver's side.
private final class EntropyBench {
  let memory: GuestMemory
  let ring: SplitRing
  let line = CountingLine()
  let faults = RecordingFaults()
  let observer = RecordingObserver()
  let transport: MMIOTransport
  static let data: UInt64 = 0x20000

  init() throws {
    memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    ring = SplitRing(memory, at: 0x1000, size: 64)
    transport = MMIOTransport(
      id: DeviceID(23), try EntropyDevice(id: DeviceID(23), observer: observer), interrupt: line,
      observer: faults)
    connect()
  }

  func connect() {
    MMIODriver.agree(transport, 1 << 32)
    MMIODriver.attach(ring, to: transport, queue: 0, memory: memory)
    MMIODriver.start(transport)
  }

  /// Asks once.
  func request(_ parts: [SplitRing.Part]) throws -> UInt32? {
    _ = try ring.add(parts)
    try kick()
    return try ring.takeUsed().first?.written
  }

  func kick() throws {
    _ = try ring.publish()
    transport.write(0, MMIODriver.queueNotify, in: memory)
  }
}

@Suite("A virtio source of random bytes")
struct EntropyTests {
  @Test("It is what drivers look for: type 4, one queue, no features, no configuration")
  func identity() throws {
    let bench = try EntropyBench()
    #expect(bench.transport.read(0x08) == 4)
    #expect(MMIODriver.offered(bench.transport) == 1 << 28 | 1 << 29 | 1 << 32)
    #expect(bench.transport.read(0x100, size: 8) == 0)
    bench.transport.write(1, MMIODriver.queueSelector)
    #expect(bench.transport.read(MMIODriver.queueSizeMaximum) == 0)
  }

  @Test("All of each buffer is random, nothing beside it is written, and the trace has each request")
  func fills() throws {
    let bench = try EntropyBench()
    let (memory, data) = (bench.memory, EntropyBench.data)
    for round in 0..<4 {
      try memory.clear(count: 0x8000, at: GuestAddress(data))
      let parts = [(data + 8, 1000), (data + 0x2000, 1), (data + 0x4000, 3000)]
      let written = try bench.request(parts.map { SplitRing.Part($0.0, UInt32($0.1), isWritable: true) })
      #expect(written == 4001)
      let bytes = try memory.read(count: 0x8000, at: GuestAddress(data))
      for (address, count) in [(8, 1000), (0x4000, 3000)] {
        let part = bytes[address..<address + count]
        // Any byte's frequency in so many is far from this, and a run of zeros at the end is one that was not written.
        #expect(Set(part).count > 200)
        #expect(part.suffix(16).contains { $0 != 0 })
        #expect(part.prefix(16).contains { $0 != 0 })
      }
      for gap in [0..<8, 1008..<0x2000, 0x2001..<0x4000, 0x4000 + 3000..<0x8000] {
        #expect(bytes[gap].allSatisfy { $0 == 0 })
      }
      #expect(
        bench.observer.events.suffix(2) == [
          .began(queue: 0, id: UInt32(round)), .ended(queue: 0, id: UInt32(round)),
        ])
    }
    #expect(bench.line.pulses == 4)
  }

  @Test("Who has made something of RAM is told of all of it, when it is there")
  func told() throws {
    let bench = try EntropyBench()
    let places = [(EntropyBench.data + 8, 1000), (EntropyBench.data + 0x2000, 3000)]
    _ = try bench.ring.add(places.map { .init($0.0, UInt32($0.1), isWritable: true) })
    let told = ToldWrites(of: bench.memory)
    try bench.kick()
    told.stop()
    let written = try places.map {
      ToldWrites.Piece($0.0, try bench.memory.read(count: $0.1, at: GuestAddress($0.0)))
    }
    #expect(told.pieces.filter { $0.address >= EntropyBench.data } == written)
    // All of 4000 random bytes are not what was there before.
    #expect(written.allSatisfy { Set($0.bytes).count > 200 })
  }

  @Test("More than a page at once is answered with a page, and the rest is left alone")
  func bounded() throws {
    let bench = try EntropyBench()
    let written = try bench.request([.init(EntropyBench.data, 0x8_0000, isWritable: true)])
    #expect(written == 4096)
    let rest = try bench.memory.read(count: 0x8_0000 - 4096, at: GuestAddress(EntropyBench.data + 4096))
    #expect(rest.allSatisfy { $0 == 0 })
  }

  @Test("A request without room breaks the queue, and a reset repairs it")
  func nothingToWrite() throws {
    let bench = try EntropyBench()
    #expect(try bench.request([.init(EntropyBench.data, 64)]) == nil)
    #expect(bench.faults.faults == ["0: a request with no place for random bytes"])
    #expect(bench.transport.read(MMIODriver.status) & 64 != 0)
    #expect(bench.observer.events.isEmpty)
    try bench.ring.restart()
    bench.connect()
    #expect(try bench.request([.init(EntropyBench.data, 64, isWritable: true)]) == 64)
    // What is to be read comes first and means nothing.
    #expect(
      try bench.request([.init(EntropyBench.data, 64), .init(EntropyBench.data + 64, 7, isWritable: true)])
        == 7)
  }

  @Test("Requests that never end are answered 64 at a time, and the rest when the loop comes round")
  func endless() throws {
    let bench = try EntropyBench()
    for _ in 0..<64 { _ = try bench.ring.add([.init(EntropyBench.data, 8, isWritable: true)]) }
    try bench.kick()
    #expect(try bench.ring.takeUsed().count == 64)
    // The budget was spent exactly: the loop is asked to look again, finds more that no kick was sent for, then nothing.
    for _ in 0..<5 { _ = try bench.ring.add([.init(EntropyBench.data, 8, isWritable: true)]) }
    _ = try bench.ring.publish()
    bench.transport.collect(source: 0, memory: bench.memory, by: vcpu0)
    #expect(try bench.ring.takeUsed().count == 5)
    _ = try bench.ring.add([.init(EntropyBench.data, 8, isWritable: true)])
    _ = try bench.ring.publish()
    bench.transport.collect(source: 0, memory: bench.memory, by: vcpu0)
    #expect(try bench.ring.takeUsed().isEmpty)
  }
}
