/// The requests of which an event was seen last, at most ``Limits/openRequests``: sets of ``ways`` entries; where a set is
/// full, the entry that was touched longest ago makes room.
///
/// What a set holds are always the keys touched last, in whatever slices the events come: that is what lets
/// slices merge exactly although memory is bounded. A closed request keeps its entry for that reason.
struct RequestTable {
  enum State: UInt8 {
    case empty, closed, open
    /// Its id was used again before it ended.
    case doubtful
  }

  struct Entry {
    /// Device, queue and id.
    var key: UInt64
    /// Of the latest begin.
    var timestamp: Int64
    var location: UInt64
    /// When it had its latest event, counted in events of requests.
    var touched: UInt64
    /// Index of the thread of the latest begin.
    var thread: UInt16
    var kind: UInt8
    var state: State
    /// It does not depend on what was before this slice.
    var isSettled: Bool
    /// It did not begin before the window analysed.
    var isCounted: Bool
    /// When its guest kicked, by the stamp that came with it or comes before it; nil: there is none.
    var kick: Int64?
    /// Of the event with the stamp.
    var stamped: Int64 = 0
    /// Of `backend_submit` and `backend_complete`; nil: there was none.
    var submitted: Int64?
    var completed: Int64?
    /// Which events that may be without meaning were kept for merging; see ``RequestTracker``.
    var kept: UInt8 = 0

    var statisticsKey: Key { Key(high: UInt64(kind), low: key >> 32) }

    @inline(__always)
    mutating func open(_ step: RequestStep, as state: State) {
      if self.state != .closed || step.gapEnd > stamped { kick = nil }
      submitted = nil
      completed = nil
      kept = 0
      self.state = state
      timestamp = step.timestamp
      location = step.location
      thread = step.thread
      kind = step.detail
      isCounted = true
    }

    @inline(__always)
    mutating func close() {
      state = .closed
      kick = nil
      kept = 0
    }
  }

  /// Entries in a set.
  static let ways = 4
  private static let sets = Limits.openRequests / ways

  private let isLeading: Bool
  /// Allocated with the first request.
  private var entries: UnsafeMutablePointer<Entry>?
  /// Events of requests.
  private(set) var clock: UInt64 = 0
  /// Only where something comes before. By set: keys that depend on what was before this slice, at most ``ways``. After so many the set is as if
  /// nothing had been before.
  private var unsettled: UnsafeMutablePointer<UInt8>?

  init(isLeading: Bool) { self.isLeading = isLeading }

  func free() {
    entries?.deallocate()
    unsettled?.deallocate()
  }

