/// Pairs `request_begin` with `request_end` by device, queue and id, whatever threads they are on.
///
/// Requests may overlap, end on another thread than the one that began them, and end out of order. An end belongs to
/// the latest begin of its key, with two exceptions: nothing is paired across a gap, and where an id was used again
/// before its request ended, neither of the two is paired, as nothing tells whose end comes next.
///
/// What happens to a request in between, its stamp, `backend_submit` and `backend_complete`, belongs to it on the same terms; of
/// several the first one counts.
///
/// In a slice that follows another one, what a key's first event means depends on that other slice. Events of a key are kept
/// for merging (`heads`) up to the first end, or the second begin; after that nothing depends on what was before. Events that
/// cannot change anything any more, whatever was before, are not kept, so that a key has at most ``mostKept``.
struct RequestTracker {
  private var table: RequestTable
  private var statistics = StatisticsTable<RequestStatistics>(limit: Limits.paths)
  /// By queue.
  var stages = StatisticsTable<RequestStages>(limit: Limits.queues)
  /// Ends without a begin, and begins whose end is not to be had, by the thread that they are on.
  private var unmatched: [UInt16: UInt64] = [:]
  /// What could not be applied yet, in order.
  private var heads: [RequestStep] = []
  /// Of the latest end.
  private var ended = EndedKick.none

  /// - Parameter isLeading: Nothing comes before this slice.
  init(isLeading: Bool) { table = RequestTable(isLeading: isLeading) }

  func free() {
    table.free()
    statistics.free()
    stages.free()
  }

  // MARK: Step

  /// - Parameter thread: Index of the thread that it is on.
  @inline(__always)
  mutating func step(_ event: RequestBegin, _ at: EventPlace, thread: Int, gapEnd: Int64) {
    let kind = min(event.kind, 255)
    // A device or queue beyond what the catalogue's types hold counts as 65535, none.
    count(Key(high: kind, low: min(event.device, 0xffff) << 16 | min(event.queue, 0xffff)), event.bytes)
    step(
      RequestStep.key(device: event.device, queue: event.queue, id: event.id), .begin, at, thread,
      UInt8(kind), gapEnd)
  }

  /// - Parameter thread: Index of the thread that it is on.
  /// - Returns: When the guest kicked for it.
  @inline(__always)
  mutating func step(_ event: RequestEnd, _ at: EventPlace, thread: Int, gapEnd: Int64) -> EndedKick {
    ended = .none
    step(
      RequestStep.key(device: event.device, queue: event.queue, id: event.id), .end, at, thread,
      UInt8(min(event.status, 255)), gapEnd)
    return ended
  }

  /// An interrupt tells of a request that was pushed.
  mutating func tell(_ request: PushedRequest, at timestamp: Int64) {
    let stages = stages.row(for: Key(high: 0, low: request.queue))
    stages.pointee.record(
      .pushedToInterrupt, timestamp &- request.timestamp, request.timestamp, request.location)
    switch request.kick {
    case .none: break
    case .at(let kick):
      stages.pointee.record(.kickToInterrupt, timestamp &- kick, request.timestamp, request.location)
    case .unsettled(let place):
      // What a file says may be wrong.
      if heads.indices.contains(place) { heads[place].told = timestamp }
    }
  }

  /// - Parameter kick: When the guest kicked.
  mutating func step(_ event: GuestKickStamp, kick: Int64, _ at: EventPlace, thread: Int, gapEnd: Int64) {
    guard let key = RequestStep.key(device: event.device, queue: event.queue, id: event.id) else { return }
    step(
      RequestStep(
        timestamp: at.timestamp, location: at.location, gapEnd: gapEnd, key: key, operation: .stamp,
        thread: UInt16(truncatingIfNeeded: thread), detail: 0, kick: kick))
  }

  /// `backend_submit` or `backend_complete`.
  mutating func step(
    _ operation: RequestStep.Operation, of key: UInt64?, _ at: EventPlace, thread: Int, gapEnd: Int64
  ) {
    guard let key else { return }
    step(
      RequestStep(
        timestamp: at.timestamp, location: at.location, gapEnd: gapEnd, key: key, operation: operation,
        thread: UInt16(truncatingIfNeeded: thread), detail: 0))
  }

