/// What moves a thread from one time category to another.
enum ClockOperation: UInt8 {
  case enter, exit, begin, end, lockWait, lockAcquired, sleep, wake, pollBegin, pollEnd
}

/// One step of a thread's clock, kept verbatim while it cannot be applied yet.
struct ClockStep {
  var timestamp: Int64
  var location: UInt64
  /// Category for `begin` and `end`, lock for the lock operations.
  var argument: UInt64
  /// End of the latest gap before this step, as far as this slice knows.
  var gapEnd: Int64
  var seq: UInt32
  var operation: ClockOperation

  /// Whether the state after this step depends on the step alone.
  @inline(__always)
  var synchronizes: Bool { operation != .lockWait && operation != .lockAcquired }
}

/// Which category a thread's time belongs to right now.
///
/// Every step gives the time since the previous one to exactly one category, so the totals of a thread always
/// add up to the time between its first and its last event. Time goes to ``TimeCategory/unknown`` when a gap
/// overlaps it or when the event does not follow from the state, with one exception: the time between enter n
/// and exit n, and between wait n and wakeup n, is proven by the sequence number, since nothing else can have
/// happened on that thread.
struct ThreadClock {
  var started = false
  var first: Int64 = 0
  var last: Int64 = 0
  var category = TimeCategory.unknown
  /// The category around a lock wait.
  var under = TimeCategory.unknown
  var lock: UInt64 = 0
  var seq: UInt32 = 0
  /// Lock events since the last event of another kind, at most `Limits.lockRun`.
  var lockRun = 0
  /// What has been going on since `last` began before it, in front of the window analysed.
  var isCut = false
  /// What was before the first event.
  var beginning = Beginning()

  /// What a thread's first event tells of the time before it.
  struct Beginning: Equatable {
    /// End of the latest gap that began before it.
    var gapEnd = Int64.min
    /// The sequence number.
    var seq: UInt32 = 0
    /// The event is one that nothing comes before of this number.
    var isFirstOfNumber = false
    /// Its number's wait is over.
    var isAfterWakeup = false
  }
}

extension ThreadClock {
  /// Up to when events of the thread may be missing, or what it did is not known; `Int64.min`: nothing is missing.
  ///
  /// Where something comes before its first event and was lost, the thread was doing something from the gap to that event, too.
  var missingBefore: Int64 {
    if beginning.seq == 0 && beginning.isFirstOfNumber { return .min }
    return beginning.gapEnd == .min ? .min : max(beginning.gapEnd, first)
  }

  /// Wakeups that there were from the first to the last event, by their numbers.
  var wakeups: UInt64 {
    let rounds = UInt64(seq &- beginning.seq) &+ (category == TimeCategory.asleep ? 0 : 1)
    return rounds &- (beginning.isAfterWakeup ? min(rounds, 1) : 0)
  }

  fileprivate mutating func begin(with step: ClockStep) {
    started = true
    first = step.timestamp
    let isWakeup = step.operation == .wake || step.operation == .pollEnd
    let opens = step.operation == .enter || step.operation == .sleep || step.operation == .pollBegin
    beginning = Beginning(
      gapEnd: step.gapEnd, seq: step.seq, isFirstOfNumber: opens, isAfterWakeup: !opens && !isWakeup)
  }

  /// Goes on in a window with what is known at its begin.
  mutating func open(at moment: Int64) {
    last = max(last, moment)
    first = last
    isCut = true
    beginning = Beginning(seq: seq, isFirstOfNumber: false, isAfterWakeup: category != TimeCategory.asleep)
  }

  /// Goes on with what a later slice knows.
  mutating func follow(_ next: ThreadClock) {
    let (first, beginning) = (first, beginning)
    self = next
    (self.first, self.beginning) = (first, beginning)
  }
}

/// What a thread's clock adds to.
struct ClockTotals {
  /// ns by category.
  let times: UnsafeMutablePointer<Int64>
  /// Events that did not follow from the state though no gap is there.
  var unexplained: UInt64 = 0
  /// What the time up to the latest step was given to.
  var lastCategory = TimeCategory.unknown

  init() {
    times = .allocate(capacity: TimeCategory.count)
    times.initialize(repeating: 0, count: TimeCategory.count)
  }
}

