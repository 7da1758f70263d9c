import CLinux

/// Waits for descriptors and timers, and runs the handler of each one that is ready. One thread runs it.
///
/// Generic over how it waits and over who watches: where both are known, an iteration is compiled into one piece with them.
public final class EventLoop<Polling: Poller, Observer: EventLoopObserver>: @unchecked Sendable {
  /// Does what there is to do for a source.
  public typealias Handler = (Observer.Context, Readiness) -> Void

  /// A source, to the loop that it was added to.
  public struct SourceID: Sendable, Equatable {
    let token: UInt32
  }

  @usableFromInline struct Source {
    let descriptor: CInt
    @usableFromInline var interest: Readiness
    @usableFromInline let label: Observer.Label
    @usableFromInline let handler: Handler
  }

  // All of it is the running thread's own, and before that the thread's that makes the loop.
  @usableFromInline let poller: Polling
  @usableFromInline @exclusivity(unchecked) var observer: Observer
  // By token.
  @usableFromInline @exclusivity(unchecked) var sources: [Source] = []
  @usableFromInline @exclusivity(unchecked) var deferred: [() -> Void] = []
  @usableFromInline @exclusivity(unchecked) var isEnding = false

  /// Makes a loop without sources.
  public init(_ poller: Polling, observer: Observer) {
    self.poller = poller
    self.observer = observer
  }

  // MARK: What there is to do. On the loop's own thread, or before it runs.

  /// Adds a descriptor, which stays open as long as the loop is used.
  ///
  /// - Parameters:
  ///   - interest: what is waited for.
  ///   - label: what the observer knows it by.
  ///   - handler: called as long as what is waited for is the case, with what of it is.
  @discardableResult
  public func add(
    _ descriptor: CInt, for interest: Readiness = .input, label: Observer.Label, _ handler: @escaping Handler
  ) throws(Errno) -> SourceID {
    let token = UInt32(sources.count)
    try poller.add(descriptor, for: interest, token: token)
    sources.append(Source(descriptor: descriptor, interest: interest, label: label, handler: handler))
    return SourceID(token: token)
  }

  /// Waits for something else of a source; for nothing, until this is called again, with an empty interest.
  public func setInterest(of source: SourceID, to interest: Readiness) throws(Errno) {
    let index = Int(source.token)
    let old = sources[index].interest
    guard old != interest else { return }
    try poller.change(sources[index].descriptor, from: old, to: interest, token: source.token)
    sources[index].interest = interest
  }

  /// Adds a timer, which begins to run now.
  ///
  /// - Parameters:
  ///   - nanoseconds: until it expires first.
  ///   - repeating: whether it goes on with the same period.
  ///   - handler: called with the number of expirations since the last time, at least 1.
  public func addTimer(
    nanoseconds: UInt64, repeating: Bool, label: Observer.Label,
    _ handler: @escaping (Observer.Context, UInt64) -> Void
  ) throws(Errno) {
    let timer = SharedTimer(try Timer(nanoseconds: nanoseconds, repeating: repeating))
    try add(timer.timer.descriptor.raw, label: label) { context, _ in
      let expirations = timer.timer.consume()
      if expirations > 0 { handler(context, expirations) }
    }
  }

  /// Leaves work for when the handlers of what is ready now have run, and before the loop waits again.
  public func afterHandlers(_ work: @escaping () -> Void) { deferred.append(work) }

  /// Has `run` return when the handlers of what is ready now have run.
  public func end() { isEnding = true }

  // MARK: Running

  /// Runs until `end`.
  ///
  /// - Parameter polling: how long to look for something ready before blocking: an interrupt later is a wakeup less, at the
  ///   price of a busy processor.
  @inlinable
  public func run(polling: PollingBudget) {
    var polling = polling
    repeat { runOnce(timeout: -1, polling: &polling) } while !isEnding
  }

  /// Runs until `end`, with a budget for polling that stays as it is, nanoseconds.
  @inlinable
  public func run(pollBudget: UInt32) { run(polling: .fixed(pollBudget)) }

