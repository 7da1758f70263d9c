/// The machines' steps. Each applies a row when the state before it is known, and otherwise keeps it for
/// merging; the same functions replay kept rows on the state of the slice before.
extension UnsafeMutablePointer where Pointee == Core {
  // MARK: Where time goes

  @inline(__always)
  func clock(_ thread: UnsafeMutablePointer<ThreadState>, _ row: ClockRow) {
    if thread.pointee.clockSynchronized {
      applyClock(thread, row)
    } else {
      keepClock(thread, row)
    }
  }

  @inline(__always)
  func applyClock(_ thread: UnsafeMutablePointer<ThreadState>, _ row: ClockRow) {
    let waited = withUnsafeMutablePointer(to: &thread.pointee.totals) {
      thread.pointee.clock.step(row, totals: $0)
    }
    if let waited { recordLockWait(row, waited) }
  }

  @inline(never)
  private func recordLockWait(_ row: ClockRow, _ waited: Int64) {
    let lock = pointee.locks.row(for: Key(high: 0, low: row.argument))
    lock.pointee.waits &+= 1
    lock.pointee.wait.record(waited, timestamp: row.timestamp, location: row.location)
  }

  @inline(never)
  private func keepClock(_ thread: UnsafeMutablePointer<ThreadState>, _ row: ClockRow) {
    let head =
      thread.pointee.clockHead ?? UnsafeMutablePointer<ClockRow>.allocate(capacity: Limits.lockRun + 1)
    thread.pointee.clockHead = head
    (head + thread.pointee.clockHeadCount).initialize(to: row)
    thread.pointee.clockHeadCount += 1
    _ = thread.pointee.clock.step(row, totals: nil)
    if row.synchronizes || thread.pointee.clockHeadCount == Limits.lockRun + 1 {
      thread.pointee.clockSynchronized = true
    }
  }

  // MARK: Exits

  @inline(__always)
  func exits(_ thread: UnsafeMutablePointer<ThreadState>, _ row: ExitRow) {
    if row.isExit {
      thread.pointee.exitTotals.exits &+= 1
      if row.isCounted {
        site(thread, row.site).pointee.count &+= 1
      }
    } else {
      thread.pointee.exitTotals.enters &+= 1
    }
    if !thread.pointee.exits.hasLast, !pointee.isLeading { thread.pointee.exitHead = row }
    applyExit(thread, row)
  }

  @inline(__always)
  func site(_ thread: UnsafeMutablePointer<ThreadState>, _ key: Key) -> UnsafeMutablePointer<ExitSite> {
    if let cached = thread.pointee.cachedSite, thread.pointee.cachedSiteKey == key, pointee.sites.isStable {
      return cached
    }
    let row = pointee.sites.row(for: key)
    thread.pointee.cachedSite = row
    thread.pointee.cachedSiteKey = key
    return row
  }

