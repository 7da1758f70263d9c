/// Follows handlers, and the exit or wakeup before and the re-entry after them: steps and merge.
extension UnsafeMutablePointer where Pointee == AnalysisState {
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
    if state || thread.pointee.pathHeads.count == PathState.headRows {
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
    thread.pointee.path.hasHandled = false
    thread.pointee.path.arrival = row.timestamp
    thread.pointee.path.arrivalSeq = row.seq
  }

  @inline(__always)
  private func leave(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    if thread.pointee.path.isActive { abandon(thread, records) }
    thread.pointee.path.hasHandled = false
    if thread.pointee.path.isFinished {
      thread.pointee.path.isFinished = false
      if records { reenter(thread, row) }
    }
    thread.pointee.path.arrival = PathState.never
  }

  @inline(__always)
  private func begin(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    if thread.pointee.path.isActive { abandon(thread, records) }
    if thread.pointee.path.hasHandled { follow(thread, row, records) }
    let arrival = thread.pointee.path.arrival
    let isOwn = thread.pointee.path.arrivalSeq == row.seq && row.gapEnd <= arrival
    thread.pointee.path.ownArrival = isOwn ? arrival : PathState.never
    thread.pointee.path.arrival = PathState.never
    thread.pointee.path.isFinished = false
    thread.pointee.path.isActive = true
    thread.pointee.path.kind = row.kind
    thread.pointee.path.seq = row.seq
    thread.pointee.path.begin = row.timestamp
    thread.pointee.path.location = row.location
    thread.pointee.path.device = row.device
    thread.pointee.path.queue = row.queue
  }

  /// A loop's handler begins right after another one of the same wakeup: if that was another device's, it had to wait for it.
  @inline(never)
  private func follow(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    thread.pointee.path.hasHandled = false
    let other = thread.pointee.path.begin
    guard records, thread.pointee.path.seq == row.seq, thread.pointee.path.device != row.device,
      row.gapEnd <= other
    else { return }
    let path = statistics(thread, PathStatistics.key(kind: row.kind, device: row.device, queue: row.queue))
    path.pointee.record(
      .behindOther, row.timestamp &- other, timestamp: row.timestamp, location: row.location)
  }

  @inline(__always)
  private func end(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    thread.pointee.path.arrival = PathState.never
    thread.pointee.path.isFinished = false
    thread.pointee.path.hasHandled = false
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
    if arrival != PathState.never {
      path.pointee.record(.arrivalToReentry, row.timestamp &- arrival, timestamp: begin, location: location)
    }
  }

  @inline(__always)
  private func finish(_ thread: UnsafeMutablePointer<ThreadState>, _ row: PathRow, _ records: Bool) {
    var kind = thread.pointee.path.kind
    var queue = thread.pointee.path.queue
    let isDispatch = kind == .exitAccess
    // Recordings of earlier builds tell a kick only by the requests that it brought.
    if isDispatch && (thread.pointee.path.contents.isKick || thread.pointee.path.contents.requests > 0) {
      kind = .exitKick
      queue = thread.pointee.path.contents.queue
    }
    let key = PathStatistics.key(kind: kind, device: thread.pointee.path.device, queue: queue)
    if isDispatch {
      thread.pointee.path.isFinished = true
      thread.pointee.path.key = key
      thread.pointee.path.end = row.timestamp
    }
    thread.pointee.path.hasHandled = !isDispatch
    guard records else { return }
    let path = statistics(thread, key)
    let (begin, location) = (thread.pointee.path.begin, thread.pointee.path.location)
    path.pointee.handlers &+= 1
    path.pointee.record(.handler, row.timestamp &- begin, timestamp: begin, location: location)
    let arrival = thread.pointee.path.ownArrival
    if arrival != PathState.never {
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
    if arrival != PathState.never, contents.stamp != .max {
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
      // Of several requests the first may be told of while others go on.
      if contents.lastCompletion != .min, contents.lastCompletion <= contents.interrupt {
        record(.completionToInterrupt, from: contents.lastCompletion, to: contents.interrupt)
      }
      last = max(last, contents.interrupt)
      if arrival != PathState.never { record(.arrivalToInterrupt, from: arrival, to: contents.interrupt) }
      if contents.stamp != .max { record(.kickToInterrupt, from: contents.stamp, to: contents.interrupt) }
    }
    record(.interruptToEnd, from: last, to: row.timestamp)
  }

  // MARK: Merge

  func mergePath(
    _ left: UnsafeMutablePointer<ThreadState>, _ right: UnsafeMutablePointer<ThreadState>, _ gapEnd: Int64
  ) {
    for head in right.pointee.pathHeads {
      var row = head.row
      row.gapEnd = Swift.max(row.gapEnd, gapEnd)
      contents(left) { $0 += head.before }
      if left.pointee.pathSynchronized { applyPath(left, row, records: true) } else { keepPath(left, row) }
    }
    if right.pointee.pathSynchronized {
      left.pointee.path = right.pointee.path
    } else {
      contents(left) { $0 += right.pointee.pathBefore }
    }
    left.pointee.brokenHandlers &+= right.pointee.brokenHandlers
  }
}
