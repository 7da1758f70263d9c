// What event loops do: waits and wakeups, polls, handlers, signals.

/// `loop_wait` or `loop_wakeup`.
struct SleepStep {
  var timestamp: Int64
  var location: UInt64
  var seq: UInt32
  var isWakeup: Bool
}

/// `poll_begin` or `poll_end`.
struct PollStep {
  var timestamp: Int64
  var seq: UInt32
  var isEnd: Bool
  /// Of an end: something was ready.
  var isHit: Bool
}

/// What one loop did.
struct LoopStatistics {
  var wakeups: UInt64 = 0
  /// Wakeups with nothing ready.
  var timeouts: UInt64 = 0
  var ready: UInt64 = 0
  var polls: UInt64 = 0
  var pollsReady: UInt64 = 0
  /// Time in polls whose begin and end are both there, that found something and that did not, ns.
  var hitTime: Int64 = 0
  var missTime: Int64 = 0
  /// The earliest poll's; nil: there was none.
  var firstBudget: Int64?
  var signals: UInt64 = 0
  var kicks: UInt64 = 0
  var handlers: UInt64 = 0
  let sleeps: LatencyHistogram
  /// How long each poll might last.
  let budgets: LatencyHistogram

  init() {
    sleeps = LatencyHistogram()
    budgets = LatencyHistogram()
  }

  func free() {
    sleeps.free()
    budgets.free()
  }

  /// A poll begins.
  mutating func poll(budget: UInt64, timestamp: Int64, location: UInt64) {
    polls &+= 1
    let budget = Int64(clamping: budget)
    if firstBudget == nil { firstBudget = budget }
    budgets.record(budget, timestamp: timestamp, location: location)
  }

  /// Adds what came later.

  mutating func add(_ other: LoopStatistics) {
    wakeups &+= other.wakeups
    timeouts &+= other.timeouts
    ready &+= other.ready
    polls &+= other.polls
    pollsReady &+= other.pollsReady
    hitTime &+= other.hitTime
    missTime &+= other.missTime
    firstBudget = firstBudget ?? other.firstBudget
    signals &+= other.signals
    kicks &+= other.kicks
    handlers &+= other.handlers
    sleeps.add(other.sleeps)
    budgets.add(other.budgets)
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(__always)
  func sleeps(_ thread: UnsafeMutablePointer<ThreadState>, _ step: SleepStep) {
    if thread.pointee.sleepHead != nil || pointee.isLeading {
      applySleep(thread, step)
    } else {
      thread.pointee.sleepHead = step
      thread.pointee.sleep = step
    }
  }

  @inline(__always)
  func applySleep(_ thread: UnsafeMutablePointer<ThreadState>, _ step: SleepStep) {
    let last = thread.pointee.sleep
    thread.pointee.sleep = step
    guard let last, !last.isWakeup, step.isWakeup, last.seq == step.seq else { return }
    thread.pointee.loop?.sleeps.record(
      step.timestamp &- last.timestamp, timestamp: step.timestamp, location: step.location)
  }

  @inline(__always)
  func polls(_ thread: UnsafeMutablePointer<ThreadState>, _ step: PollStep) {
    if thread.pointee.pollHead != nil || pointee.isLeading {
      applyPoll(thread, step)
    } else {
      thread.pointee.pollHead = step
      thread.pointee.poll = step
    }
  }

  @inline(__always)
  func applyPoll(_ thread: UnsafeMutablePointer<ThreadState>, _ step: PollStep) {
    let last = thread.pointee.poll
    thread.pointee.poll = step
    guard let last, !last.isEnd, step.isEnd, last.seq == step.seq else { return }
    let time = max(0, step.timestamp &- last.timestamp)
    if step.isHit { thread.pointee.loop?.hitTime &+= time } else { thread.pointee.loop?.missTime &+= time }
  }

  // MARK: Merge

  func mergeLoop(_ left: UnsafeMutablePointer<ThreadState>, _ right: UnsafeMutablePointer<ThreadState>) {
    if let head = right.pointee.sleepHead { sleeps(left, head) }
    if let sleep = right.pointee.sleep { left.pointee.sleep = sleep }
    if let head = right.pointee.pollHead { polls(left, head) }
    if let poll = right.pointee.poll { left.pointee.poll = poll }
    if let loop = right.pointee.loop { left.pointee.loop?.add(loop) }
  }
}

/// What is known of a loop.
package struct LoopResult: Sendable, Equatable {
  /// Where its time went.
  package let times: ThreadTimes
  /// Returns from its wait.
  package let wakeups: UInt64
  /// Of these with nothing ready.
  package let timeouts: UInt64
  /// Ready sources in all wakeups.
  package let ready: UInt64
  /// Returns from its wait between its first and its last event that are missing by their numbers; nil: its polls have
  /// numbers too.
  package let missingWakeups: UInt64?
  /// Times it polled before a wait.
  package let polls: UInt64
  /// Of these that found something.
  package let pollsReady: UInt64
  /// How long these polled, of those whose begin and end are both there, ns.
  package let hitTime: Int64
  /// The same of those that found nothing.
  package let missTime: Int64
  /// The first poll's budget, ns; nil: there was none.
  package let firstBudget: Int64?
  /// How long polls might last.
  package let budgets: LatencySummary
  /// Reads of kicks' eventfds.
  package let signals: UInt64
  /// Kicks that these reads stood for.
  package let kicks: UInt64
  /// Handlers started.
  package let handlers: UInt64
  /// Handlers cut by lost events or out of sequence.
  package let brokenHandlers: UInt64
  /// Requests on its thread whose begin or end could not be paired.
  package let unmatchedRequests: UInt64
  /// How long it was asleep.
  package let sleeps: LatencySummary
}

extension SliceAnalysis {
  /// Of one process's recording only: another one counts from 0.
  private func missingWakeups(_ thread: UnsafeMutablePointer<ThreadState>?) -> UInt64? {
    guard let thread, let loop = thread.pointee.loop, loop.polls == 0, state.pointee.dump.machines.count < 2
    else { return nil }
    let all = thread.pointee.clock.wakeups
    return all >> 31 > 0 ? nil : all &- min(all, loop.wakeups)
  }