  @inline(__always)
  private mutating func step(
    _ key: UInt64?, _ operation: RequestStep.Operation, _ at: EventPlace, _ thread: Int, _ detail: UInt8,
    _ gapEnd: Int64
  ) {
    let thread = UInt16(truncatingIfNeeded: thread)
    guard let key else {
      // A device, queue or id that the catalogue's types cannot hold.
      unmatched[thread, default: 0] &+= 1
      return
    }
    step(
      RequestStep(
        timestamp: at.timestamp, location: at.location, gapEnd: gapEnd, key: key, operation: operation,
        thread: thread, detail: detail))
  }

  @inline(__always)
  private mutating func count(_ key: Key, _ bytes: UInt64) {
    let statistics = statistics.row(for: key)
    statistics.pointee.begun &+= 1
    statistics.pointee.bytes &+= bytes
  }

  @inline(__always)
  mutating func end(_ last: RequestStep) { step(last) }

  @inline(__always)
  private mutating func step(_ step: RequestStep) {
    let place = table.find(step.key) ?? insert(step.key)
    table.touch(place)
    if place.pointee.isSettled {
      apply(step, place)
    } else {
      keep(step, place)
    }
  }

  @inline(never)
  private mutating func insert(_ key: UInt64) -> UnsafeMutablePointer<RequestTable.Entry> {
    let (place, evicted) = table.insert(key)
    if let evicted { evict(evicted) }
    return place
  }

  /// Keeps an event of which not all is known; what follows from it in any case is done.
  @inline(never)
  private mutating func keep(_ step: RequestStep, _ place: UnsafeMutablePointer<RequestTable.Entry>) {
    let isFirst = place.pointee.state == .closed
    switch step.operation {
    case .begin:
      let isReused = !isFirst && step.gapEnd <= place.pointee.timestamp
      place.pointee.isSettled = !isFirst
      place.pointee.open(step, as: isReused ? .doubtful : .open)
    case .end:
      place.pointee.isSettled = true
      place.pointee.close()
      ended = .unsettled(heads.count)
    case .evict:
      place.pointee.isSettled = !isFirst
      place.pointee.close()
    case .stamp, .submit, .complete:
      guard place.pointee.mayMatter(step.operation) else { return }
    }
    heads.append(step)
  }

  @inline(__always)
  private mutating func apply(_ step: RequestStep, _ place: UnsafeMutablePointer<RequestTable.Entry>) {
    switch step.operation {
    case .begin:
      guard place.pointee.state != .closed else {
        place.pointee.open(step, as: .open)
        return
      }
      reuse(step, place)
    case .end:
      guard place.pointee.state == .open, step.gapEnd <= place.pointee.timestamp else {
        refuse(step, place)
        return
      }
      if place.pointee.isCounted { end(step, place) } else { endFromBefore(step, place) }
      place.pointee.close()
    case .evict:
      if place.pointee.state == .open { unmatched[place.pointee.thread, default: 0] &+= 1 }
      place.pointee.close()
    case .stamp:
      guard place.pointee.state == .closed, place.pointee.kick == nil else { return }
      place.pointee.kick = step.kick
      place.pointee.stamped = step.timestamp
    case .submit:
      guard place.pointee.state == .open, step.gapEnd <= place.pointee.timestamp else { return }
      if place.pointee.submitted == nil { place.pointee.submitted = step.timestamp }
    case .complete:
      guard place.pointee.state == .open, step.gapEnd <= place.pointee.timestamp else { return }
      guard place.pointee.submitted != nil, place.pointee.completed == nil else { return }
      place.pointee.completed = step.timestamp
    }
  }

