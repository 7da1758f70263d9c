import CTF

/// What a thread did in one piece of the window.
package struct TimelineCell: Sendable, Equatable {
  /// ns by state.
  package var unknown: Int64 = 0
  /// Between enter and exit.
  package var inKvmRun: Int64 = 0
  /// Userspace outside devices and handlers.
  package var other: Int64 = 0
  /// Waiting for a lock.
  package var lock: Int64 = 0
  /// Blocked in its wait.
  package var asleep: Int64 = 0
  /// Busy polling.
  package var polling: Int64 = 0
  /// In handlers.
  package var handling: Int64 = 0
  /// The category of the handlers that took most of `handling`, as far as one can tell in one pass.
  package var handler = 0
  /// Exits or wakeups.
  package var events: UInt64 = 0
  private var handlerWeight: Int64 = 0

  mutating func add(_ category: Int, _ time: Int64) {
    switch category {
    case TimeCategory.unknown: unknown += time
    case TimeCategory.inKvmRun: inKvmRun += time
    case TimeCategory.other: other += time
    case TimeCategory.lock: lock += time
    case TimeCategory.asleep: asleep += time
    case TimeCategory.polling: polling += time
    default:
      handling += time
      // The majority vote of Boyer and Moore, by time.
      if category == handler {
        handlerWeight += time
      } else if time > handlerWeight {
        handler = category
        handlerWeight = time - handlerWeight
      } else {
        handlerWeight -= time
      }
    }
  }
}

/// One thread over the window.
package struct TimelineLane: Sendable {
  /// A vCPU rather than a loop.
  package let isVcpu: Bool
  /// Its id.
  package let id: Int
  /// Equal pieces of the window.
  package let cells: [TimelineCell]
}

/// The states of threads over a window, in pieces: memory grows with what is shown, not with the trace.
package struct Timeline: Sendable {
  /// vCPUs, then loops.
  package let lanes: [TimelineLane]
  /// Threads beyond ``maximumLanes``, not shown.
  package let hiddenLanes: Int
  /// Guest marks in the window, the earliest ones.
  package let marks: [GuestMark]
  /// A timeline of nothing.
  package static let none = Timeline(lanes: [], hiddenLanes: 0, marks: [])
  /// Lanes kept.
  package static let maximumLanes = 128

  /// Reads a window of a trace, and before and after it as much as is needed to know what each thread was
  /// doing when it begins and when it ends.
  ///
  /// - Parameters:
  ///   - window: Instants shown, ns since the clock's origin; not empty.
  ///   - traceBegin: Time of the trace's first event: before it, nothing is concluded from later events.
  ///   - threads: Number of vCPUs and loops that the trace has events of.
  ///   - cells: Pieces, at least 1.
  ///   - doubtFrom: From here on events may be missing, as ``TraceAnalysis/doubtFrom`` says.
  package static func read(
    _ trace: Trace, window: Range<Int64>, traceBegin: Int64, threads: Int, cells: Int,
    doubtFrom: Int64? = nil
  ) -> Timeline {
    var hasGaps = trace.streams.contains {
      $0.discardedEvents > 0 || $0.lostPackets > 0 || $0.earlierPackets > 0 || $0.isDamaged
    }
    let past = window.lowerBound.subtractingReportingOverflow(traceBegin)
    let longest = past.overflow ? Int64.max : max(0, past.partialValue)
    var lead = min(longest, max(1_000_000, window.upperBound &- window.lowerBound))
    while true {
      let isAll = hasGaps || lead >= longest
      let begin = isAll ? Int64.min : window.lowerBound - lead
      let collector = TimelineCollector(
        window, cells: max(1, cells), opensTrace: isAll || window.lowerBound <= traceBegin,
        gapEnd: trace.completeFrom, doubtFrom: doubtFrom)
      var rows = MergedRows(
        trace, selection: EventTag.selection(ClockStep.tags + [.guestMark]), window: begin..<Int64.max)
      while let run = rows.nextRun() {
        collector.consume(run)
        if collector.isComplete(after: run) { break }
      }
      if !isAll, !rows.diagnostics.isEmpty {
        // Damage before the window leaves gaps that reach into it.
        hasGaps = true
        continue
      }
      if isAll || collector.knownBefore >= min(threads, maximumLanes) { return collector.finish() }
      lead = lead > longest / 16 ? longest : lead * 16
    }
  }
}

/// Follows the clocks of all threads and cuts their time into cells.
private final class TimelineCollector {
  private struct Lane {
    var clock = ThreadClock()
    var totals = ClockTotals()
    var cells: [TimelineCell]
    /// The first event after the window has been seen.
    var isFinished = false
  }

  private let window: Range<Int64>
  private let count: Int
  private let opensTrace: Bool
  private var lanes: [Int: Lane] = [:]
  private var hidden: Set<Int> = []
  private var marks: [GuestMark] = []
  private var gapEnd: Int64
  private let doubtFrom: Int64
  /// Threads with an event before the window.
  private(set) var knownBefore = 0

