import Devices
import Foundation
import GuestRAM
import Platform
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// A disk with several queues, each served by itself, over either backend.
@Suite("A disk's queues")
struct DiskQueueTests {
  private static let queues = 4

  /// The driver's side: each queue has its rings and its requests in a part of RAM of its own.
  private final class Bench {
    let memory: GuestMemory
    let backend: any BlockBackend
    let loop: DiskLoop
    let transport: MMIOTransport
    let rings: [SplitRing]
    let faults = RecordingFaults()
    let observer = RecordingObserver()
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("exeunt-queues-\(UUID())")

    init(by method: DiskWay) throws {
      try Data(repeating: 7, count: 64 * 512).write(to: directory)
      memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
      let file = try DiskFile(path: directory.path, isReadOnly: false)
      loop = try DiskLoop()
      backend = try method.backend(file, queues: queues, requests: 3, loop: loop)
      try loop.attach(backend, queues: queues)
      let device = BlockDevice(
        id: DeviceID(20), backend, queues: queues, serial: "", observer: observer)
      transport = MMIOTransport(id: DeviceID(20), device, interrupt: CountingLine(), observer: faults)
      let memory = memory
      rings = (0..<queues).map { SplitRing(memory, at: 0x1000 + 0x2000 * UInt64($0), size: 16) }
      MMIODriver.agree(transport, 1 << 32 | 1 << 12 | 1 << 9)
      for (index, ring) in rings.enumerated() {
        MMIODriver.attach(ring, to: transport, queue: UInt32(index), memory: memory)
      }
      MMIODriver.start(transport)
      try backend.start(name: "disk")
    }

    deinit {
      backend.end()
      try? FileManager.default.removeItem(at: directory)
    }

    /// Adds a read of one sector.
    func add(queue: Int, place: Int) throws -> UInt16? {
      let base = 0x10000 + 0x8000 * UInt64(queue) + 0x400 * UInt64(place)
      try memory.write([UInt8](repeating: 0, count: 16), at: GuestAddress(base))
      return try rings[queue].add([
        .init(base, 16), .init(base + 0x100, 512, isWritable: true), .init(base + 0x80, 1, isWritable: true),
      ])
    }

    /// Waits until a queue's channel can be read, as its loop does.
    func waitForArrival(queue: Int) throws -> Bool {
      let deadline = Clock.monotonic + 20_000_000_000
      while Clock.monotonic < deadline {
        if try loop.wait(100).contains(queue) { return true }
      }
      return false
    }
  }

  @Test("Configuration and features tell of them")
  func configuration() throws {
    let bench = try Bench(by: .threads)
    #expect(MMIODriver.offered(bench.transport) & 1 << 12 != 0)
    #expect(bench.transport.read(0x122, size: 2) == UInt64(Self.queues))
    for queue in 0..<UInt64(Self.queues) {
      bench.transport.write(queue, MMIODriver.queueSelector)
      #expect(bench.transport.read(0x34) == 256)
    }
    bench.transport.write(UInt64(Self.queues), MMIODriver.queueSelector)
    #expect(bench.transport.read(0x34) == 0)
  }

  @Test(
    "Each request comes back once, to its queue, whose channel says so; another queue that is taken back costs none",
    arguments: 0..<4, DiskWay.usable)
  func each(seed: UInt64, method: DiskWay) throws {
    var random = SeededGenerator(seed: seed)
    let bench = try Bench(by: method)
    for round in 0..<30 {
      var expected = [Set<UInt16>](repeating: [], count: Self.queues)
      for queue in Array(0..<Self.queues).shuffled(using: &random) {
        for place in 0..<Int.random(in: 0...5, using: &random) {
          expected[queue].insert(try #require(try bench.add(queue: queue, place: place)))
        }
        _ = try bench.rings[queue].publish()
        bench.transport.write(UInt64(queue), MMIODriver.queueNotify, in: bench.memory)
      }
      let lost = round % 3 == 0 ? Int.random(in: 0..<Self.queues, using: &random) : nil
      if let lost {
        bench.transport.write(UInt64(lost), MMIODriver.queueSelector)
        bench.transport.write(0, MMIODriver.queueReady, in: bench.memory)
        try bench.rings[lost].restart()
        MMIODriver.attach(bench.rings[lost], to: bench.transport, queue: UInt32(lost), memory: bench.memory)
      }
      for queue in 0..<Self.queues where queue != lost {
        var seen: [UInt16] = try bench.rings[queue].takeUsed().map(\.head)
        while seen.count < expected[queue].count {
          try #require(try bench.waitForArrival(queue: queue), "queue \(queue) of \(method) was forgotten")
          bench.transport.collect(source: queue, memory: bench.memory, by: vcpu0)
          seen += try bench.rings[queue].takeUsed().map(\.head)
        }
        #expect(seen.count == expected[queue].count)
        #expect(Set(seen) == expected[queue])
      }
      for queue in 0..<Self.queues {
        bench.transport.collect(source: queue, memory: bench.memory, by: vcpu0)
        #expect(try bench.rings[queue].takeUsed().isEmpty, "once only")
      }
    }
    #expect(bench.faults.faults.isEmpty)
    let events = bench.observer.events
    #expect(events.count { if case .began = $0 { true } else { false } } * 2 == events.count)
  }
}
