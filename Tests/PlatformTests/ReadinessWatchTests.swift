import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Platform

@Suite("A loop that another thread visits when it is told to") struct ReadinessWatchTests {
  /// Somebody who does something else, and visits a loop only when the watch has said so.
  private final class Visitor: @unchecked Sendable {
    let loop: EventLoop<Epoll, Unobserved>
    let watch: ReadinessWatch
    let told: SharedEvent
    // The visiting thread's own.
    var visits = 0

    init() throws {
      loop = EventLoop(try Epoll(), observer: Unobserved())
      watch = try ReadinessWatch()
      told = SharedEvent(event: try EventFD())
    }

    func start() throws {
      try watch.start(name: "watch") { [told] in told.event.signal() }
    }

    /// Waits for the watch's word.
    ///
    /// - Returns: false: it did not come, and will not.
    func isTold() -> Bool {
      var descriptor = pollfd(fd: told.event.descriptor.raw, events: Int16(POLLIN), revents: 0)
      return poll(&descriptor, 1, 10_000) == 1 && told.event.consume() > 0
    }

    /// Visits each time that it was told, until `isDone`.
    func visit(until isDone: () -> Bool) throws {
      loop.beginVisits()
      while !isDone() {
        try #require(isTold())
        visits += 1
        if !loop.visit(rounds: 4) { watch.tellAgain() }
      }
    }
  }

  @Test("nothing that becomes ready is missed, whenever it does", arguments: 0..<8)
  func complete(_ seed: Int) throws {
    let visitor = try Visitor()
    let events = try (0..<5).map { _ in SharedEvent(event: try EventFD()) }
    let count = 2000
    // The visiting thread's own.
    final class Sum: @unchecked Sendable { var value: UInt64 = 0 }
    let sum = Sum()
    for event in events {
      try visitor.loop.add(event.event.descriptor.raw, label: ()) { _, _ in sum.value += event.event.consume()
      }
      try visitor.watch.change(event.event.descriptor.raw, from: [], to: .input)
    }
    try visitor.start()
    let sender = try DedicatedThread(name: "sender") {
      var random = SeededGenerator(seed: UInt64(seed))
      for _ in 0..<count {
        events.randomElement(using: &random)!.event.signal()
        // Often while the other one looks, or is on its way to its wait.
        for _ in 0..<Int.random(in: 0...2000, using: &random) { Clock.relaxForTest() }
      }
    }
    try visitor.visit { sum.value == UInt64(count) }
    sender.join()
    visitor.watch.stop()
    #expect(sum.value == UInt64(count))
    #expect(visitor.visits > 0)
  }

  @Test("what stays ready is visited again, and what is not watched for any more is not told")
  func level() throws {
    let visitor = try Visitor()
    let event = SharedEvent(event: try EventFD())
    var handled = 0
    let id = try visitor.loop.add(event.event.descriptor.raw, label: ()) { _, _ in
      handled += 1
      // Read only the tenth time.
      if handled == 10 { _ = event.event.consume() }
    }
    try visitor.watch.change(event.event.descriptor.raw, from: [], to: .input)
    event.event.signal()
    try visitor.start()
    try visitor.visit { handled == 10 }
    // Four looks a visit.
    #expect(visitor.visits >= 3)
    try visitor.loop.setInterest(of: id, to: [])
    try visitor.watch.change(event.event.descriptor.raw, from: .input, to: [])
    _ = visitor.told.event.consume()
    event.event.signal()
    try visitor.watch.change(event.event.descriptor.raw, from: [], to: .input)
    // It is told at once of what is ready when it is watched for again.
    #expect(visitor.isTold())
    visitor.watch.stop()
    #expect(handled == 10)
  }

  /// A closure cannot hold a noncopyable event.
  private final class SharedEvent: Sendable {
    let event: EventFD
    init(event: consuming EventFD) { self.event = event }
  }
}

extension Clock {
  /// Takes a moment.
  fileprivate static func relaxForTest() { _ = Clock.monotonic }
}
