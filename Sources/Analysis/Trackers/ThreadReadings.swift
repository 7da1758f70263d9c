/// What the host knew of a thread at one moment (`thread_stats`), cumulative since the thread began.
package struct ThreadReading: Sendable, Equatable {
  /// ns since the clock's origin.
  package internal(set) var timestamp: Int64
  /// ns on a CPU; nil: this host does not say.
  package internal(set) var running: UInt64?
  /// ns runnable but waiting for a CPU, of waits that are over.
  package internal(set) var waiting: UInt64?
  /// Times that the thread gave its CPU up.
  package internal(set) var voluntarySwitches: UInt64?
  /// Times that its CPU was taken from it.
  package internal(set) var involuntarySwitches: UInt64?
}

extension ThreadReading {
  init(_ event: ThreadStats, _ at: EventPlace) {
    let known = event.known
    timestamp = at.timestamp
    running = known & 1 != 0 ? event.runNs : nil
    waiting = known & 2 != 0 ? event.waitNs : nil
    voluntarySwitches = known & 4 != 0 ? event.voluntarySwitches : nil
    involuntarySwitches = known & 8 != 0 ? event.involuntarySwitches : nil
  }
}

/// The time between two readings that follow each other, in which a thread waited for a CPU.
package struct WaitingSpell: Sendable, Equatable {
  /// Time of the first reading, ns since the clock's origin.
  package internal(set) var begin: Int64
  /// Time of the second one.
  package internal(set) var end: Int64
  /// How long it waited between them, ns.
  package internal(set) var waiting: Int64
}

/// The first and the last reading of a thread, and the worst times between readings.
package struct ThreadReadings: Sendable, Equatable {
  /// Number of readings.
  package internal(set) var count: UInt64
  /// The earliest.
  package internal(set) var first: ThreadReading
  /// The latest.
  package internal(set) var last: ThreadReading
  /// Times between readings in which the thread waited, the longest waits first; no more than `Limits.spells`.
  package internal(set) var spells: [WaitingSpell] = []

  init(_ reading: ThreadReading) {
    (count, first, last) = (1, reading, reading)
  }

  /// Adds what comes next in time.
  mutating func add(_ next: ThreadReadings) {
    var added = next.spells
    // Waits only add up; a smaller sum is another thread's.
    if let from = last.waiting, let to = next.first.waiting, to > from {
      added.append(
        WaitingSpell(begin: last.timestamp, end: next.first.timestamp, waiting: Int64(clamping: to - from)))
    }
    count &+= next.count
    last = next.last
    guard !added.isEmpty else { return }
    // Which are kept depends on them alone, so slices merge to the same.
    spells = Array(
      (spells + added).sorted { ($1.waiting, $0.begin, $0.end) < ($0.waiting, $1.begin, $1.end) }
        .prefix(Limits.spells))
  }

  /// By how much a value grew from the first to the last reading; nil: unknown.
  package func growth(_ value: KeyPath<ThreadReading, UInt64?>) -> UInt64? {
    guard count > 1, let from = first[keyPath: value], let to = last[keyPath: value], to >= from else {
      return nil
    }
    return to - from
  }
}

/// A thread of the VMM.
package struct ThreadName: Sendable, Hashable, Comparable {
  /// What threads are there for.
  package enum Kind: Int, Sendable {
    // As `thread_kind` of the catalogue counts them.
    case vcpu, loop, main
  }

  /// What it is there for.
  package internal(set) var kind: Kind
  /// Number of the vCPU or loop.
  package internal(set) var id: Int

  /// A thread.
  package init(_ kind: Kind, _ id: Int) { (self.kind, self.id) = (kind, id) }

  /// vCPUs, loops, the main thread.
  package static func < (left: ThreadName, right: ThreadName) -> Bool {
    (left.kind.rawValue, left.id) < (right.kind.rawValue, right.id)
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(never)
  func threadStatistics(_ at: EventPlace, _ event: ThreadStats) {
    if event.moment == StatisticsMoment.end { pointee.hasEnd = true }
    guard event.threadKind <= ThreadKind.main.rawValue,
      let kind = ThreadName.Kind(rawValue: Int(clamping: event.threadKind)),
      let thread = thread(kind: event.threadKind, id: event.thread)
    else { return }
    let reading = ThreadReadings(ThreadReading(event, at))
    pointee.add([ThreadName(kind, thread.pointee.id): reading])
  }
}

extension AnalysisState {
  /// Adds readings that come next in time.
  mutating func add(_ readings: [ThreadName: ThreadReadings]) {
    for (name, next) in readings {
      if threadReadings[name] == nil { threadReadings[name] = next } else { threadReadings[name]?.add(next) }
    }
  }
}

// MARK: Kept in a file

extension ThreadReading {
  static var blank: ThreadReading {
    ThreadReading(
      timestamp: 0, running: nil, waiting: nil, voluntarySwitches: nil, involuntarySwitches: nil)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(&running)
    try coder.code(&waiting)
    try coder.code(&voluntarySwitches)
    try coder.code(&involuntarySwitches)
  }
}

extension WaitingSpell: StateCoded {
  static var blank: WaitingSpell { WaitingSpell(begin: 0, end: 0, waiting: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(moment: &begin)
    try coder.code(moment: &end)
    try coder.code(&waiting)
    try coder.require(waiting >= 0, "a wait of \(waiting) ns")
  }
}

extension ThreadReadings: StateCoded {
  static var blank: ThreadReadings { ThreadReadings(.blank) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &count)
    try first.code(&coder)
    try last.code(&coder)
    try coder.code(&spells, limit: Limits.spells, "a list of waits")
  }
}

extension ThreadName: StateCoded {
  static var blank: ThreadName { ThreadName(.vcpu, 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    var number = kind.rawValue
    try coder.code(&number, below: Kind.main.rawValue + 1, "a kind of thread")
    kind = Kind(rawValue: number) ?? .main
    try coder.code(&id, below: Limits.vcpus, "a thread's number")
  }
}
