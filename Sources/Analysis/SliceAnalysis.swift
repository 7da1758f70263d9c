import CTF

/// What is known about a slice of a trace: the mergeable state of all models.
///
/// A slice is fed rows in time order; slices of one trace, in time order, are merged onto the leading one,
/// and the result is exactly what the leading one would hold had it been fed all rows, wherever the cuts are,
/// as long as all rows of one timestamp are in one slice. Memory is bounded whatever the rows hold
/// (`Limits`).
///
/// Not thread-safe; one thread at a time.
public final class SliceAnalysis: @unchecked Sendable {
  let core: UnsafeMutablePointer<Core>

  /// An analysis without rows.
  ///
  /// - Parameters:
  ///   - configuration: What to look at.
  ///   - isLeading: Whether nothing comes before this slice.
  ///   - gapEnd: End of the latest gap that began before this slice, ns since the clock's origin.
  public init(_ configuration: Configuration = Configuration(), isLeading: Bool = true, gapEnd: Int64 = .min)
  {
    core = .allocate(capacity: 1)
    core.initialize(to: Core(configuration, isLeading: isLeading, gapEnd: gapEnd))
  }

  deinit {
    core.pointee.free()
    core.deinitialize(count: 1)
    core.deallocate()
  }

  /// Whether the exit tables leave exits out.
  public var isFiltered: Bool { core.pointee.isFiltered }

  /// Applies rows made with ``EventTag/selection(_:)``.
  public func consume(_ run: EventRun) { core.consume(run) }

  /// End of the latest gap that began in this slice or before, `Int64.min` without any.
  ///
  /// A slice that begins before it has to be analysed with it as `gapEnd`.
  public var gapEnd: Int64 { core.pointee.gapEnd }

  /// Adds the slice that follows in time; it must not be used afterwards.
  public func merge(_ next: SliceAnalysis) {
    let (left, right) = (core, next.core)
    let gapEnd = left.pointee.gapEnd
    // Before its marks are counted: rows of the next slice know only of their own.
    right.pointee.shiftEpochs(by: left.pointee.markCount)
    left.pointee.addSnapshots(right.pointee)
    left.pointee.addTotals(right.pointee)
    for index in 0..<Core.threadCount {
      guard let thread = right.pointee.threads[index] else { continue }
      left.merge(thread, at: index, gapEnd: gapEnd, isSynchronized: right.pointee.totals.isSynchronized)
    }
    left.pointee.addTables(right.pointee)
    left.pointee.gapEnd = max(gapEnd, right.pointee.gapEnd)
  }
}

extension Core {
  /// Adds what depends on how much was counted before; has to come before the counts are added.
  mutating func addSnapshots(_ other: Core) {
    for mark in other.marks.prefix(Limits.marks - marks.count) {
      var mark = mark
      mark.counts += counts
      marks.append(mark)
    }
    if var mark = other.lastMark {
      mark.counts += counts
      lastMark = mark
    }
    for (scope, samples) in other.samples {
      var before = counts
      if scope.isVcpu {
        before = ExitCounts()
        if let thread = threads[scope.id] {
          before.exits = thread.pointee.exitTotals.exits
          before.io = thread.pointee.reasons[Int(ExitReason.io)]
          before.mmio = thread.pointee.reasons[Int(ExitReason.mmio)]
          before.hlt = thread.pointee.reasons[Int(ExitReason.hlt)]
        }
      }
      var added = samples
      added.first.counts += before
      added.last.counts += before
      if let known = self.samples[scope] {
        added.count += known.count
        added.first = known.first
      }
      self.samples[scope] = added
    }
    counts += other.counts
    markCount &+= other.markCount
    hasEnd = hasEnd || other.hasEnd
    add(other.threadReadings)
    counters.merge(other.counters) { left, right in
      var sum = left
      sum.add(right)
      return sum
    }
  }

  /// Numbers epochs as after so many earlier marks.
  mutating func shiftEpochs(by marks: UInt64) {
    guard marks > 0 else { return }
    sites.update { $0.parts.shift(by: marks, $0.all) }
    for index in 0..<Self.threadCount { threads[index]?.pointee.exitHead?.epoch &+= marks }
  }

