import CTF

/// Whether all events that a recording should have are in what was read, as far as that can be told.
package struct Wholeness: Sendable, Equatable {
  /// What is there of the readings that end a run.
  package enum End: String, Sendable {
    /// All of them.
    case present
    /// Not all of them: the recording ended before the run did, or is cut.
    case missing
    /// The trace does not declare them.
    case notRecorded = "not_recorded"
  }

  /// A thread, or all threads of this kind and id where several recordings are read together.
  package struct Thread: Sendable, Equatable {
    /// `thread_kind` of the catalogue; nil: all threads beyond the number that is told apart.
    package let kind: Int?
    /// Its id.
    package let id: Int
    /// Events that it emitted while it was listened to; nil: not known.
    package let emitted: UInt64?
    /// Those of them that were read.
    package let recorded: UInt64
  }

  /// Whether the totals at the end are there.
  package let end: End
  /// Events that should be there, from `since` on; nil: not known.
  package let emitted: UInt64?
  /// Events that were read.
  package let recorded: UInt64
  /// Events that should be there and are not, whatever the cause; nil: not known.
  package let missing: UInt64?
  /// At most so many more are missing: a session that attached to a running VMM has its first reading while threads run.
  package let unaccounted: UInt64
  /// Events that were read though they were not emitted: something was read twice.
  package let excess: UInt64
  /// The moment of the reading from which on this holds, ns since the clock's origin; nil: from the first event on.
  package let since: Int64?
  /// Threads of which something is known: vCPUs, loops, the main thread, then what is beyond the limits.
  package let threads: [Thread]
  /// The totals say that nothing is missing.
  package let isComplete: Bool
  /// A run went on when its trace was as large as it may be (`--trace-limit`): of what came after, nothing was emitted.
  package let isLimited: Bool
}

/// What is known of one thread's events, or of all of a trace.
private struct Account {
  var emitted: UInt64 = 0
  var recorded: UInt64 = 0
  var missing: UInt64 = 0
  var unaccounted: UInt64 = 0
  var excess: UInt64 = 0
  var since: Int64?

  /// - Parameters:
  ///   - emitted: Events emitted since a reading.
  ///   - recorded: Events recorded since the beginning.
  ///   - before: How many of these the thread had emitted when the reading was taken, at least and at most.
  init(emitted: UInt64, recorded: UInt64, before: ClosedRange<UInt64>, since: Int64?) {
    let (least, most) = (
      recorded &- min(recorded, before.upperBound), recorded &- min(recorded, before.lowerBound)
    )
    self.emitted = emitted
    self.recorded = least
    missing = emitted > most ? emitted - most : 0
    unaccounted = emitted > least ? emitted - least - missing : 0
    excess = least > emitted ? least - emitted : 0
    self.since = since
  }

  init() {}

  /// So many events are there that are not counted as recorded, from the beginning of the trace on.
  mutating func allow(_ others: UInt64) {
    let found = min(missing, others)
    missing &-= found
    if since != nil { unaccounted &+= found }
  }

  static func += (left: inout Account, right: Account) {
    left.emitted &+= right.emitted
    left.recorded &+= right.recorded
    left.missing &+= right.missing
    left.unaccounted &+= right.unaccounted
    left.excess &+= right.excess
    left.since = [left.since, right.since].compactMap { $0 }.max()
  }
}

extension TraceAnalysis {
  /// Whether all events are there, by the totals that each thread left.
  ///
  /// - Parameter trace: The trace that was analysed, without a window.
  package func wholeness(of trace: Trace) -> Wholeness {
    var recorded = [UInt64](repeating: 0, count: trace.members.count)
    for (stream, count) in zip(trace.streams, deliveredEvents) { recorded[stream.trace] &+= count }
    return models.wholeness(
      recordedByRun: recorded, unknownEvents: unknownEvents, newer: newerEvents.reduce(0) { $0 &+ $1.count })
  }
}

extension SliceAnalysis {
  /// Whether all events are there.
  package func wholeness(_ facts: TraceFacts) -> Wholeness {
    wholeness(
      recordedByRun: facts.eventsByRecording, unknownEvents: facts.unknownEvents,
      newer: facts.newerEvents.reduce(0) { $0 &+ $1.count })
  }

