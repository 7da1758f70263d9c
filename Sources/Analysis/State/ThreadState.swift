/// Everything kept for one thread: its machines, and for each machine the rows at the start of the slice that
/// could not be applied because they depend on what came before the slice.
///
/// Merging replays these rows on the left slice's final state; after its head a machine's state no longer
/// depends on what was before, so the rest of the slice stands as it is.
struct ThreadState {
  let kind: ThreadKind
  let id: Int
  /// Its place among all threads.
  var index: Int {
    switch kind {
    case .vcpu: id
    case .loop: AnalysisState.loopBase + id
    case .main: AnalysisState.main
    }
  }
  var totals = ClockTotals()

  var clock = ThreadClock()
  var clockSynchronized = false
  var clockHead: UnsafeMutablePointer<ClockStep>?
  var clockHeadCount = 0

  var exits = ExitPairing()
  var exitHead: ExitStep?
  var exitTotals = ExitTotals()
  /// Events of this thread that are neither enters nor exits.
  var otherEvents: UInt64 = 0
  /// Events of this thread up to the latest `clock_sync`.
  var synchronizedEvents: UInt64 = 0
  /// Exits by reason; reasons from 63 on share the last one.
  let reasons: UnsafeMutablePointer<UInt64>
  /// The latest rows looked up; good while their tables are stable.
  var cachedSite: UnsafeMutablePointer<ExitSite>?
  var cachedSiteKey = Key(high: 0, low: 0)
  var cachedPath: UnsafeMutablePointer<PathStatistics>?
  var cachedPathKey = Key(high: 0, low: 0)

  var path = PathState()
  var pathSynchronized = false
  var pathHeads: [PathHead] = []
  var pathBefore = PathContents()
  /// Handlers cut by lost events or out of sequence.
  var brokenHandlers: UInt64 = 0

  /// The latest event of a write that KVM kept, and the earliest of this slice.
  var coalesced: CoalescedStep?
  var coalescedHead: CoalescedStep?

  var arrival: RequestArrival

  var sleep: SleepStep?
  var sleepHead: SleepStep?
  var poll: PollStep?
  var pollHead: PollStep?
  var loop: LoopStatistics?

  static let reasonCount = 64
  /// Bytes that one takes at least.
  static let size =
    MemoryLayout<ThreadState>.stride + TimeCategory.count * 8 + reasonCount * 8 + LatencyHistogram.size

  /// Events of this thread that have been read.
  var recorded: UInt64 { exitTotals.exits &+ exitTotals.enters &+ otherEvents }

  init(kind: ThreadKind, id: Int, synchronized: Bool) {
    self.kind = kind
    self.id = id
    clockSynchronized = synchronized
    pathSynchronized = synchronized
    arrival = RequestArrival(isLeading: synchronized)
    reasons = .allocate(capacity: Self.reasonCount)
    reasons.initialize(repeating: 0, count: Self.reasonCount)
    if kind == .loop { loop = LoopStatistics() }
  }

  /// Drops the cached rows: their tables change.
  mutating func forgetRows() {
    cachedSite = nil
    cachedPath = nil
  }

  mutating func free() {
    totals.times.deallocate()
    reasons.deallocate()
    clockHead?.deallocate()
    loop?.free()
    pathHeads = []
  }
}

/// `thread_kind` of the catalogue.
enum ThreadKind: UInt64 {
  case vcpu = 0
  case loop = 1
  case main = 2
}

// MARK: Kept in a file

extension ThreadState {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    let thread = index
    try clock.code(&coder)
    try totals.code(&coder, of: clock.started ? clock.last - clock.first : 0)
    try coder.code(&clockSynchronized)
    try codeHead(&coder)

    try exits.code(&coder, thread: thread)
    try coder.code(&exitHead, .blank) { (row, coder) throws(StateError) in
      try row.code(&coder, thread: thread)
    }
    try exitTotals.code(&coder)
    try coder.code(count: &otherEvents)
    try coder.code(count: &synchronizedEvents)
    try coder.code(sparse: reasons, Self.reasonCount)

    try path.code(&coder, thread: thread)
    try coder.code(&pathSynchronized)
    let heads = try coder.count(
      pathHeads.count, limit: PathState.headRows - (pathSynchronized ? 0 : 1), "events of handlers")
    if coder.isReading { pathHeads = Array(repeating: .blank, count: heads) }
    for head in 0..<heads { try pathHeads[head].code(&coder, thread: thread) }
    try pathBefore.code(&coder)
    try coder.code(count: &brokenHandlers)
    try arrival.code(&coder, thread: thread)
    for row in [\ThreadState.coalesced, \.coalescedHead] {
      try coder.code(&self[keyPath: row], .blank) { (row, coder) throws(StateError) in
        try row.code(&coder, thread: thread)
      }
    }

    for row in [\ThreadState.sleep, \.sleepHead] {
      try coder.code(&self[keyPath: row], .blank) { (row, coder) throws(StateError) in
        try row.code(&coder, thread: thread)
      }
    }
    for row in [\ThreadState.poll, \.pollHead] {
      try coder.code(&self[keyPath: row], .blank) { (row, coder) throws(StateError) in try row.code(&coder) }
    }
    try loop?.code(&coder)
  }

  private mutating func codeHead(_ coder: inout StateCoder) throws(StateError) {
    // With one row more it is synchronized.
    let count = try coder.count(
      clockHeadCount, limit: Limits.lockRun + (clockSynchronized ? 1 : 0), "events of locks")
    guard count > 0 else { return }
    if coder.isReading {
      let head = UnsafeMutablePointer<ClockStep>.allocate(capacity: Limits.lockRun + 1)
      head.initialize(repeating: .blank, count: Limits.lockRun + 1)
      clockHead = head
      clockHeadCount = count
    }
    guard let clockHead else { return }
    for row in 0..<count { try clockHead[row].code(&coder, thread: index) }
  }
}