  /// Adds what does not depend on what was before.
  mutating func addTables(_ other: Core) {
    sites.add(other.sites)
    paths.add(other.paths)
    requests.add(other.requests, gapEnd: gapEnd)
    locks.add(other.locks)
    for tag in 0..<EventTag.allCases.count { events[tag] &+= other.events[tag] }
    for index in 0..<(Limits.devices + 1) * Core.mechanisms { interrupts[index] &+= other.interrupts[index] }
    strangers &+= other.strangers
    begin = min(begin, other.begin)
    end = max(end, other.end)
    gaps &+= other.gaps
    clockSyncs &+= other.clockSyncs
    dump.add(other.dump)
    for index in 0..<Core.threadCount {
      threads[index]?.pointee.forgetRows()
    }
  }
}

extension UnsafeMutablePointer where Pointee == Core {
  /// Replays what the right slice could not apply, then adopts its final state.
  func merge(_ right: UnsafeMutablePointer<ThreadState>, at index: Int, gapEnd: Int64, isSynchronized: Bool) {
    let left = existing(index, right.pointee.kind, right.pointee.id)
    if isSynchronized {
      left.pointee.synchronizedEvents = left.pointee.recorded &+ right.pointee.synchronizedEvents
    }
    left.pointee.otherEvents &+= right.pointee.otherEvents
    mergeClock(left, right, gapEnd)
    if let row = right.pointee.exitHead { applyExit(left, row) }
    if right.pointee.exits.hasLast { left.pointee.exits.follow(right.pointee.exits) }
    left.pointee.exitTotals += right.pointee.exitTotals
    mergePath(left, right, gapEnd)
    if let row = right.pointee.sleepHead { applySleep(left, row) }
    if let sleep = right.pointee.sleep { left.pointee.sleep = sleep }
    if let loop = right.pointee.loop { left.pointee.loop?.add(loop) }
    for reason in 0..<ThreadState.reasonCount {
      left.pointee.reasons[reason] &+= right.pointee.reasons[reason]
    }
  }

  private func existing(_ index: Int, _ kind: ThreadKind, _ id: Int) -> UnsafeMutablePointer<ThreadState> {
    switch kind {
    case .vcpu: vcpu(UInt64(id)).unsafelyUnwrapped
    case .loop: loop(UInt64(id)).unsafelyUnwrapped
    case .main: thread(kind: kind.rawValue, id: 0).unsafelyUnwrapped
    }
  }

  private func mergeClock(
    _ left: UnsafeMutablePointer<ThreadState>, _ right: UnsafeMutablePointer<ThreadState>, _ gapEnd: Int64
  ) {
    guard right.pointee.clock.started else { return }
    for index in 0..<right.pointee.clockHeadCount {
      guard var row = right.pointee.clockHead?[index] else { continue }
      row.gapEnd = Swift.max(row.gapEnd, gapEnd)
      applyClock(left, row)
    }
    if right.pointee.clockSynchronized { left.pointee.clock.follow(right.pointee.clock) }
    for category in 0..<TimeCategory.count {
      left.pointee.totals.times[category] &+= right.pointee.totals.times[category]
    }
    left.pointee.totals.unexplained &+= right.pointee.totals.unexplained
  }

  private func mergePath(
    _ left: UnsafeMutablePointer<ThreadState>, _ right: UnsafeMutablePointer<ThreadState>, _ gapEnd: Int64
  ) {
    for head in right.pointee.pathHeads {
      var row = head.row
      row.gapEnd = Swift.max(row.gapEnd, gapEnd)
      if left.pointee.path.isActive { left.pointee.path.contents += head.before }
      applyPath(left, row, records: true)
    }
    if right.pointee.pathSynchronized {
      left.pointee.path = right.pointee.path
    } else if left.pointee.path.isActive {
      left.pointee.path.contents += right.pointee.pathBefore
    }
    left.pointee.brokenHandlers &+= right.pointee.brokenHandlers
  }
}