  /// Waits once, and runs the handlers of what is ready.
  ///
  /// - Parameters:
  ///   - timeout: milliseconds, -1 for no limit.
  ///   - pollBudget: how long it polls before that, nanoseconds.
  @inlinable
  public func runOnce(timeout: CInt, pollBudget: UInt32 = 0) {
    var polling = PollingBudget.fixed(pollBudget)
    runOnce(timeout: timeout, polling: &polling)
  }

  /// Waits once, and runs the handlers of what is ready.
  ///
  /// - Parameters:
  ///   - timeout: milliseconds, -1 for no limit.
  ///   - polling: how long it polls before that; learns from it.
  @inlinable
  public func runOnce(timeout: CInt, polling: inout PollingBudget) {
    // Deferred work that left more of it is not kept waiting.
    let mayBlock = deferred.isEmpty
    let start = polling.isAdaptive && mayBlock ? Clock.monotonic : 0
    var count = polling.current > 0 && mayBlock ? poll(polling.current) : 0
    if count == 0 {
      let timeout = mayBlock ? timeout : 0
      observer.willWait(timeout: timeout)
      // Fails only for a bad descriptor or buffer, which are the poller's own.
      count = (try? poller.wait(timeout: timeout)) ?? 0
      observer.didWait(ready: count)
      // Something that a poll has found was within its budget.
      if polling.isAdaptive && mayBlock { polling.took(Clock.monotonic &- start) }
    }
    handle(count)
  }

  /// Runs the handlers of so many sources that the poller has found ready, and what they left to be done after them.
  @inlinable
  func handle(_ count: Int) {
    for place in 0..<count {
      let ready = poller.ready(at: place)
      let source = sources[Int(ready.token)]
      // A handler before this one may have changed what is waited for.
      let readiness = ready.readiness.intersection(source.interest)
      guard !readiness.isEmpty else { continue }
      observer.willHandle(source.label)
      source.handler(observer.context, readiness)
      observer.didHandle(source.label)
    }
    if !deferred.isEmpty { runDeferred() }
    observer.iterationEnded()
  }

  @usableFromInline
  func runDeferred() {
    let work = deferred
    deferred = []
    for item in work { item() }
  }

  @inlinable
  func poll(_ budget: UInt32) -> Int {
    observer.willPoll(budget: budget)
    let end = Clock.monotonic &+ UInt64(budget)
    var count = 0
    repeat {
      count = (try? poller.wait(timeout: 0)) ?? 0
      if count == 0 { clinux_relax() }
    } while count == 0 && Clock.monotonic < end
    observer.didPoll(ready: count)
    return count
  }
}

/// A closure cannot hold a noncopyable timer.
private final class SharedTimer {
  let timer: Timer
  init(_ timer: consuming Timer) { self.timer = timer }
}

/// Watches an event loop, and tells handlers which iteration they belong to. Called on the loop's thread.
public protocol EventLoopObserver {
  /// What a source is known by.
  associatedtype Label
  /// What handlers are told.
  associatedtype Context
  /// What handlers are told now.
  var context: Context { get }
  /// The loop is about to look for something ready, for so many nanoseconds.
  mutating func willPoll(budget: UInt32)
  /// It has; 0: nothing was ready in all that time.
  mutating func didPoll(ready: Int)
  /// The loop is about to block.
  mutating func willWait(timeout: CInt)
  /// It blocks no more; so many sources are ready.
  mutating func didWait(ready: Int)
  /// A source's handler is about to run.
  mutating func willHandle(_ label: Label)
  /// It has returned.
  mutating func didHandle(_ label: Label)
  /// All that was ready has been handled.
  mutating func iterationEnded()
}

/// Watches nothing.
public struct Unobserved: EventLoopObserver {
  /// Nothing.
  public var context: Void { () }

  /// Makes one.
  public init() {}

  /// Nothing is done.
  @inlinable public mutating func willPoll(budget: UInt32) {}
  /// Nothing is done.
  @inlinable public mutating func didPoll(ready: Int) {}
  /// Nothing is done.
  @inlinable public mutating func willWait(timeout: CInt) {}
  /// Nothing is done.
  @inlinable public mutating func didWait(ready: Int) {}
  /// Nothing is done.
  @inlinable public mutating func willHandle(_ label: Void) {}
  /// Nothing is done.
  @inlinable public mutating func didHandle(_ label: Void) {}
  /// Nothing is done.
  @inlinable public mutating func iterationEnded() {}
}