  func loop(
    _ id: Int, _ thread: UnsafeMutablePointer<ThreadState>?, _ unmatched: [Int: UInt64]
  ) -> LoopResult {
    let loop = thread?.pointee.loop
    return LoopResult(
      times: times(id, thread), wakeups: loop?.wakeups ?? 0, timeouts: loop?.timeouts ?? 0,
      ready: loop?.ready ?? 0, missingWakeups: missingWakeups(thread),
      polls: loop?.polls ?? 0, pollsReady: loop?.pollsReady ?? 0, hitTime: loop?.hitTime ?? 0,
      missTime: loop?.missTime ?? 0, firstBudget: loop?.firstBudget,
      budgets: loop.map { LatencySummary($0.budgets) } ?? LatencySummary(), signals: loop?.signals ?? 0,
      kicks: loop?.kicks ?? 0, handlers: loop?.handlers ?? 0,
      brokenHandlers: thread?.pointee.brokenHandlers ?? 0,
      unmatchedRequests: thread.flatMap { unmatched[$0.pointee.index] } ?? 0,
      sleeps: loop.map { LatencySummary($0.sleeps) } ?? LatencySummary())
  }
}

// MARK: Kept in a file

extension SleepStep {
  static var blank: SleepStep { SleepStep(timestamp: 0, location: 0, seq: 0, isWakeup: false) }

  /// - Parameter thread: Index of its thread.
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, thread: thread)
    try coder.code(&seq)
    try coder.code(&isWakeup)
  }
}

extension PollStep {
  static var blank: PollStep { PollStep(timestamp: 0, seq: 0, isEnd: false, isHit: false) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(&seq)
    try coder.code(&isEnd)
    try coder.code(&isHit)
  }
}

extension LoopStatistics {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &wakeups)
    try coder.code(count: &timeouts)
    try coder.code(&ready)
    try coder.code(count: &polls)
    try coder.code(count: &pollsReady)
    for time in [\LoopStatistics.hitTime, \.missTime] {
      try coder.code(&self[keyPath: time])
      try coder.require((0...StateCoder.longest).contains(self[keyPath: time]), "a time that polling took")
    }
    try coder.code(&firstBudget)
    try coder.code(count: &signals)
    try coder.code(&kicks)
    try coder.code(count: &handlers)
    try sleeps.code(&coder)
    try budgets.code(&coder)
  }
}
