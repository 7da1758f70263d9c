/// The state of an analysis. It lives behind a pointer so that the row walk pays for no exclusivity checks.
struct AnalysisState {
  var configuration: Configuration
  /// Exits may have to be left out.
  let isFiltered: Bool
  /// Nothing comes before this slice, so every row can be applied at once.
  let isLeading: Bool
  /// Threads by index: vCPUs, then loops, then the main thread.
  let threads: UnsafeMutablePointer<UnsafeMutablePointer<ThreadState>?>
  static let loopBase = Limits.vcpus
  static let main = Limits.vcpus + Limits.loops
  static let threadCount = main + 1

  var sites = StatisticsTable<ExitSite>(limit: Limits.sites)
  /// Exits by place in the guest and kind, where that is recorded.
  var instructions = StatisticsTable<ExitSite>(limit: Limits.instructions)
  var paths = StatisticsTable<PathStatistics>(limit: Limits.paths)
  var requests: RequestTracker
  var locks = StatisticsTable<LockStatistics>(limit: Limits.locks)
  var queues = QueueTracker()
  var brokenQueues = BrokenQueueTracker()

  /// Events by tag.
  let events: UnsafeMutablePointer<UInt64>
  let interrupts = InterruptTracker()
  /// Events of vCPUs and loops with ids beyond the limits.
  var unanalysed: UInt64 = 0
  var begin = Int64.max
  var end = Int64.min
  /// End of the latest gap that began so far.
  var gapEnd: Int64
  var gaps: UInt64 = 0

  var counts = ExitCounts()
  var markCount: UInt64 = 0
  var marks: [GuestMark] = []
  /// The latest mark.
  var lastMark: GuestMark?
  /// KVM's counters or threads' times were read at the end of the run.
  var hasEnd = false
  /// The latest mark before a window that this begins.
  var markBefore: GuestMark?
  var samples: [KvmScope: KvmSamples] = [:]
  var counters: [KvmScope: CounterReadings] = [:]
  var threadReadings: [ThreadName: ThreadReadings] = [:]
  var dump = StateDump()
  var clockSyncs: UInt64 = 0
  var totals = EventTotals()

  /// When the slice begins; `Int64.min`: nothing comes before it.
  let floor: Int64

  init(_ configuration: Configuration, isLeading: Bool, gapEnd: Int64, floor: Int64 = .min) {
    self.configuration = configuration
    self.floor = floor
    isFiltered =
      !configuration.vcpus.isEmpty || !configuration.reasons.isEmpty || !configuration.addresses.isEmpty
    self.isLeading = isLeading
    self.gapEnd = gapEnd
    requests = RequestTracker(isLeading: isLeading)
    threads = .allocate(capacity: Self.threadCount)
    threads.initialize(repeating: nil, count: Self.threadCount)
    events = .allocate(capacity: EventTag.allCases.count)
    events.initialize(repeating: 0, count: EventTag.allCases.count)
  }

  func free() {
    for index in 0..<Self.threadCount {
      guard let thread = threads[index] else { continue }
      thread.pointee.free()
      thread.deinitialize(count: 1)
      thread.deallocate()
    }
    threads.deallocate()
    sites.free()
    instructions.free()
    paths.free()
    requests.free()
    locks.free()
    queues.free()
    brokenQueues.free()
    events.deallocate()
    interrupts.free()
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(__always)
  func vcpu(_ id: UInt64) -> UnsafeMutablePointer<ThreadState>? {
    guard id < UInt64(Limits.vcpus) else { return beyondLimits() }
    return pointee.threads[Int(id)] ?? makeThread(Int(id), .vcpu, Int(id))
  }

  @inline(__always)
  func loop(_ id: UInt64) -> UnsafeMutablePointer<ThreadState>? {
    guard id < UInt64(Limits.loops) else { return beyondLimits() }
    return pointee.threads[AnalysisState.loopBase &+ Int(id)]
      ?? makeThread(AnalysisState.loopBase + Int(id), .loop, Int(id))
  }

  @inline(__always)
  func thread(kind: UInt64, id: UInt64) -> UnsafeMutablePointer<ThreadState>? {
    switch kind {
    case ThreadKind.vcpu.rawValue: vcpu(id)
    case ThreadKind.loop.rawValue: loop(id)
    case ThreadKind.main.rawValue:
      pointee.threads[AnalysisState.main] ?? makeThread(AnalysisState.main, .main, 0)
    default: beyondLimits()
    }
  }

  @inline(never)
  private func beyondLimits() -> UnsafeMutablePointer<ThreadState>? {
    pointee.unanalysed &+= 1
    return nil
  }

  @inline(never)
  func makeThread(_ index: Int, _ kind: ThreadKind, _ id: Int) -> UnsafeMutablePointer<ThreadState> {
    let thread = UnsafeMutablePointer<ThreadState>.allocate(capacity: 1)
    thread.initialize(to: ThreadState(kind: kind, id: id, synchronized: pointee.isLeading))
    pointee.threads[index] = thread
    return thread
  }
}

// MARK: Kept in a file

extension UnsafeMutablePointer where Pointee == AnalysisState {
  /// All but the configuration and whether something comes before, which it is made with.
  func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &pointee.begin)
    try coder.code(moment: &pointee.end)
    try coder.code(moment: &pointee.gapEnd)
    try coder.code(count: &pointee.gaps)
    try coder.code(sparse: pointee.events, EventTag.allCases.count)
    try coder.code(count: &pointee.unanalysed)
    try coder.code(count: &pointee.clockSyncs)
    try coder.code(&pointee.hasEnd)
    try pointee.counts.code(&coder)
    try coder.code(count: &pointee.markCount)
    try coder.code(&pointee.marks, limit: Limits.marks, "a list of marks")
    try coder.code(&pointee.lastMark)
    try coder.code(&pointee.markBefore)
    try pointee.dump.code(&coder)
    try pointee.totals.code(&coder)
    try coder.code(&pointee.samples, limit: KvmScope.most, "KVM's counters")
    try coder.code(&pointee.counters, limit: KvmScope.most, "KVM's counters")
    try coder.code(&pointee.threadReadings, limit: AnalysisState.threadCount, "threads' times")
    try codeThreads(&coder)
    try pointee.sites.code(&coder) { $0 != ExitPairing.unseenSite }
    try pointee.instructions.code(&coder) { $0.hasInstruction }
    try pointee.paths.code(&coder, PathStatistics.isValid)
    try pointee.requests.code(&coder)
    try pointee.locks.code(&coder)
    try pointee.queues.code(&coder)
    try pointee.brokenQueues.code(&coder)
    try pointee.interrupts.code(&coder)
  }

  private func codeThreads(_ coder: inout StateCoder) throws(StateError) {
    let known = (0..<AnalysisState.threadCount).filter { pointee.threads[$0] != nil }
    try coder.sparse(known, AnalysisState.threadCount) { (index, coder) throws(StateError) in
      if coder.isReading { try coder.reserve(ThreadState.size) }
      let thread = pointee.threads[index] ?? makeThread(index)
      try thread.pointee.code(&coder)
      let clock = thread.pointee.clock
      try coder.require(
        !clock.started || pointee.begin <= clock.first && clock.last <= pointee.end, "a thread's times")
    }
  }

  private func makeThread(_ index: Int) -> UnsafeMutablePointer<ThreadState> {
    if index < AnalysisState.loopBase { return makeThread(index, .vcpu, index) }
    if index < AnalysisState.main { return makeThread(index, .loop, index - AnalysisState.loopBase) }
    return makeThread(index, .main, 0)
  }
}
