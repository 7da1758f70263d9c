import Devices
import Glibc
import Platform
import Testing

@testable import Machine

@Suite("An I/O thread's loop")
struct IOThreadTests {
  /// Counts on the loop's thread; read after that has ended, or while it is paused.
  private final class Counter: @unchecked Sendable {
    var value = 0
  }

  private final class Event: Sendable {
    let event: EventFD
    init() throws { event = try EventFD() }
  }

  private func source(_ event: Event, _ handler: @escaping @Sendable () -> Void) -> IOThread.Source {
    IOThread.Source(kind: .kick, device: DeviceID(1), queue: 0, descriptor: event.event.descriptor.raw) {
      _, _ in
      _ = event.event.consume()
      handler()
    }
  }

  typealias WaitMethod = MachineConfiguration.WaitMethod

  @Test(
    "What was signalled before the end was asked for is handled", arguments: [0, 20_000] as [UInt32],
    WaitMethod.allCases)
  func handledBeforeTheEnd(pollBudget: UInt32, wait: WaitMethod) throws {
    let loop = try IOThread(index: 0, name: "io0", wait: wait, polling: .fixed(pollBudget))
    let (first, second) = (try Event(), try Event())
    let counter = Counter()
    try loop.add(
      source(first) {
        // The loop is busy with this while both come.
        second.event.signal()
        loop.end()
      })
    try loop.add(source(second) { counter.value += 1 })
    let thread = try DedicatedThread(name: "io0") { loop.run() }
    first.event.signal()
    thread.join()
    #expect(counter.value == 1)
  }

  @Test(
    "What is signalled by another thread before the end is asked for is handled, whatever the loop looks at meanwhile",
    arguments: [0, 20_000] as [UInt32], WaitMethod.allCases)
  func handledAmidTheEnd(pollBudget: UInt32, wait: WaitMethod) throws {
    for round in 0..<2000 {
      let loop = try IOThread(index: 0, name: "io0", wait: wait, polling: .fixed(pollBudget))
      let (first, last) = (try Event(), try Event())
      let counter = Counter()
      try loop.add(source(last) { counter.value += 1 })
      try loop.add(source(first) {})
      let thread = try DedicatedThread(name: "io0") { loop.run() }
      first.event.signal()
      for _ in 0..<round % 64 * 16 { _ = Clock.monotonic }
      last.event.signal()
      loop.end()
      thread.join()
      #expect(counter.value == 1, "round \(round)")
    }
  }

  @Test("While it is paused nothing is handled; afterwards everything is", arguments: WaitMethod.allCases)
  func pausing(wait: WaitMethod) throws {
    let loop = try IOThread(index: 0, name: "io0", wait: wait)
    let event = try Event()
    let counter = Counter()
    try loop.add(source(event) { counter.value += 1 })
    let thread = try DedicatedThread(name: "io0") { loop.run() }
    for round in 0..<200 {
      loop.pause()
      let before = counter.value
      event.event.signal()
      #expect(counter.value == before)
      // Every other signal is taken back, as at a reset.
      if round % 2 == 0 { _ = event.event.consume() }
      loop.resume()
    }
    // It may be asked to pause again before it woke up from the last time.
    for _ in 0..<20_000 {
      loop.pause()
      loop.resume()
    }
    // The thread may have come late, and have met nothing but pauses so far.
    event.event.signal()
    let deadline = Clock.monotonic + 20_000_000_000
    var handled = 0
    while handled == 0, Clock.monotonic < deadline {
      usleep(1000)
      loop.pause()
      handled = counter.value
      loop.resume()
    }
    #expect(handled >= 1)
    loop.end()
    thread.join()
    #expect(counter.value <= 201)
  }

  @Test(
    "A pause that comes while the loop obeys an older one is obeyed", .timeLimit(.minutes(20)),
    arguments: WaitMethod.allCases)
  func stalePauses(wait: WaitMethod) throws {
    // A loop that polls is awake when the next order comes, so that orders meet it at each of its steps.
    let loop = try IOThread(index: 0, name: "io0", wait: wait, polling: .fixed(1_000_000))
    let event = try Event()
    let counter = Counter()
    try loop.add(source(event) { counter.value += 1 })
    let thread = try DedicatedThread(name: "io0") { loop.run() }
    for round in 0..<100_000 {
      loop.pause()
      loop.resume()
      for _ in 0..<round % 512 { _ = Clock.monotonic }
      if round % 1024 == 0 { event.event.signal() }
    }
    loop.end()
    thread.join()
    #expect(counter.value >= 1)
  }
}