  /// Multiplied by the golden ratio, ids that follow each other, or follow at any fixed distance as addresses do, spread evenly over
  /// the high bits (Knuth, The Art of Computer Programming 3, section 6.4).
  @inline(__always)
  static func set(of key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> shift) &* ways
  }
  private static let shift = UInt64(64 - sets.trailingZeroBitCount)

  /// The entry of a key; nil: it has none.
  @inline(__always)
  func find(_ key: UInt64) -> UnsafeMutablePointer<Entry>? {
    guard let entries else { return nil }
    let set = entries + Self.set(of: key)
    for way in 0..<Self.ways where set[way].key == key && set[way].state != .empty { return set + way }
    return nil
  }

  /// The place of an entry of this table, below ``Limits/openRequests``.
  func index(of place: UnsafeMutablePointer<Entry>) -> Int { entries.map { place - $0 } ?? 0 }

  /// Notes that a key has an event.
  @inline(__always)
  mutating func touch(_ place: UnsafeMutablePointer<Entry>) {
    clock &+= 1
    place.pointee.touched = clock
  }

  /// Makes a closed entry for a key that has none.
  ///
  /// - Returns: The entry, and the one that made room for it.
  mutating func insert(_ key: UInt64) -> (place: UnsafeMutablePointer<Entry>, evicted: Entry?) {
    let set = (entries ?? allocate()) + Self.set(of: key)
    var place = set
    for way in 1..<Self.ways where set[way].touched < place.pointee.touched { place = set + way }
    let evicted = place.pointee.state == .empty ? nil : place.pointee
    var isSettled = true
    if let unsettled {
      let known = unsettled + Self.set(of: key) / Self.ways
      if known.pointee < Self.ways {
        known.pointee += 1
        isSettled = false
      }
    }
    place.pointee = Entry(
      key: key, timestamp: 0, location: 0, touched: 0, thread: 0, kind: 0, state: .closed,
      isSettled: isSettled, isCounted: true)
    return (place, evicted)
  }

  /// Takes over the entries of what follows in time, after its heads were applied to this.
  ///
  /// - Parameter before: The clock before they were.
  mutating func adopt(_ next: RequestTable, since before: UInt64) {
    defer { clock = before &+ next.clock }
    guard let source = next.entries else { return }
    let entries = entries ?? allocate()
    for set in 0..<Self.sets {
      let (from, into) = (source + set * Self.ways, entries + set * Self.ways)
      var merged: [Entry] = []
      for way in 0..<Self.ways where from[way].state != .empty {
        var entry = from[way]
        // What its heads came to is known, as far as anything is here.
        if !entry.isSettled, let known = find(entry.key) { entry = known.pointee }
        if isLeading { entry.isSettled = true }
        entry.touched = before &+ from[way].touched
        merged.append(entry)
      }
      guard !merged.isEmpty else { continue }
      for way in 0..<Self.ways where into[way].state != .empty && into[way].touched <= before {
        if merged.count < Self.ways { merged.append(into[way]) }
      }
      for way in 0..<Self.ways {
        if way < merged.count { into[way] = merged[way] } else { into[way].state = .empty }
        if way >= merged.count { into[way].touched = 0 }
      }
    }
  }

  /// Calls `body` with all entries.
  func forEach(_ body: (UnsafeMutablePointer<Entry>) -> Void) {
    guard let entries else { return }
    for place in 0..<Limits.openRequests where entries[place].state != .empty { body(entries + place) }
  }

  @inline(never)
  private mutating func allocate() -> UnsafeMutablePointer<Entry> {
    let made = UnsafeMutablePointer<Entry>.allocate(capacity: Limits.openRequests)
    made.initialize(
      repeating: Entry(
        key: 0, timestamp: 0, location: 0, touched: 0, thread: 0, kind: 0, state: .empty, isSettled: true,
        isCounted: true), count: Limits.openRequests)
    entries = made
    if !isLeading {
      let none = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.sets)
      none.initialize(repeating: 0, count: Self.sets)
      unsettled = none
    }
    return made
  }
}

// MARK: Kept in a file

extension RequestTable {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &clock)
    var known: [Int] = []
    if let entries { known = (0..<Limits.openRequests).filter { entries[$0].state != .empty } }
    var isUsed = entries != nil
    try coder.code(&isUsed)
    guard isUsed else { return }
    if coder.isReading {
      try coder.reserve(MemoryLayout<Entry>.stride * Limits.openRequests)
    }
    let entries = entries ?? allocate()
    let clock = clock
    try coder.sparse(known, Limits.openRequests) { (place, coder) throws(StateError) in
      try entries[place].code(&coder)
      let entry = entries[place]
      let set = Self.set(of: entry.key)
      try coder.require(
        entry.touched <= clock && entry.state != .empty && place - place % Self.ways == set
          && !(set..<place).contains { entries[$0].key == entry.key && entries[$0].state != .empty },
        "a request")
    }
    let counts = unsettled
    try coder.sparse((0..<Self.sets).filter { counts?[$0] ?? 0 > 0 }, Self.sets) {
      (set, coder) throws(StateError) in
      var count = counts?[set] ?? 0
      try coder.code(&count)
      try coder.require(count <= UInt8(Self.ways), "requests that are not settled")
      counts?[set] = count
    }
  }
}

extension RequestTable.Entry {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&key)
    try coder.code(choice: &state)
    try coder.code(&touched)
    try coder.code(&isSettled)
    try coder.code(moment: &timestamp)
    try coder.code(&thread)
    try coder.require(Int(thread) < AnalysisState.threadCount, "a thread's number")
    try coder.code(location: &location, at: timestamp, thread: Int(thread))
    try coder.code(&kind)
    try coder.code(&isCounted)
    for moment in [\RequestTable.Entry.kick, \.submitted, \.completed] {
      try coder.code(&self[keyPath: moment], 0) { (moment, coder) throws(StateError) in
        try coder.code(moment: &moment)
      }
    }
    try coder.code(moment: &stamped)
    try coder.code(&kept)
  }
}
