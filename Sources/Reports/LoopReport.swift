/// How long a loop's polls might last, ns.
package struct PollBudgetReport: Codable, Equatable, Sendable {
  /// The first one.
  package var first: Int64
  /// Half of them might last so long at most.
  package var median: Int64
  /// The longest.
  package var largest: Int64

  package init(first: Int64, median: Int64, largest: Int64) {
    self.first = first
    self.median = median
    self.largest = largest
  }
}

/// Where a loop's time went: `asleep + polling + handling + lockWait + other + unknown + outside` is exactly
/// `span`.
package struct LoopReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Its id.
  package var id: Int
  /// Its thread's name.
  package var name: String
  /// Thread id.
  package var tid: UInt32?
  /// The vCPU whose thread runs it between exits; nil: it has a thread of its own. What it handles is in that vCPU's `other` then, and
  /// `scheduling` is that of the thread that watches descriptors for it.
  package var threadOf: String?
  /// The time covered: the duration of the trace.
  package var span: Int64
  /// Blocked in its wait.
  package var asleep: Int64
  /// Busy polling.
  package var polling: Int64
  /// In handlers.
  package var handling: Int64
  /// `handling` by device or kind of source, longest first.
  package var sources: [ShareReport]
  /// Waiting for locks.
  package var lockWait: Int64
  /// Waking up, between handlers and before waiting again.
  package var other: Int64
  /// Not proven by the trace: something was lost.
  package var unknown: Int64
  /// Before its first and after its last event.
  package var outside: Int64
  /// What the host knew of its thread; nil: nothing.
  package var scheduling: SchedulingReport?
  /// What recording cost it; nil: the recording does not tell.
  package var recording: RecordingCostReport?
  /// Returns from the wait.
  package var wakeups: UInt64
  /// Those between its first and its last event that are missing by their numbers; nil: polls have numbers too.
  package var missingWakeups: UInt64?
  /// How often it woke up.
  package var rate: RateReport?
  /// Of these with nothing ready.
  package var timeouts: UInt64
  /// Times it polled.
  package var polls: UInt64
  /// Of these that found something ready.
  package var pollsReady: UInt64
  /// How long these took, of those whose begin and end are both there, ns; nil in a report of an early build.
  package var pollHitTime: Int64?
  /// The same of those that found nothing: processor time that was of no use.
  package var pollMissTime: Int64?
  /// How long polls might last; nil: there were none.
  package var pollBudget: PollBudgetReport?
  /// Handlers run.
  package var handlers: UInt64
  /// Reads of kicks' eventfds.
  package var signals: UInt64
  /// Kicks that these reads stood for.
  package var kicks: UInt64
  /// Handlers that lost events cut, or out of sequence.
  package var brokenHandlers: UInt64
  /// Requests whose begin or end could not be paired.
  package var unmatchedRequests: UInt64
  /// Events that do not follow from the one before though nothing is known to be lost.
  package var unexplained: UInt64
  /// How long it slept.
  package var sleeps: LatencyReport

  package init(
    machine: String? = nil, id: Int, name: String, tid: UInt32? = nil, threadOf: String? = nil, span: Int64,
    asleep: Int64,
    polling: Int64, handling: Int64, sources: [ShareReport], lockWait: Int64, other: Int64, unknown: Int64,
    outside: Int64, scheduling: SchedulingReport? = nil, recording: RecordingCostReport? = nil,
    wakeups: UInt64, missingWakeups: UInt64? = nil,
    rate: RateReport? = nil, timeouts: UInt64, polls: UInt64, pollsReady: UInt64,
    pollHitTime: Int64? = nil, pollMissTime: Int64? = nil, pollBudget: PollBudgetReport? = nil,
    handlers: UInt64,
    signals: UInt64, kicks: UInt64, brokenHandlers: UInt64, unmatchedRequests: UInt64, unexplained: UInt64,
    sleeps: LatencyReport
  ) {
    self.machine = machine
    self.id = id
    self.name = name
    self.tid = tid
    self.threadOf = threadOf
    self.span = span
    self.asleep = asleep
    self.polling = polling
    self.handling = handling
    self.sources = sources
    self.lockWait = lockWait
    self.other = other
    self.unknown = unknown
    self.outside = outside
    self.scheduling = scheduling
    self.recording = recording
    self.wakeups = wakeups
    self.missingWakeups = missingWakeups
    self.rate = rate
    self.timeouts = timeouts
    self.polls = polls
    self.pollsReady = pollsReady
    self.pollHitTime = pollHitTime
    self.pollMissTime = pollMissTime
    self.pollBudget = pollBudget
    self.handlers = handlers
    self.signals = signals
    self.kicks = kicks
    self.brokenHandlers = brokenHandlers
    self.unmatchedRequests = unmatchedRequests
    self.unexplained = unexplained
    self.sleeps = sleeps
  }
}

extension LoopReport {
  /// The name of the thread that `scheduling` is of: its own, or that of the thread that watches descriptors for it.
  package var scheduledThread: String { threadOf == nil ? name : "watch" }
}
