/// What a row of statistics is kept for: two words whose meaning is the owner's.
struct Key: Equatable {
  var high: UInt64
  var low: UInt64

  @inline(__always)
  var hash: UInt64 {
    var mixed = (high &* 0x9e37_79b9_7f4a_7c15) ^ low
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// At most `limit` keys, each with a row number; all further keys share the row ``others``.
///
/// Which keys have rows of their own depends only on the set of keys seen, not on their order: those with the
/// smallest hashes. That makes capped tables mergeable: a key that survives in the end was never refused or
/// dropped on the way, in whatever slices the trace was read, so its row is complete; everything else is in
/// ``others``. The largest hash kept also tells about how many keys there were (a k-minimum-values sketch).
///
/// Owns no row: the owner is told by `insert` which row to give up.
struct KeyTable {
  /// The row of all keys that have none of their own.
  static let others = 0

  let limit: Int
  private let mask: Int
  private let slots: UnsafeMutablePointer<Int32>
  /// Keys by row; row 0 is ``others``.
  private(set) var keys: UnsafeMutablePointer<Key>
  private(set) var count = 0
  /// Keys with a hash at or above it are refused, once a key was refused or dropped.
  private(set) var threshold = UInt64.max

  init(limit: Int) {
    self.limit = limit
    var capacity = 16
    while capacity < 2 * limit { capacity *= 2 }
    mask = capacity - 1
    slots = .allocate(capacity: capacity)
    slots.initialize(repeating: 0, count: capacity)
    keys = .allocate(capacity: limit + 1)
    keys.initialize(repeating: Key(high: 0, low: 0), count: limit + 1)
  }

  func free() {
    slots.deallocate()
    keys.deallocate()
  }

  /// The row of a key, ``others`` for a refused one, nil for one not seen yet.
  @inline(__always)
  func find(_ key: Key) -> Int? {
    let hash = key.hash
    if hash >= threshold { return Self.others }
    var slot = Int(truncatingIfNeeded: hash) & mask
    while true {
      let row = Int(slots[slot])
      if row == 0 { return nil }
      if keys[row] == key { return row }
      slot = (slot &+ 1) & mask
    }
  }

  /// Gives a key that `find` does not know a row.
  ///
  /// - Returns: The row, ``others`` when the key is refused, and whether the row belonged to another key
  ///   whose statistics have to be added to ``others`` first.
  mutating func insert(_ key: Key) -> (row: Int, displaces: Bool) {
    if count < limit {
      count += 1
      keys[count] = key
      place(count)
      return (count, false)
    }
    var largest = 1
    var largestHash = keys[1].hash
    for row in 1...count {
      let hash = keys[row].hash
      if hash > largestHash { (largest, largestHash) = (row, hash) }
    }
    if key.hash >= largestHash {
      threshold = min(threshold, key.hash)
      return (Self.others, false)
    }
    threshold = largestHash
    remove(largest)
    keys[largest] = key
    place(largest)
    return (largest, true)
  }

  /// Adopts the refusals of another table.
  ///
  /// - Returns: Rows whose keys have to be given up: the owner adds them to ``others``, then calls `drop`.
  mutating func lowerThreshold(to other: UInt64) -> [Int] {
    guard other < threshold else { return [] }
    threshold = other
    return count == 0 ? [] : (1...count).filter { keys[$0].hash >= other }
  }

  /// Takes a key out; the last row moves into its place.
  ///
  /// - Returns: The row that moved, if any.
  mutating func drop(_ row: Int) -> Int? {
    remove(row)
    defer { count -= 1 }
    guard row != count else { return nil }
    let moved = count
    remove(moved)
    keys[row] = keys[moved]
    place(row)
    return moved
  }

  /// About how many keys share ``others``.
  var othersEstimate: UInt64 {
    guard threshold < .max, count > 0 else { return 0 }
    let total = Double(count + 1) * (Double(UInt64.max) / Double(max(threshold, 1)))
    return max(1, UInt64(min(total, 9e18)) - UInt64(count))
  }

  private func place(_ row: Int) {
    var slot = Int(truncatingIfNeeded: keys[row].hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = Int32(row)
  }

  /// Linear probing's removal: entries after the hole that could not be found any more move back into it.
  private func remove(_ row: Int) {
    var hole = Int(truncatingIfNeeded: keys[row].hash) & mask
    while slots[hole] != Int32(row) { hole = (hole + 1) & mask }
    var next = (hole + 1) & mask
    while slots[next] != 0 {
      let home = Int(truncatingIfNeeded: keys[Int(slots[next])].hash) & mask
      if (next - home) & mask >= (next - hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = 0
  }
}

// MARK: Kept in a file

extension Key {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&high)
    try coder.code(&low)
  }
}

extension KeyTable {
  /// Goes on with the refusals of the table that was kept.
  mutating func restore(threshold: UInt64) { self.threshold = threshold }
}