  init(_ window: Range<Int64>, cells: Int, opensTrace: Bool, gapEnd: Int64, doubtFrom: Int64?) {
    self.window = window
    self.gapEnd = gapEnd
    self.doubtFrom = doubtFrom ?? .max
    count = cells
    self.opensTrace = opensTrace
  }

  deinit { for lane in lanes.values { lane.totals.times.deallocate() } }

  func consume(_ run: EventRun) {
    var row = run.base
    for _ in 0..<run.count {
      defer { row += run.stride }
      let tag = Row.tag(row)
      if Row.timestamp(row) >= doubtFrom { gapEnd = .max }
      if tag == Row.gapTag {
        gapEnd = max(gapEnd, StreamGap(row: row).end)
      } else if tag == EventTag.guestMark.rawValue {
        guard marks.count < Limits.marks, window.contains(Row.timestamp(row)) else { continue }
        let event = GuestMarkEvent(row: row)
        marks.append(GuestMark(event, EventPlace(row: row), counts: ExitCounts()))
      } else if let event = EventTag(rawValue: tag),
        let (thread, step) = ClockStep.read(event, row, gapEnd: gapEnd)
      {
        apply(thread, step)
      }
    }
  }

  /// Whether everything that the window needs has been read.
  func isComplete(after run: EventRun) -> Bool {
    guard Row.timestamp(run.base + (run.count - 1) * run.stride) >= window.upperBound else { return false }
    return lanes.values.allSatisfy { $0.isFinished || ($0.clock.waits && gapEnd <= $0.clock.last) }
  }

  private func apply(_ thread: Int, _ step: ClockStep) {
    let isAfter = step.timestamp >= window.upperBound
    if lanes[thread] == nil {
      guard !isAfter else { return }
      guard lanes.count < Timeline.maximumLanes else {
        if hidden.count < AnalysisState.threadCount { hidden.insert(thread) }
        return
      }
      lanes[thread] = Lane(cells: Array(repeating: TimelineCell(), count: count))
      if step.timestamp < window.lowerBound { knownBefore += 1 }
    }
    guard var lane = lanes[thread], !lane.isFinished else { return }
    lanes[thread] = nil
    defer { lanes[thread] = lane }
    lane.isFinished = isAfter
    let from = lane.clock.last
    let isFirst = !lane.clock.started
    _ = withUnsafeMutablePointer(to: &lane.totals) { lane.clock.step(step, totals: $0) }
    if isFirst {
      // What an event ends was going on since before the window.
      let before = step.stateBefore(opensTrace: opensTrace)
      if let before, gapEnd <= window.lowerBound, step.timestamp > window.lowerBound {
        add(before, window.lowerBound, step.timestamp, &lane.cells)
      }
    } else {
      add(lane.totals.lastCategory, from, lane.clock.last, &lane.cells)
    }
    if window.contains(step.timestamp) && (step.operation == .exit || step.operation == .wake) {
      lane.cells[cell(step.timestamp)].events += 1
    }
  }

  private func cell(_ timestamp: Int64) -> Int {
    let offset = Double(timestamp - window.lowerBound)
    let cell = Int(offset * Double(count) / Double(window.upperBound - window.lowerBound))
    return min(max(cell, 0), count - 1)
  }

  private func boundary(_ cell: Int) -> Int64 {
    let length = Double(window.upperBound - window.lowerBound)
    return window.lowerBound + Int64(length * Double(cell) / Double(count))
  }

  private func add(_ category: Int, _ from: Int64, _ to: Int64, _ cells: inout [TimelineCell]) {
    let from = max(from, window.lowerBound)
    let to = min(to, window.upperBound)
    guard from < to else { return }
    var at = from
    for index in cell(from)...cell(to) {
      let end = index == cell(to) ? to : min(to, boundary(index + 1))
      if end > at { cells[index].add(category, end - at) }
      at = max(at, end)
    }
  }

  func finish() -> Timeline {
    if window.upperBound > doubtFrom { gapEnd = .max }
    let found = lanes.keys.sorted().compactMap { thread -> TimelineLane? in
      guard var lane = lanes[thread] else { return nil }
      // A state that ends with an event goes on to the end of the window.
      if !lane.isFinished && lane.clock.waits && gapEnd <= lane.clock.last {
        add(lane.clock.category, lane.clock.last, window.upperBound, &lane.cells)
      }
      let isVcpu = thread < AnalysisState.loopBase
      return TimelineLane(
        isVcpu: isVcpu, id: isVcpu ? thread : thread - AnalysisState.loopBase, cells: lane.cells)
    }
    return Timeline(lanes: found, hiddenLanes: hidden.count, marks: marks)
  }
}

extension ClockStep {
  /// What the thread must have been doing before this event, when the event tells.
  func stateBefore(opensTrace: Bool) -> Int? {
    switch operation {
    case .exit: TimeCategory.inKvmRun
    case .wake: TimeCategory.asleep
    case .end: Int(argument)
    case .lockAcquired: TimeCategory.lock
    case .pollEnd: TimeCategory.polling
    // A thread's very first event follows nothing.
    case .begin, .enter, .sleep, .pollBegin: opensTrace ? nil : TimeCategory.other
    case .lockWait: nil
    }
  }
}