  /// Whether all events are there.
  ///
  /// - Parameters:
  ///   - recordedByRun: The events read of each trace.
  ///   - unknownEvents: What the traces do not declare.
  ///   - newer: Events of `exeunt` that are there, but of kinds that this build does not know.
  func wholeness(recordedByRun: [UInt64], unknownEvents: [String], newer: UInt64 = 0) -> Wholeness {
    let state = state.pointee
    let totals = state.totals
    let recorded = state.allEvents
    let runs = recordedByRun.count
    let isDeclared = !unknownEvents.contains(EventTag.eventTotals.qualifiedName)
    let ended = (0..<runs).map { state.endedProcesses(run: $0) }
    var end = Wholeness.End.present
    if !isDeclared || recorded == 0 {
      end = .notRecorded
    } else if runs > Limits.runs || totals.unanalysed > 0 || ended.contains(0) {
      end = .missing
    }
    var threads: [Wholeness.Thread] = []
    var accounts: [Account?] = []
    let counted = Set(totals.ends.keys.lazy.map(\.thread)).union(totals.starts.keys.lazy.map(\.thread))
    for thread in 0...AnalysisState.threadCount {
      guard counted.contains(thread) || state.recorded(thread) > 0 else { continue }
      let account = end == .present ? state.account(thread, ended: ended) : nil
      accounts.append(account)
      threads.append(state.thread(thread, account))
    }
    let all: Account?
    if runs == 1 {
      all =
        accounts.allSatisfy { $0 != nil } ? accounts.reduce(into: Account()) { $0 += $1 ?? Account() } : nil
    } else {
      let each = (0..<min(runs, Limits.runs)).map {
        state.account(run: $0, recorded: recordedByRun[$0], ended: ended[$0])
      }
      all =
        end == .present && each.allSatisfy { $0 != nil }
        ? each.reduce(into: Account()) { $0 += $1 ?? Account() } : nil
    }
    var known = end == .present ? all : nil
    if newer > 0 {
      known?.allow(newer)
      // Whose they are is not known.
      threads = threads.map { thread in
        thread.emitted ?? 0 > thread.recorded
          ? Wholeness.Thread(kind: thread.kind, id: thread.id, emitted: nil, recorded: thread.recorded)
          : thread
      }
    }
    // What another session recorded was emitted too: of some events only, it can be told that all are there, not how
    // many are missing.
    // Recordings of builds that had an event not yet do not declare it either.
    let isSelection = !unknownEvents.isEmpty && !EventTag.areLater(unknownEvents)
    if let found = known, found.missing > 0, isSelection { known = nil }
    return Wholeness(
      end: end, emitted: known?.emitted, recorded: recorded, missing: known?.missing,
      unaccounted: known?.unaccounted ?? 0, excess: known?.excess ?? 0, since: known?.since, threads: threads,
      isComplete: known.map { $0.missing == 0 && $0.excess == 0 } ?? false, isLimited: !totals.limited.isEmpty
    )
  }
}

extension AnalysisState {
  /// All events read.
  fileprivate var allEvents: UInt64 { (0..<EventTag.allCases.count).reduce(0) { $0 &+ events[$1] } }

  /// How many processes left all of their totals at their end; 0: not all that are described, or none.
  fileprivate func endedProcesses(run: Int) -> UInt64 {
    var ended: UInt64 = 0
    for (threads, count) in totals.groups[run] ?? [:] {
      guard threads > 0, count % threads == 0 else { return 0 }
      ended &+= count / threads
    }
    return ended >= UInt64(totals.processes[run]?.count ?? 0) ? ended : 0
  }

  /// The readings at the end that come after they were all taken.
  private func lastReadings(run: Int) -> UInt64 {
    (totals.groups[run] ?? [:]).reduce(0) { $0 &+ $1.value }
  }

  /// A thread's events; nil: nothing can be said.
  fileprivate func account(_ thread: Int, ended: [UInt64]) -> Account? {
    var emitted: UInt64 = 0
    var first: EventTotals.Start?
    for run in ended.indices {
      let place = EventTotals.Place(run: run, thread: thread)
      guard let last = totals.ends[place] else { continue }
      emitted &+= last.emitted
      if thread == Self.main { emitted &+= lastReadings(run: run) }
      guard let starts = totals.starts[place], let start = totals.first[place] else { return nil }
      if starts.emitted == 0 && starts.count >= last.count { continue }
      // Where several processes or recordings are mixed, whose reading it is cannot be told; but what the main thread
      // emits before its first one is a part of the trace where the others' are 0.
      guard ended.count == 1, ended[run] == 1 else {
        if thread == Self.main { continue }
        return nil
      }
      first = start
    }
    guard let first, first.emitted > 0 else {
      return Account(emitted: emitted, recorded: recorded(thread), before: 0...0, since: nil)
    }
    let before = min(first.synchronized ?? 0, first.recorded)...first.recorded
    return Account(
      emitted: emitted &- min(emitted, first.emitted), recorded: recorded(thread), before: before,
      since: thread == Self.main ? nil : first.timestamp)
  }

  /// The events of all threads in one of several traces; nil: nothing can be said.
  fileprivate func account(run: Int, recorded: UInt64, ended: UInt64) -> Account? {
    guard ended > 0 else { return nil }
    var emitted = lastReadings(run: run)
    for (place, last) in totals.ends where place.run == run {
      guard let starts = totals.starts[place], starts.count >= last.count,
        starts.emitted == 0 || place.thread == Self.main
      else { return nil }
      emitted &+= last.emitted
    }
    return Account(emitted: emitted, recorded: recorded, before: 0...0, since: nil)
  }

  fileprivate func thread(_ thread: Int, _ account: Account?) -> Wholeness.Thread {
    let isVcpu = thread < Self.loopBase
    let isLoop = !isVcpu && thread < Self.main
    return Wholeness.Thread(
      kind: isVcpu ? 0 : isLoop ? 1 : thread == Self.main ? 2 : nil,
      id: isVcpu ? thread : isLoop ? thread - Self.loopBase : 0, emitted: account?.emitted,
      recorded: account?.recorded ?? recorded(thread))
  }
}