  /// The end of a request that is known from its begin on.
  @inline(__always)
  private mutating func end(_ step: RequestStep, _ place: UnsafeMutablePointer<RequestTable.Entry>) {
    let statistics = statistics.row(for: place.pointee.statisticsKey)
    guard step.detail != RequestStep.givenUp else {
      statistics.pointee.givenUp &+= 1
      return
    }
    if step.detail != 0 { statistics.pointee.failed &+= 1 }
    let (began, location) = (place.pointee.timestamp, place.pointee.location)
    statistics.pointee.duration.record(step.timestamp &- began, timestamp: began, location: location)
    let stages = stages.row(for: Key(high: 0, low: step.key >> 32))
    if let kick = place.pointee.kick {
      stages.pointee.record(.kickToPushed, step.timestamp &- kick, began, location)
      ended = .at(kick)
    }
    guard let submitted = place.pointee.submitted else {
      stages.pointee.record(.poppedToPushed, step.timestamp &- began, began, location)
      return
    }
    stages.pointee.record(.poppedToSubmitted, submitted &- began, began, location)
    guard let completed = place.pointee.completed else { return }
    stages.pointee.record(.submittedToCompleted, completed &- submitted, began, location)
    stages.pointee.record(.completedToPushed, step.timestamp &- completed, began, location)
  }

  /// The end of a request that began before the window: it is none of the window's, but where there are such, the longest are among
  /// them.
  @inline(never)
  private mutating func endFromBefore(_ step: RequestStep, _ place: UnsafeMutablePointer<RequestTable.Entry>)
  {
    guard step.detail != RequestStep.givenUp else { return }
    let statistics = statistics.row(for: place.pointee.statisticsKey)
    statistics.pointee.fromBefore &+= 1
    statistics.pointee.longestFromBefore = max(
      statistics.pointee.longestFromBefore, step.timestamp &- place.pointee.timestamp)
  }

  /// A begin of a request that has begun.
  @inline(never)
  private mutating func reuse(_ step: RequestStep, _ place: UnsafeMutablePointer<RequestTable.Entry>) {
    if place.pointee.state == .open { unmatched[place.pointee.thread, default: 0] &+= 1 }
    // In a gap the end of the one before can be lost.
    let isReused = step.gapEnd <= place.pointee.timestamp
    if isReused { unmatched[step.thread, default: 0] &+= 1 }
    place.pointee.open(step, as: isReused ? .doubtful : .open)
  }

  /// An end that belongs to no begin, or to one before a gap.
  @inline(never)
  private mutating func refuse(_ step: RequestStep, _ place: UnsafeMutablePointer<RequestTable.Entry>) {
    if place.pointee.state == .open { unmatched[place.pointee.thread, default: 0] &+= 1 }
    unmatched[step.thread, default: 0] &+= 1
    place.pointee.close()
  }

  /// A request had to make room for others.
  @inline(never)
  private mutating func evict(_ entry: RequestTable.Entry) {
    if !entry.isSettled {
      heads.append(
        RequestStep(
          timestamp: 0, location: 0, gapEnd: .min, key: entry.key, operation: .evict, thread: 0, detail: 0))
    } else if entry.state == .open {
      unmatched[entry.thread, default: 0] &+= 1
    }
  }

  // MARK: Merge

  /// Adds what follows in time.
  ///
  /// - Parameter gapEnd: End of the latest gap that began before it.
  /// - Returns: What is known now of each of its heads that is an end.
  mutating func add(_ next: RequestTracker, gapEnd: Int64) -> [EndedKick] {
    let before = table.clock
    var kicks: [EndedKick] = []
    for var head in next.heads {
      head.gapEnd = max(head.gapEnd, gapEnd)
      ended = .none
      defer {
        if let told = head.told, case .at(let kick) = ended {
          stages.row(for: Key(high: 0, low: head.key >> 32)).pointee.record(
            .kickToInterrupt, told &- kick, head.timestamp, head.location)
        }
        kicks.append(ended)
      }
      if head.operation != .evict {
        step(head)
      } else if let place = table.find(head.key) {
        if place.pointee.isSettled { apply(head, place) } else { keep(head, place) }
      }
    }
    table.adopt(next.table, since: before)
    statistics.add(next.statistics)
    stages.add(next.stages)
    unmatched.merge(next.unmatched, uniquingKeysWith: &+)
    return kicks
  }