  /// Pairs a row with the one before it.
  @inline(__always)
  func applyExit(_ thread: UnsafeMutablePointer<ThreadState>, _ row: ExitRow) {
    let last = thread.pointee.exits.last
    if row.isExit && row.site.reason == ExitReason.intr { interrupt(thread, last, row) }
    thread.pointee.exits.last.timestamp = row.timestamp
    thread.pointee.exits.last.location = row.location
    thread.pointee.exits.last.seq = row.seq
    thread.pointee.exits.last.isExit = row.isExit
    if row.isExit {
      thread.pointee.exits.last.isCounted = row.isCounted
      thread.pointee.exits.last.site = row.site
    }
    guard thread.pointee.exits.hasLast else {
      thread.pointee.exits.hasLast = true
      thread.pointee.exits.firstSeq = row.seq
      return
    }
    let missing = ExitMachine.missing(last, row)
    guard missing == 0, last.isExit != row.isExit else {
      unpaired(thread, last, row, missing)
      return
    }
    let elapsed = row.timestamp &- last.timestamp
    if row.isExit {
      guard row.isCounted else { return }
      let site = site(thread, row.site)
      let isFirst = row.seq == 0 || last.timestamp < thread.pointee.exits.openedAt
      if row.epoch != site.pointee.parts.epoch || isFirst {
        site.pointee.prepare(max(elapsed, 0), row, LongestHandling(), isFirst: isFirst)
      }
      site.pointee.inKvmRun.record(elapsed, timestamp: row.timestamp, location: row.location)
    } else {
      thread.pointee.exits.handled = elapsed
      guard last.isCounted else { return }
      let site = site(thread, last.site)
      if row.epoch != site.pointee.parts.epoch {
        site.pointee.prepare(
          max(elapsed, 0), row,
          LongestHandling(time: elapsed, timestamp: last.timestamp, location: last.location))
      }
      site.pointee.handling.record(elapsed, timestamp: last.timestamp, location: last.location)
      if elapsed >= site.pointee.parts.longest.time, row.epoch == site.pointee.parts.epoch {
        site.pointee.parts.longest.raise(
          LongestHandling(time: elapsed, timestamp: last.timestamp, location: last.location))
      }
    }
  }

  @inline(never)
  private func interrupt(_ thread: UnsafeMutablePointer<ThreadState>, _ last: ExitRow, _ row: ExitRow) {
    guard thread.pointee.exits.hasLast else { return }
    // Two exits after each other, or a re-entry of another number: what was handled before is not known.
    let follows = !last.isExit && last.seq == row.seq
    thread.pointee.exits.interrupted = InterruptedExit(
      seq: row.seq, site: last.site, isCounted: last.isCounted,
      handling: follows ? thread.pointee.exits.handled : ExitMachine.unknown, reentry: last.timestamp)
  }

  @inline(never)
  private func unpaired(
    _ thread: UnsafeMutablePointer<ThreadState>, _ last: ExitRow, _ row: ExitRow, _ missing: UInt32
  ) {
    if !row.isExit { thread.pointee.exits.handled = ExitMachine.unknown }
    if row.isExit { thread.pointee.exitTotals.exitsWithoutEnter &+= 1 }
    if last.isExit {
      thread.pointee.exitTotals.exitsWithoutReentry &+= 1
    } else {
      thread.pointee.exitTotals.entersWithoutExit &+= 1
    }
    if missing >> 31 == 0 {
      thread.pointee.exitTotals.missingExits &+= UInt64(missing)
    } else {
      thread.pointee.exitTotals.restarts &+= 1
    }
  }

  // MARK: Paths

  /// Lets `body` add to what happens in the thread's handler.
  @inline(__always)
  func contents(_ thread: UnsafeMutablePointer<ThreadState>, _ body: (inout PathContents) -> Void) {
    if !thread.pointee.pathSynchronized { body(&thread.pointee.pathBefore) }
    if thread.pointee.path.isActive { body(&thread.pointee.path.contents) }
  }

  // A function for each operation: a caller with a constant one gets no more than it needs.

  @inline(__always)
  func arrives(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow) {
    if thread.pointee.pathSynchronized { arrive(thread, row, true) } else { keepPath(thread, row) }
  }

  @inline(__always)
  func leaves(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow) {
    if thread.pointee.pathSynchronized { leave(thread, row, true) } else { keepPath(thread, row) }
  }

  @inline(__always)
  func begins(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow) {
    if thread.pointee.pathSynchronized { begin(thread, row, true) } else { keepPath(thread, row) }
  }

  @inline(__always)
  func ends(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow) {
    if thread.pointee.pathSynchronized { end(thread, row, true) } else { keepPath(thread, row) }
  }

  @inline(never)
  private func keepPath(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow) {
    thread.pointee.pathHeads.append(PathHead(before: thread.pointee.pathBefore, row: row))
    thread.pointee.pathBefore = PathContents()
    applyPath(thread, row, records: false)
    let state = row.operation == .arrive || row.operation == .leave
    if state || thread.pointee.pathHeads.count == PathMachine.headRows {
      thread.pointee.pathSynchronized = true
    }
  }

