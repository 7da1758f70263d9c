import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("The event loop") struct EventLoopTests {
  /// Writes down what a loop does.
  private struct Notes: EventLoopObserver {
    final class Text { var lines: [String] = [] }
    let text = Text()
    var context = 0

    func willPoll(budget: UInt32) { text.lines.append("poll \(budget)") }
    func didPoll(ready: Int) { text.lines.append("polled \(ready)") }
    func willWait(timeout: CInt) { text.lines.append("wait \(timeout)") }
    func didWait(ready: Int) { text.lines.append("woken \(ready)") }
    func willHandle(_ label: String) { text.lines.append("begin \(label)") }
    func didHandle(_ label: String) { text.lines.append("end \(label)") }
    mutating func iterationEnded() { context += 1 }
  }

  /// Says what a script says: another way to wait than epoll(7).
  private final class Script: Poller {
    var rounds: [[(token: UInt32, readiness: Readiness)]]
    private var current: [(token: UInt32, readiness: Readiness)] = []
    var interests: [CInt: Readiness] = [:]

    init(_ rounds: [[(token: UInt32, readiness: Readiness)]]) { self.rounds = rounds }
    func add(_ descriptor: CInt, for interest: Readiness, token: UInt32) throws(Errno) {
      interests[descriptor] = interest
    }
    func change(_ descriptor: CInt, from old: Readiness, to interest: Readiness, token: UInt32) throws(Errno)
    {
      #expect(interests.updateValue(interest, forKey: descriptor) == old)
    }
    func wait(timeout: CInt) throws(Errno) -> Int {
      current = rounds.isEmpty ? [] : rounds.removeFirst()
      return current.count
    }
    func ready(at place: Int) -> (token: UInt32, readiness: Readiness) { current[place] }
  }

  @Test("Handlers run in order, with their iteration, and the observer sees all of it")
  func order() throws {
    let notes = Notes()
    let poller = Script([
      [(1, .input), (0, .input)], [], [(0, .output)], [(0, [.input, .output]), (1, .input)],
    ])
    let loop = EventLoop(poller, observer: notes)
    try loop.add(10, for: [.input, .output], label: "a") { context, ready in
      notes.text.lines.append("a \(context) \(ready.rawValue)")
      if context == 3 { loop.end() }
    }
    try loop.add(11, label: "b") { context, ready in notes.text.lines.append("b \(context) \(ready.rawValue)")
    }
    loop.run(pollBudget: 0)
    let a = { (text: String) in ["begin a", "a " + text, "end a"] }
    let b = { (text: String) in ["begin b", "b " + text, "end b"] }
    let expected: [[String]] = [
      ["wait -1", "woken 2"], b("0 1"), a("0 1"), ["wait -1", "woken 0", "wait -1", "woken 1"], a("2 2"),
      // What was ready when the end was asked for is handled.
      ["wait -1", "woken 2"], a("3 3"), b("3 1"),
    ]
    #expect(notes.text.lines == expected.flatMap { $0 })
  }

  @Test("Something found by polling is handled without a wait")
  func polling() throws {
    let notes = Notes()
    let loop = EventLoop(Script([[], [], [(0, .input)]]), observer: notes)
    try loop.add(10, label: "a") { _, _ in loop.end() }
    loop.run(pollBudget: 1_000_000_000)
    #expect(notes.text.lines == ["poll 1000000000", "polled 1", "begin a", "end a"])
  }

  @Test("What is not waited for any more is not handled, though it was ready")
  func interest() throws {
    let notes = Notes()
    let both: [(token: UInt32, readiness: Readiness)] = [(0, [.input, .output]), (1, [.input, .output])]
    let loop = EventLoop(Script([both, both, both]), observer: notes)
    var other: EventLoop<Script, Notes>.SourceID?
    let interests: [Readiness] = [[], .output, .input]
    try loop.add(10, label: "a") { context, ready in
      #expect(ready == .input)
      try? loop.setInterest(of: other!, to: interests[context])
    }
    var seen: [Readiness] = []
    other = try loop.add(11, for: [.input, .output], label: "b") { _, ready in seen.append(ready) }
    for _ in 0..<3 { loop.runOnce(timeout: 0) }
    #expect(seen == [.output, .input])
    #expect(loop.poller.interests == [10: .input, 11: .input])
  }

  @Test("Deferred work runs after all handlers; what it defers runs after the next ones, soon")
  func deferred() throws {
    let notes = Notes()
    let loop = EventLoop(Script([[(0, .input), (1, .input)]]), observer: notes)
    try loop.add(10, label: "a") { _, _ in
      loop.afterHandlers {
        notes.text.lines.append("first")
        loop.afterHandlers { notes.text.lines.append("second") }
      }
    }
    try loop.add(11, label: "b") { _, _ in }
    for _ in 0..<3 { loop.runOnce(timeout: -1) }
    #expect(
      notes.text.lines == [
        "wait -1", "woken 2", "begin a", "end a", "begin b", "end b", "first", "wait 0", "woken 0", "second",
        "wait -1", "woken 0",
      ])
  }

  @Test("A loop that polls does not look for something else while work is deferred")
  func deferredWhilePolling() throws {
    let notes = Notes()
    let loop = EventLoop(Script([[(0, .input)]]), observer: notes)
    try loop.add(10, label: "a") { _, _ in
      loop.afterHandlers { loop.afterHandlers { notes.text.lines.append("second") } }
    }
    loop.runOnce(timeout: -1, pollBudget: 1000)
    loop.runOnce(timeout: -1, pollBudget: 1000)
    #expect(notes.text.lines.suffix(3) == ["wait 0", "woken 0", "second"])
    #expect(notes.text.lines.filter { $0.hasPrefix("poll ") }.count == 1, "\(notes.text.lines)")
  }

  @Test("A pipe is written when it has room and read when there is something, until it was closed")
  func pipe() throws {
    var ends: [CInt] = [0, 0]
    #expect(Glibc.pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    let (read, write) = (ends[0], ends[1])
    let loop = EventLoop(try Epoll(), observer: Unobserved())
    var written = 0
    var taken = 0
    var ended = false
    let block = [UInt8](repeating: 7, count: 5000)
    var output: EventLoop<Epoll, Unobserved>.SourceID?
    output = try loop.add(write, for: .output, label: ()) { _, ready in
      #expect(ready == .output)
      let count = Glibc.write(write, block, block.count)
      #expect(count > 0)
      written += count
      if written >= 1_000_000 {
        try? loop.setInterest(of: output!, to: [])
        Glibc.close(write)
      }
    }
    try loop.add(read, label: ()) { _, ready in
      #expect(ready == .input)
      var buffer = [UInt8](repeating: 0, count: 3000)
      let count = Glibc.read(read, &buffer, buffer.count)
      if count == 0 { (ended, _) = (true, loop.end()) }
      taken += max(count, 0)
    }
    loop.run(pollBudget: 0)
    Glibc.close(read)
    #expect(ended)
    #expect(taken == written)
  }

  @Test("A source that has failed is not told of while nothing is waited for")
  func failed() throws {
    var ends: [CInt] = [0, 0]
    #expect(Glibc.pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    Glibc.close(ends[0])
    defer { Glibc.close(ends[1]) }
    let loop = EventLoop(try Epoll(), observer: Unobserved())
    var calls = 0
    let source = try loop.add(ends[1], for: .output, label: ()) { _, _ in calls += 1 }
    loop.runOnce(timeout: 1000)
    #expect(calls == 1)
    try loop.setInterest(of: source, to: [])
    loop.runOnce(timeout: 10)
    #expect(calls == 1)
    try loop.setInterest(of: source, to: .output)
    loop.runOnce(timeout: 1000)
    #expect(calls == 2)
  }

  @Test("Timers expire once, or again and again until the end")
  func timers() throws {
    let loop = EventLoop(try Epoll(), observer: Unobserved())
    var once: UInt64 = 0
    var often: UInt64 = 0
    try loop.addTimer(nanoseconds: 1_000_000, repeating: false, label: ()) { _, count in once += count }
    try loop.addTimer(nanoseconds: 2_000_000, repeating: true, label: ()) { _, count in
      #expect(count >= 1)
      often += count
      if often >= 5 { loop.end() }
    }
    try loop.addTimer(nanoseconds: .max, repeating: true, label: ()) { _, _ in Issue.record("too early") }
    let start = Clock.monotonic
    loop.run(pollBudget: 0)
    #expect(once == 1)
    #expect(often >= 5)
    #expect(Clock.monotonic - start >= 10_000_000)
  }
}
