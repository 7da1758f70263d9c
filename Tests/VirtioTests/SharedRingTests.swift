import Devices
import Foundation
import GuestRAM
import Platform
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// A disk that hands its requests to the ring in which its loop waits, while that waits, and other threads use the disk.
@Suite(
  "A ring that a loop and a disk share", .enabled(if: DiskWay.usable.contains(.sharedRing), "needs io_uring"))
struct SharedRingTests {
  /// A loop's thread, which collects under the device's lock.
  private final class LoopThread: @unchecked Sendable {
    private let bench: DiskBench
    private let lock: Lock
    private let end: EventFD
    private var thread: DedicatedThread?

    init(_ bench: DiskBench, _ lock: Lock) throws {
      self.bench = bench
      self.lock = lock
      end = try EventFD()
      try bench.loop.poller.add(end.descriptor.raw, for: .input, token: 1000)
      thread = try DedicatedThread(name: "loop") { [unowned self] in run() }
    }

    private func run() {
      while true {
        guard let ready = try? bench.loop.wait(-1) else {
          Issue.record("waiting failed")
          return
        }
        if ready.contains(0) {
          _ = lock.withLock {
            bench.transport.collect(source: 0, memory: bench.memory, by: ThreadContext(kind: .loop, id: 0))
          }
        }
        if ready.contains(1000) { return }
      }
    }

    func stop() {
      end.signal()
      thread?.join()
    }
  }

  @Test(
    "Requests that other threads submit, and resets amid them, lose no completion and block nobody",
    .timeLimit(.minutes(20)), arguments: 0..<4 as Range<UInt64>)
  func threads(seed: UInt64) throws {
    try DedicatedThread.prepareInterrupts()
    var random = SeededGenerator(seed: seed)
    let bench = try DiskBench(
      by: .sharedRing, requests: seed % 2 == 0 ? 256 : 5, cache: seed < 2 ? .writeback : .none)
    let lock = Lock()
    let loop = try LoopThread(bench, lock)
    for round in 0..<300 {
      let count = Int.random(in: 1...16, using: &random)
      try lock.withLock {
        for place in 0..<count {
          _ = try bench.add(place % 3 == 0 ? 1 : 0, UInt64(place), data: 1024, at: place)
        }
        try bench.kick()
      }
      if round % 5 == 0 {
        // While the loop may wait for the lock that is held meanwhile.
        try lock.withLock {
          bench.transport.write(0, MMIODriver.status)
          try bench.ring.restart()
          bench.connect()
        }
        continue
      }
      var used = 0
      let deadline = Clock.monotonic + 20_000_000_000
      while used < count, Clock.monotonic < deadline {
        used += try lock.withLock { try bench.ring.takeUsed().count }
      }
      #expect(used == count, "round \(round)")
      if used < count { break }
    }
    loop.stop()
    #expect(bench.faults.faults.isEmpty)
  }

  @Test("What a loop submits is carried out when it waits, and is there at once if it can be")
  func deferred() throws {
    let bench = try DiskBench(by: .sharedRing)
    // Which thread is the loop's is known when it has waited.
    #expect(try bench.loop.wait(0).isEmpty)
    _ = try bench.add(0, 3, data: 512)
    try bench.kick()
    #expect(try bench.ring.takeUsed().isEmpty)
    #expect(try bench.loop.wait(20_000) == [0])
    // It is ready as long as nobody takes it.
    #expect(try bench.loop.wait(-1) == [0])
    bench.transport.collect(source: 0, memory: bench.memory, by: vcpu0)
    #expect(try bench.ring.takeUsed().count == 1)
    #expect(try bench.status() == 0)
    #expect(try bench.loop.wait(0).isEmpty)
  }
}
