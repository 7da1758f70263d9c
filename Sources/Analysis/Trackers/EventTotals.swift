/// How many events the VMM says its threads emitted (`event_totals`), beside how many were read until then.
///
/// Readings are kept by the trace that they are in, since several recordings can be read together, and by thread:
/// the index of its ``ThreadState``, or ``AnalysisState/threadCount`` for all threads beyond the limits.
struct EventTotals {
  /// Whose reading it is.
  struct Place: Hashable {
    var run: Int
    var thread: Int
  }

  /// A thread's first reading with moment `start`.
  struct Start {
    var timestamp: Int64
    var emitted: UInt64
    /// The thread's events read before this one.
    var recorded: UInt64
    /// Its events read up to the `clock_sync` before, which is before the reading was taken; nil: there was none yet.
    var synchronized: UInt64?
  }

  /// All readings of one moment.
  struct Sum {
    var count: UInt64 = 0
    var emitted: UInt64 = 0
  }

  /// The earliest start reading of each thread.
  var first: [Place: Start] = [:]
  /// All start readings of each thread.
  var starts: [Place: Sum] = [:]
  /// All end readings of each thread.
  var ends: [Place: Sum] = [:]
  /// End readings by how many there are of their kind, for each trace.
  var groups: [Int: [UInt64: UInt64]] = [:]
  /// Traces that end before their runs, as they were as large as they may be.
  var limited: Set<Int> = []
  /// The processes that each trace describes.
  var processes: [Int: Set<UInt32>] = [:]
  /// A `clock_sync` has been read.
  var isSynchronized = false
  /// Readings of traces beyond ``Limits/runs``.
  var unanalysed: UInt64 = 0

  /// Adds what comes later, of which nothing depends on what was before.
  mutating func add(_ other: EventTotals) {
    first.merge(other.first) { known, _ in known }
    for (place, sum) in other.starts { starts[place, default: Sum()].add(sum) }
    for (place, sum) in other.ends { ends[place, default: Sum()].add(sum) }
    for (run, counts) in other.groups { groups[run, default: [:]].merge(counts, uniquingKeysWith: &+) }
    for (run, processes) in other.processes {
      for process in processes { addProcess(process, run: run) }
    }
    limited.formUnion(other.limited)
    isSynchronized = isSynchronized || other.isSynchronized
    unanalysed &+= other.unanalysed
  }

  mutating func addProcess(_ process: UInt32, run: Int) {
    guard run < Limits.runs, processes[run, default: []].count < Limits.processes else { return }
    processes[run, default: []].insert(process)
  }
}

extension EventTotals.Sum {
  mutating func add(_ other: EventTotals.Sum) {
    count &+= other.count
    emitted &+= other.emitted
  }
}

extension AnalysisState {
  /// The threads' own events that are read, those of the main thread, and those of threads beyond the limits.
  func recorded(_ thread: Int) -> UInt64 {
    if thread == Self.threadCount { return unanalysed }
    var count: UInt64 = 0
    if thread == Self.main {
      for tag in EventTag.ofMainThread { count &+= events[Int(tag.rawValue)] }
    }
    guard let state = threads[thread] else { return count }
    return count &+ state.pointee.recorded
  }

  /// The events read of the thread of a start reading, for the main thread without the start readings themselves:
  /// these come after the reading was taken.
  fileprivate func recordedBeforeStart(_ thread: Int, run: Int) -> UInt64 {
    guard thread == Self.main else { return recorded(thread) }
    let readings = totals.starts.reduce(0) { $1.key.run == run ? $0 &+ $1.value.count : $0 }
    return recorded(thread) &- readings
  }

  /// Adds the totals of the slice that follows in time; has to come before its counts are added.
  mutating func addTotals(_ other: AnalysisState) {
    var later = other.totals
    for (place, start) in later.first {
      var start = start
      let before = recordedBeforeStart(place.thread, run: place.run)
      start.recorded &+= before
      start.synchronized =
        start.synchronized.map { $0 &+ before }
        ?? (totals.isSynchronized ? synchronized(place.thread) : nil)
      later.first[place] = start
    }
    if other.totals.isSynchronized {
      for index in 0..<Self.threadCount {
        let now = other.threads[index]?.pointee.synchronizedEvents ?? 0
        guard let state = threads[index] else { continue }
        state.pointee.synchronizedEvents = state.pointee.recorded &+ now
      }
    }
    totals.add(later)
  }

  fileprivate func synchronized(_ thread: Int) -> UInt64 {
    thread < Self.threadCount ? threads[thread]?.pointee.synchronizedEvents ?? 0 : 0
  }
}

extension AnalysisState {
  /// The trace that a stream belongs to.
  func run(of stream: Int) -> Int {
    stream < configuration.runs.count ? configuration.runs[stream] : 0
  }
}