  @inline(__always)
  func applyPath(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, records: Bool) {
    switch row.operation {
    case .arrive: arrive(thread, row, records)
    case .leave: leave(thread, row, records)
    case .begin: begin(thread, row, records)
    case .end: end(thread, row, records)
    }
  }

  @inline(__always)
  private func arrive(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    if thread.pointee.path.isActive { abandon(thread, records) }
    thread.pointee.path.isFinished = false
    thread.pointee.path.arrival = row.timestamp
    thread.pointee.path.arrivalSeq = row.seq
  }

  @inline(__always)
  private func leave(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    if thread.pointee.path.isActive { abandon(thread, records) }
    if thread.pointee.path.isFinished {
      thread.pointee.path.isFinished = false
      if records { reenter(thread, row) }
    }
    thread.pointee.path.arrival = PathMachine.never
  }

  @inline(__always)
  private func begin(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    if thread.pointee.path.isActive { abandon(thread, records) }
    let arrival = thread.pointee.path.arrival
    let isOwn = thread.pointee.path.arrivalSeq == row.seq && row.gapEnd <= arrival
    thread.pointee.path.ownArrival = isOwn ? arrival : PathMachine.never
    thread.pointee.path.arrival = PathMachine.never
    thread.pointee.path.isFinished = false
    thread.pointee.path.isActive = true
    thread.pointee.path.kind = row.kind
    thread.pointee.path.seq = row.seq
    thread.pointee.path.begin = row.timestamp
    thread.pointee.path.location = row.location
    thread.pointee.path.device = row.device
    thread.pointee.path.queue = row.queue
  }

  @inline(__always)
  private func end(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    thread.pointee.path.arrival = PathMachine.never
    thread.pointee.path.isFinished = false
    guard thread.pointee.path.isActive, thread.pointee.path.seq == row.seq,
      thread.pointee.path.device == row.device, row.gapEnd <= thread.pointee.path.begin,
      row.kind != .loopKick || thread.pointee.path.queue == row.queue, !thread.pointee.path.contents.mixed,
      !thread.pointee.path.contents.any || thread.pointee.path.contents.seq == row.seq
    else {
      abandon(thread, records)
      return
    }
    thread.pointee.path.isActive = false
    finish(thread, row, records)
    if thread.pointee.path.contents.any { thread.pointee.path.contents = PathContents() }
  }

  /// Gives up the running handler: its end, or its begin, is not to be had.
  @inline(never)
  private func abandon(_ thread: UnsafeMutablePointer<ThreadState>, _ records: Bool) {
    if records { thread.pointee.brokenHandlers &+= 1 }
    thread.pointee.path.isActive = false
    thread.pointee.path.contents = PathContents()
  }

  @inline(__always)
  func statistics(
    _ thread: UnsafeMutablePointer<ThreadState>, _ key: Key
  ) -> UnsafeMutablePointer<PathStatistics> {
    if let cached = thread.pointee.cachedPath, thread.pointee.cachedPathKey == key, pointee.paths.isStable {
      return cached
    }
    let row = pointee.paths.row(for: key)
    thread.pointee.cachedPath = row
    thread.pointee.cachedPathKey = key
    return row
  }

  @inline(__always)
  private func reenter(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow) {
    let end = thread.pointee.path.end
    guard thread.pointee.path.seq &+ 1 == row.seq, row.gapEnd <= end else { return }
    let path = statistics(thread, thread.pointee.path.key)
    let (begin, location) = (thread.pointee.path.begin, thread.pointee.path.location)
    path.pointee.record(.endToReentry, row.timestamp &- end, timestamp: begin, location: location)
    let arrival = thread.pointee.path.ownArrival
    if arrival != PathMachine.never {
      path.pointee.record(.arrivalToReentry, row.timestamp &- arrival, timestamp: begin, location: location)
    }
  }

