import CTF

/// What is known about a slice of a trace: the mergeable state of all models.
///
/// A slice is fed rows in time order; slices of one trace, in time order, are merged onto the leading one,
/// and the result is exactly what the leading one would hold had it been fed all rows, wherever the cuts are,
/// as long as all rows of one timestamp are in one slice. Memory is bounded whatever the rows hold
/// (`Limits`).
///
/// Not thread-safe; one thread at a time.
package final class SliceAnalysis: @unchecked Sendable {
  let state: UnsafeMutablePointer<AnalysisState>

  /// An analysis without rows.
  ///
  /// - Parameters:
  ///   - configuration: What to look at.
  ///   - isLeading: Whether nothing comes before this slice.
  ///   - gapEnd: End of the latest gap that began before this slice, ns since the clock's origin.
  ///   - floor: When the slice begins, ns since the clock's origin: threads' time does not run back beyond it, where it does in
  ///     the rows.
  package init(
    _ configuration: Configuration = Configuration(), isLeading: Bool = true, gapEnd: Int64 = .min,
    floor: Int64 = .min
  ) {
    state = .allocate(capacity: 1)
    state.initialize(
      to: AnalysisState(configuration, isLeading: isLeading, gapEnd: gapEnd, floor: floor))
  }

  deinit {
    state.pointee.free()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Whether the exit tables leave exits out.
  package var isFiltered: Bool { state.pointee.isFiltered }

  /// Applies rows made with ``EventTag/selection(_:)``.
  package func consume(_ run: EventRun) { state.consume(run) }

  /// End of the latest gap that began in this slice or before, `Int64.min` without any.
  ///
  /// A slice that begins before it has to be analysed with it as `gapEnd`.
  package var gapEnd: Int64 { state.pointee.gapEnd }

  /// Adds the slice that follows in time; it must not be used afterwards.
  package func merge(_ next: SliceAnalysis) {
    let (left, right) = (state, next.state)
    let gapEnd = left.pointee.gapEnd
    // Before its marks are counted: rows of the next slice know only of their own.
    right.pointee.shiftEpochs(by: left.pointee.markCount)
    left.pointee.addMarks(right.pointee)
    left.pointee.addKvm(right.pointee)
    left.pointee.counts += right.pointee.counts
    left.pointee.hasEnd = left.pointee.hasEnd || right.pointee.hasEnd
    left.pointee.add(right.pointee.threadReadings)
    left.pointee.addTotals(right.pointee)
    let kicks = left.pointee.requests.add(right.pointee.requests, gapEnd: gapEnd)
    for index in 0..<AnalysisState.threadCount {
      guard let thread = right.pointee.threads[index] else { continue }
      left.merge(
        thread, at: index, gapEnd: gapEnd, kicks: kicks,
        isSynchronized: right.pointee.totals.isSynchronized)
    }
    left.pointee.addTables(right.pointee)
    left.pointee.gapEnd = max(gapEnd, right.pointee.gapEnd)
  }
}

extension AnalysisState {
  /// Adds what does not depend on what was before.
  mutating func addTables(_ other: AnalysisState) {
    sites.add(other.sites)
    instructions.add(other.instructions)
    paths.add(other.paths)
    locks.add(other.locks)
    queues.add(other.queues, gapEnd: gapEnd)
    brokenQueues.add(other.brokenQueues)
    for tag in 0..<EventTag.allCases.count { events[tag] &+= other.events[tag] }
    interrupts.add(other.interrupts)
    unanalysed &+= other.unanalysed
    begin = min(begin, other.begin)
    end = max(end, other.end)
    gaps &+= other.gaps
    clockSyncs &+= other.clockSyncs
    dump.add(other.dump)
    for index in 0..<AnalysisState.threadCount {
      threads[index]?.pointee.forgetRows()
    }
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  /// Replays what the right slice could not apply, then adopts its final state.
  ///
  /// - Parameter kicks: What is known of the requests that ended in it.
  func merge(
    _ right: UnsafeMutablePointer<ThreadState>, at index: Int, gapEnd: Int64, kicks: [EndedKick],
    isSynchronized: Bool
  ) {
    let left = existing(index, right.pointee.kind, right.pointee.id)
    if isSynchronized {
      left.pointee.synchronizedEvents = left.pointee.recorded &+ right.pointee.synchronizedEvents
    }
    left.pointee.otherEvents &+= right.pointee.otherEvents
    mergeClock(left, right, gapEnd)
    mergeExits(left, right)
    mergePath(left, right, gapEnd)
    mergeCoalesced(left, right, gapEnd)
    left.pointee.arrival.add(right.pointee.arrival, gapEnd: gapEnd, kicks: kicks, &pointee.requests)
    mergeLoop(left, right)
  }

  private func existing(_ index: Int, _ kind: ThreadKind, _ id: Int) -> UnsafeMutablePointer<ThreadState> {
    switch kind {
    case .vcpu: vcpu(UInt64(id)).unsafelyUnwrapped
    case .loop: loop(UInt64(id)).unsafelyUnwrapped
    case .main: thread(kind: kind.rawValue, id: 0).unsafelyUnwrapped
    }
  }
}

// MARK: Kept in a file

extension SliceAnalysis {
  func write(_ coder: inout StateCoder) throws(StateError) {
    var configuration = state.pointee.configuration
    try configuration.code(&coder)
    try state.code(&coder)
  }

  /// What is read follows something, even if it is nothing.
  ///
  /// - Parameter runs: The trace that each stream belongs to.
  static func read(_ coder: inout StateCoder, runs: [Int]) throws(StateError) -> SliceAnalysis {
    var configuration = Configuration()
    try configuration.code(&coder)
    configuration.runs = runs
    try coder.reserve(memory)
    let slice = SliceAnalysis(configuration, isLeading: false)
    try slice.state.code(&coder)
    return slice
  }

  /// What a slice takes at least, in bytes.
  private static let memory = 256 << 10
}