extension EventTag {
  /// Events that only the main thread emits.
  static let ofMainThread: [EventTag] = [
    .kvmStats, .kvmCounter, .threadStats, .eventTotals, .kvmCounterInfo, .vmInfo, .vcpuInfo, .loopInfo,
    .deviceInfo, .ioeventfdInfo, .clockSync, .emissionTrialInfo, .emissionInfo,
  ]
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  /// Takes note of how much has been read of each thread.
  @inline(never)
  func synchronize() {
    pointee.totals.isSynchronized = true
    for index in 0..<AnalysisState.threadCount {
      guard let thread = pointee.threads[index] else { continue }
      thread.pointee.synchronizedEvents = thread.pointee.recorded
    }
  }

  /// Keeps a reading. The event itself has been counted.
  @inline(never)
  func eventTotals(_ at: EventPlace, _ event: EventTotalsEvent, run: Int) {
    guard run < Limits.runs else {
      pointee.totals.unanalysed &+= 1
      return
    }
    let place = EventTotals.Place(
      run: run, thread: AnalysisState.index(kind: event.threadKind, id: event.thread))
    let emitted = event.emitted
    switch event.moment {
    case StatisticsMoment.start:
      if pointee.totals.first[place] == nil {
        let isMain = place.thread == AnalysisState.main
        let recorded = pointee.recordedBeforeStart(place.thread, run: run) &- (isMain ? 1 : 0)
        let known = isMain ? recorded : pointee.synchronized(place.thread)
        pointee.totals.first[place] = EventTotals.Start(
          timestamp: at.timestamp, emitted: emitted, recorded: recorded,
          synchronized: isMain || pointee.totals.isSynchronized ? known : nil)
      }
      pointee.totals.starts[place, default: EventTotals.Sum()].add(.init(count: 1, emitted: emitted))
    case StatisticsMoment.end, StatisticsMoment.limit:
      if event.moment == StatisticsMoment.limit { pointee.totals.limited.insert(run) }
      pointee.totals.ends[place, default: EventTotals.Sum()].add(.init(count: 1, emitted: emitted))
      pointee.totals.groups[run, default: [:]][event.threads, default: 0] &+= 1
    default: break
    }
  }
}

extension AnalysisState {
  /// The index of a thread's state; ``threadCount`` for threads beyond the limits.
  static func index(kind: UInt64, id: UInt64) -> Int {
    switch kind {
    case ThreadKind.vcpu.rawValue where id < UInt64(Limits.vcpus): Int(id)
    case ThreadKind.loop.rawValue where id < UInt64(Limits.loops): loopBase + Int(id)
    case ThreadKind.main.rawValue: main
    default: threadCount
    }
  }
}

// MARK: Kept in a file

extension EventTotals.Place: StateCoded, Comparable {
  static var blank: EventTotals.Place { EventTotals.Place(run: 0, thread: 0) }
  static let most = Limits.runs * (AnalysisState.threadCount + 1)

  static func < (left: EventTotals.Place, right: EventTotals.Place) -> Bool {
    (left.run, left.thread) < (right.run, right.thread)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&run, below: Limits.runs, "a trace's number")
    try coder.code(&thread, below: AnalysisState.threadCount + 1, "a thread's number")
  }
}

extension EventTotals.Start: StateCoded {
  static var blank: EventTotals.Start {
    EventTotals.Start(timestamp: 0, emitted: 0, recorded: 0, synchronized: nil)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(&emitted)
    try coder.code(&recorded)
    try coder.code(&synchronized)
  }
}

extension EventTotals.Sum: StateCoded {
  static var blank: EventTotals.Sum { EventTotals.Sum() }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &count)
    try coder.code(&emitted)
  }
}

extension EventTotals {
  /// Kinds of readings at the end that are kept of a trace: one for each process, and a few that damage makes.
  private static let mostGroups = 4096

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&first, limit: Place.most, "readings")
    try coder.code(&starts, limit: Place.most, "readings")
    try coder.code(&ends, limit: Place.most, "readings")
    let (groups, processes, limited) = (groups, processes, limited)
    let runs = Set(groups.keys).union(processes.keys).union(limited).sorted()
    try coder.sparse(runs, Limits.runs) { (run, coder) throws(StateError) in
      var (counts, known) = (groups[run] ?? [:], (processes[run] ?? []).sorted())
      try coder.code(&counts, limit: Self.mostGroups, "groups of readings")
      try coder.code(&known, limit: Limits.processes, "a list of processes")
      var isLimited = limited.contains(run)
      try coder.code(&isLimited)
      if isLimited { self.limited.insert(run) }
      self.groups[run] = counts.isEmpty ? nil : counts
      self.processes[run] = known.isEmpty ? nil : Set(known)
    }
    try coder.code(&isSynchronized)
    try coder.code(count: &unanalysed)
  }
}