extension ThreadClock {
  /// Applies a step.
  ///
  /// - Returns: How long a lock was waited for, when this step proves it.
  @inline(__always)
  mutating func step(_ step: ClockStep, totals: UnsafeMutablePointer<ClockTotals>?) -> Int64? {
    let now = started ? max(step.timestamp, last) : step.timestamp
    let clean = step.gapEnd <= last
    var expected = false
    var proven = false
    var next = TimeCategory.unknown
    switch step.operation {
    case .enter:
      expected = category == TimeCategory.other && seq &+ 1 == step.seq
      next = TimeCategory.inKvmRun
    case .exit:
      proven = category == TimeCategory.inKvmRun && seq == step.seq
      expected = proven
      next = TimeCategory.other
    case .begin:
      expected = category == TimeCategory.other && seq == step.seq
      next = Int(step.argument)
    case .end:
      expected = category == Int(step.argument) && seq == step.seq
      next = TimeCategory.other
    case .sleep:
      expected = category == TimeCategory.other
      next = TimeCategory.asleep
    case .wake:
      proven = category == TimeCategory.asleep && seq == step.seq
      expected = proven || category == TimeCategory.other
      next = TimeCategory.other
    case .pollBegin:
      expected = category == TimeCategory.other
      next = TimeCategory.polling
    case .pollEnd:
      expected = category == TimeCategory.polling
      next = TimeCategory.other
    case .lockWait:
      expected = category == TimeCategory.other || category >= TimeCategory.sources
      expected = expected && seq == step.seq
      under = expected && clean ? category : TimeCategory.unknown
      lock = step.argument
      next = TimeCategory.lock
    case .lockAcquired:
      expected = category == TimeCategory.lock && lock == step.argument && seq == step.seq
      next = expected && clean ? under : TimeCategory.unknown
    }
    if step.synchronizes {
      lockRun = 0
    } else if lockRun >= Limits.lockRun {
      next = TimeCategory.unknown
      expected = false
      category = TimeCategory.unknown
      under = TimeCategory.unknown
    } else {
      lockRun &+= 1
    }
    let spent = started ? now &- last : 0
    if started, let totals {
      let counted = proven || (expected && clean) ? category : TimeCategory.unknown
      totals.pointee.times[counted] &+= spent
      totals.pointee.lastCategory = counted
      if !expected && clean && !isCut && category != TimeCategory.unknown { totals.pointee.unexplained &+= 1 }
    }
    if !started { begin(with: step) }
    last = now
    category = next
    seq = step.seq
    let isWhole = !isCut
    isCut = false
    return step.operation == .lockAcquired && expected && clean && isWhole ? spent : nil
  }
}

// MARK: Kept in a file

extension StateCoder {
  mutating func code(category value: inout Int) throws(StateError) {
    try code(&value, below: TimeCategory.count, "what time is spent on:")
  }
}

extension ClockStep {
  static var blank: ClockStep {
    ClockStep(timestamp: 0, location: 0, argument: 0, gapEnd: .min, seq: 0, operation: .enter)
  }

  /// - Parameter thread: Index of its thread.
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(choice: &operation)
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, thread: thread)
    try coder.code(&argument)
    if operation == .begin || operation == .end {
      try coder.require(argument < UInt64(TimeCategory.count), "a handler of \(argument)")
    }
    try coder.code(moment: &gapEnd)
    try coder.code(&seq)
  }
}

extension ThreadClock {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&started)
    try coder.code(moment: &first)
    try coder.code(moment: &last)
    try coder.require(first <= last, "a thread that ends before it begins")
    try coder.require(!started || (first > .min && last < .max), "a thread that began without a time")
    try coder.code(category: &category)
    try coder.code(category: &under)
    try coder.code(&lock)
    try coder.code(&seq)
    try coder.code(&lockRun, below: Limits.lockRun + 1, "events of locks")
    try coder.code(&isCut)
    try coder.code(moment: &beginning.gapEnd)
    try coder.code(&beginning.seq)
    try coder.code(&beginning.isFirstOfNumber)
    try coder.code(&beginning.isAfterWakeup)
  }
}

extension ClockTotals {
  /// - Parameter span: The time that they are parts of, ns.
  mutating func code(_ coder: inout StateCoder, of span: Int64) throws(StateError) {
    let times = times
    var sum: Int64 = 0
    let used = (0..<TimeCategory.count).filter { times[$0] != 0 }
    try coder.sparse(used, TimeCategory.count) { (category, coder) throws(StateError) in
      try coder.code(&times[category])
      try coder.require(
        times[category] >= 0 && times[category] <= span - sum, "a thread's time that is more than all of it")
      sum += times[category]
    }
    try coder.code(count: &unexplained)
    try coder.code(category: &lastCategory)
  }
}
