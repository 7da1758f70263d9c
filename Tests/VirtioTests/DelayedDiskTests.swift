import Devices
import Foundation
import GuestRAM
import Platform
import RingDriver
import TestSupport
import Testing

@testable import Virtio

/// Disks whose requests are over no sooner than was said.
@Suite("A disk with a latency")
struct DelayedDiskTests {
  /// Those whose arrivals are descriptors.
  private static let ways = DiskWay.usable.filter { $0 != .sharedRing }

  @Test(
    "Each request takes what was said, or longer, whatever is under way beside it; and data are as without it",
    arguments: ways, [CacheMode.writeback, .none])
  func latency(way: DiskWay, cache: CacheMode) throws {
    let latency: UInt64 = 20_000_000
    let bench = try DiskBench(by: way, cache: cache, latency: latency)
    var random = SeededGenerator(seed: 5)
    var began: [UInt16: (time: UInt64, place: Int, sector: UInt64)] = [:]
    var next = 0
    var shortest = UInt64.max
    while next < 60 || !began.isEmpty {
      // Others come while the first ones are held, so that their times come one after the other.
      while next < 60, began.count < 8, Bool.random(using: &random) || began.isEmpty {
        let place = (0..<16).first { place in !began.values.contains { $0.place == place } }
        let sector = UInt64.random(in: 0..<60, using: &random)
        let head = try bench.add(0, sector, data: 2048, at: try #require(place))
        began[head] = (Clock.monotonic, try #require(place), sector)
        next += 1
        try bench.kick()
      }
      let used = try bench.complete(1)
      let now = Clock.monotonic
      try #require(!used.isEmpty, "\(began.count) requests are never over")
      for one in used {
        let found = began.removeValue(forKey: one.head)
        let request = try #require(found)
        shortest = min(shortest, now - request.time)
        #expect(try bench.status(at: request.place) == 0)
        let bytes = try bench.memory.read(count: 2048, at: bench.data(at: request.place))
        #expect(
          bytes == Array(DiskBench.content[Int(request.sector) * 512..<Int(request.sector) * 512 + 2048]))
      }
    }
    #expect(shortest >= latency)
    #expect(!(try bench.isSignalled(queue: 0)), "the loop would wake up for nothing, again and again")
  }

  @Test("Requests that are made together are over together: the loop does not wait for each", arguments: ways)
  func together(way: DiskWay) throws {
    let latency: UInt64 = 200_000_000
    let bench = try DiskBench(by: way, latency: latency)
    let begin = Clock.monotonic
    for place in 0..<16 { _ = try bench.add(0, UInt64(place), data: 512, at: place) }
    try bench.kick()
    #expect(try bench.complete(16).count == 16)
    #expect((latency..<8 * latency).contains(Clock.monotonic - begin))
  }

  @Test("A reset gives up what is held, and does not wait for it", arguments: ways)
  func reset(way: DiskWay) throws {
    let bench = try DiskBench(by: way, latency: 3_600_000_000_000)
    for place in 0..<5 { _ = try bench.add(0, UInt64(place), data: 512, at: place) }
    try bench.kick()
    let begin = Clock.monotonic
    #expect(bench.observer.backendEvents.count == 5, "submitted, and nothing else")
    bench.transport.write(0, MMIODriver.status, in: bench.memory)
    #expect(bench.observer.events.count { if case .ended = $0 { true } else { false } } == 5)
    #expect(try bench.ring.takeUsed().isEmpty)
    #expect(!(try bench.isSignalled(queue: 0)))
    // Who waits for what is under way and goes on has it all, and the loop is told to take it.
    let other = try DiskBench(by: way, latency: 3_600_000_000_000)
    for place in 0..<5 { _ = try other.add(0, UInt64(place), data: 512, at: place) }
    try other.kick()
    other.backend.settle()
    #expect(try other.complete(5).count == 5)
    #expect(Clock.monotonic - begin < 60_000_000_000)
  }
}