  @inline(__always)
  private func finish(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    var kind = thread.pointee.path.kind
    var queue = thread.pointee.path.queue
    let isDispatch = kind == .exitAccess
    if isDispatch && thread.pointee.path.contents.requests > 0 {
      kind = .exitKick
      queue = thread.pointee.path.contents.queue
    }
    let key = PathStatistics.key(kind: kind, device: thread.pointee.path.device, queue: queue)
    if isDispatch {
      thread.pointee.path.isFinished = true
      thread.pointee.path.key = key
      thread.pointee.path.end = row.timestamp
    }
    guard records else { return }
    let path = statistics(thread, key)
    let (begin, location) = (thread.pointee.path.begin, thread.pointee.path.location)
    path.pointee.handlers &+= 1
    path.pointee.record(.handler, row.timestamp &- begin, timestamp: begin, location: location)
    let arrival = thread.pointee.path.ownArrival
    if arrival != PathMachine.never {
      path.pointee.record(.arrivalToBegin, begin &- arrival, timestamp: begin, location: location)
    }
    if thread.pointee.path.contents.any { recordContents(thread, path, row) }
  }

  /// The stages inside a handler.
  @inline(never)
  private func recordContents(
    _ thread: UnsafeMutablePointer<ThreadState>, _ path: UnsafeMutablePointer<PathStatistics>, _ row: PathRow
  ) {
    let (begin, location) = (thread.pointee.path.begin, thread.pointee.path.location)
    let contents = thread.pointee.path.contents
    let arrival = thread.pointee.path.ownArrival
    func record(_ stage: PathStage, from: Int64, to: Int64) {
      path.pointee.record(stage, to &- from, timestamp: begin, location: location)
    }
    path.pointee.requests &+= contents.requests
    if arrival != PathMachine.never, contents.stamp != .max {
      if contents.stamp <= arrival {
        record(.kickToArrival, from: contents.stamp, to: arrival)
      } else {
        path.pointee.alreadyAwake &+= 1
      }
    }
    var last = begin
    if contents.firstRequest != .max {
      record(.beginToRequest, from: last, to: contents.firstRequest)
      last = contents.firstRequest
      // What was completed before belongs to requests of other handlers.
      if contents.lastCompletion >= contents.firstRequest {
        record(.requestToCompletion, from: last, to: contents.lastCompletion)
        last = contents.lastCompletion
      }
    } else if contents.lastCompletion != .min {
      record(.beginToCompletion, from: last, to: contents.lastCompletion)
      last = contents.lastCompletion
    }
    if contents.interrupt != .max {
      path.pointee.interrupted &+= 1
      if contents.lastCompletion != .min {
        record(.completionToInterrupt, from: contents.lastCompletion, to: contents.interrupt)
      }
      last = max(last, contents.interrupt)
      if arrival != PathMachine.never { record(.arrivalToInterrupt, from: arrival, to: contents.interrupt) }
      if contents.stamp != .max { record(.kickToInterrupt, from: contents.stamp, to: contents.interrupt) }
    }
    record(.interruptToEnd, from: last, to: row.timestamp)
  }

  // MARK: Loops

  @inline(__always)
  func sleeps(_ thread: UnsafeMutablePointer<ThreadState>, _ row: SleepRow) {
    if thread.pointee.sleepHead != nil || pointee.isLeading {
      applySleep(thread, row)
    } else {
      thread.pointee.sleepHead = row
      thread.pointee.sleep = row
    }
  }

  @inline(__always)
  func applySleep(_ thread: UnsafeMutablePointer<ThreadState>, _ row: SleepRow) {
    let last = thread.pointee.sleep
    thread.pointee.sleep = row
    guard let last, !last.isWakeup, row.isWakeup, last.seq == row.seq else { return }
    thread.pointee.loop?.sleeps.record(
      row.timestamp &- last.timestamp, timestamp: row.timestamp, location: row.location)
  }
}
