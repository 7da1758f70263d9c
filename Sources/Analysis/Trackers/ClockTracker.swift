// Where the time of each thread goes: steps, merge and result. What an event means is in ThreadSteps.swift, what a step does in
// ThreadClock.swift.

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(__always)
  func clock(_ thread: UnsafeMutablePointer<ThreadState>, _ step: ClockStep) {
    if thread.pointee.clockSynchronized {
      applyClock(thread, step)
    } else {
      keepClock(thread, step)
    }
  }

  @inline(__always)
  func applyClock(_ thread: UnsafeMutablePointer<ThreadState>, _ step: ClockStep) {
    let waited = withUnsafeMutablePointer(to: &thread.pointee.totals) {
      thread.pointee.clock.step(step, totals: $0)
    }
    if let waited { recordLockWait(step, waited) }
  }

  @inline(never)
  private func keepClock(_ thread: UnsafeMutablePointer<ThreadState>, _ step: ClockStep) {
    let head =
      thread.pointee.clockHead ?? UnsafeMutablePointer<ClockStep>.allocate(capacity: Limits.lockRun + 1)
    thread.pointee.clockHead = head
    // What the slice before has is not counted once more. From the first step on time does not run back.
    var step = step
    step.timestamp = Swift.max(step.timestamp, pointee.floor)
    (head + thread.pointee.clockHeadCount).initialize(to: step)
    thread.pointee.clockHeadCount += 1
    _ = thread.pointee.clock.step(step, totals: nil)
    if step.synchronizes || thread.pointee.clockHeadCount == Limits.lockRun + 1 {
      thread.pointee.clockSynchronized = true
    }
  }

  // MARK: Merge

  func mergeClock(
    _ left: UnsafeMutablePointer<ThreadState>, _ right: UnsafeMutablePointer<ThreadState>, _ gapEnd: Int64
  ) {
    guard right.pointee.clock.started else { return }
    for index in 0..<right.pointee.clockHeadCount {
      guard var head = right.pointee.clockHead?[index] else { continue }
      head.gapEnd = Swift.max(head.gapEnd, gapEnd)
      clock(left, head)
    }
    if right.pointee.clockSynchronized { left.pointee.clock.follow(right.pointee.clock) }
    for category in 0..<TimeCategory.count {
      left.pointee.totals.times[category] &+= right.pointee.totals.times[category]
    }
    left.pointee.totals.unexplained &+= right.pointee.totals.unexplained
  }
}

/// Where the time of a vCPU or a loop went; all times in ns.
package struct ThreadTimes: Sendable, Equatable {
  /// Id of the vCPU or loop.
  package let id: Int
  /// Time of its first event, ns since the clock's origin.
  package let first: Int64
  /// Time of its last event, ns since the clock's origin.
  package let last: Int64
  /// Up to when events before its first one may be missing, ns since the clock's origin; `Int64.min`: none is.
  package let missingBefore: Int64
  /// By ``TimeCategory``; adds up to `last - first`.
  package let times: [Int64]
  /// The category it was in after its last event.
  package let finalCategory: Int
  /// No gap overlaps the time from its last event to the end of the trace.
  package let isFinalCategoryProven: Bool
  /// Events that did not follow from the one before although nothing is known to be lost.
  package let unexplained: UInt64
  /// The trace has events of it, not only a description.
  package let hasEvents: Bool
  /// Events of it that were read.
  package let recorded: UInt64
}

extension SliceAnalysis {
  /// - Parameter thread: nil: the trace describes it only.
  func times(_ id: Int, _ thread: UnsafeMutablePointer<ThreadState>?) -> ThreadTimes {
    guard let thread else {
      let begin = state.pointee.begin
      return ThreadTimes(
        id: id, first: begin, last: begin, missingBefore: .min,
        times: [Int64](repeating: 0, count: TimeCategory.count), finalCategory: TimeCategory.unknown,
        isFinalCategoryProven: state.pointee.gapEnd <= begin, unexplained: 0, hasEvents: false, recorded: 0)
    }
    let clock = thread.pointee.clock
    return ThreadTimes(
      id: id, first: clock.first, last: clock.last, missingBefore: clock.missingBefore,
      times: (0..<TimeCategory.count).map { thread.pointee.totals.times[$0] }, finalCategory: clock.category,
      isFinalCategoryProven: state.pointee.gapEnd <= clock.last,
      unexplained: thread.pointee.totals.unexplained, hasEvents: true, recorded: thread.pointee.recorded)
  }
}