  /// Goes on with the requests that are open, none of which is counted.
  static func opened(_ before: RequestTracker) -> RequestTracker {
    var opened = RequestTracker(isLeading: true)
    opened.table.adopt(before.table, since: 0)
    opened.table.forEach { $0.pointee.isCounted = false }
    return opened
  }

  // MARK: Result

  /// Requests by device, queue and kind.
  ///
  /// - Parameter gapEnd: End of the latest gap: what is open since before it may have ended.
  func results(gapEnd: Int64) -> [RequestResult] {
    var open: [UInt64: [UInt64: UInt64]] = [:]
    table.forEach {
      guard $0.pointee.state == .open, $0.pointee.isCounted, gapEnd <= $0.pointee.timestamp else { return }
      let key = $0.pointee.statisticsKey
      open[key.high, default: [:]][key.low, default: 0] &+= 1
    }
    var results: [RequestResult] = []
    statistics.forEach { key, row in
      results.append(
        RequestResult(
          kind: Int(clamping: key.high), device: Int(key.low >> 16), queue: Int(key.low & 0xffff),
          begun: row.begun, bytes: row.bytes, failed: row.failed, givenUp: row.givenUp,
          open: open[key.high]?[key.low] ?? 0, fromBefore: row.fromBefore,
          longestFromBefore: row.longestFromBefore,
          duration: LatencySummary(row.duration)))
    }
    return results.sorted { ($0.device, $0.queue, $0.kind) < ($1.device, $1.queue, $1.kind) }
  }

  /// The stages of requests, by queue.
  func stageResults() -> [RequestStagesResult] {
    var results: [RequestStagesResult] = []
    stages.forEach { key, row in
      results.append(
        RequestStagesResult(
          device: Int(key.low >> 16), queue: Int(key.low & 0xffff),
          stages: RequestStage.allCases.map { row[$0] }))
    }
    return results.sorted { ($0.device, $0.queue) < ($1.device, $1.queue) }
  }

  /// Begins and ends that could not be paired, by thread.
  func unmatched(gapEnd: Int64) -> [Int: UInt64] {
    var counts: [Int: UInt64] = [:]
    for (thread, count) in unmatched { counts[Int(thread)] = count }
    table.forEach {
      guard $0.pointee.state == .open, gapEnd > $0.pointee.timestamp else { return }
      counts[Int($0.pointee.thread), default: 0] &+= 1
    }
    return counts
  }
}

// MARK: Kept in a file

extension RequestTracker {
  /// Events of one key that wait for what was before: a stamp, a completion, a submission and another completion, a begin,
  /// again a submission and a completion, and an end or another begin. No more keys than there are entries have any.
  static let mostKept = 8
  /// With an eviction of each.
  static let mostHeads = (mostKept + 1) * Limits.openRequests

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try table.code(&coder)
    try statistics.code(&coder)
    try stages.code(&coder)
    try coder.code(&unmatched, limit: AnalysisState.threadCount, "a list of threads")
    try coder.require(
      unmatched.keys.allSatisfy { $0 < UInt16(AnalysisState.threadCount) }, "a thread's number")
    try coder.code(&heads, limit: Self.mostHeads, "a list of requests")
  }
}

extension RequestTable.Entry {
  /// Whether an event in between can matter although what was before the slice is not known; it is noted as one that was kept.
  fileprivate mutating func mayMatter(_ operation: RequestStep.Operation) -> Bool {
    let (stamp, early, submit, late): (UInt8, UInt8, UInt8, UInt8) = (1, 2, 4, 8)
    let bit: UInt8
    switch operation {
    // A request that has begun takes no stamp.
    case .stamp: bit = state == .closed ? stamp : 0
    case .submit: bit = submit
    case .complete where kept & submit != 0: bit = late
    // Of a request that has begun here nothing can have been submitted before.
    case .complete: bit = state == .closed ? early : 0
    case .begin, .end, .evict: return true
    }
    guard bit != 0, kept & bit == 0 else { return false }
    kept |= bit
    return true
  }
}
