/// Statistics that can be added up.
protocol KeyedStatistics {
  init()
  /// Releases what the value points to.
  func free()
  mutating func add(_ other: Self)
  /// Bytes that one takes at least.
  static var size: Int { get }
  /// Writes the value, or replaces a new one by what is read.
  mutating func code(_ coder: inout StateCoder) throws(StateError)
}

/// Statistics by key with a bound on the number of keys; row 0 is for all others. See ``KeyTable``.
struct StatisticsTable<Row: KeyedStatistics> {
  private(set) var table: KeyTable
  private let rows: UnsafeMutablePointer<UnsafeMutablePointer<Row>?>
  /// What keys without rows of their own add up to.
  let others: UnsafeMutablePointer<Row>

  init(limit: Int) {
    table = KeyTable(limit: limit)
    rows = .allocate(capacity: limit + 1)
    rows.initialize(repeating: nil, count: limit + 1)
    others = Self.make()
    rows[KeyTable.others] = others
  }

  func free() {
    for row in 0...table.limit { if let row = rows[row] { Self.release(row) } }
    rows.deallocate()
    table.free()
  }

  /// Whether rows stay where they are and belong to the same keys, whatever comes: the table has never been
  /// full.
  @inline(__always)
  var isStable: Bool { table.count < table.limit }

  /// The row of a key, new if need be.
  @inline(__always)
  mutating func row(for key: Key) -> UnsafeMutablePointer<Row> {
    if let found = table.find(key) { return rows[found].unsafelyUnwrapped }
    return insert(key)
  }

  @inline(never)
  private mutating func insert(_ key: Key) -> UnsafeMutablePointer<Row> {
    let (row, displaces) = table.insert(key)
    if displaces { surrender(row) }
    guard row != KeyTable.others else { return others }
    let made = Self.make()
    rows[row] = made
    return made
  }

  private func surrender(_ row: Int) {
    guard let given = rows[row] else { return }
    others.pointee.add(given.pointee)
    Self.release(given)
    rows[row] = nil
  }

  private static func make() -> UnsafeMutablePointer<Row> {
    let row = UnsafeMutablePointer<Row>.allocate(capacity: 1)
    row.initialize(to: Row())
    return row
  }

  private static func release(_ row: UnsafeMutablePointer<Row>) {
    row.pointee.free()
    row.deinitialize(count: 1)
    row.deallocate()
  }

  mutating func add(_ other: StatisticsTable) {
    // The highest row first: dropping moves the last row into the place of the dropped one.
    for row in table.lowerThreshold(to: other.table.threshold).reversed() {
      surrender(row)
      if let moved = table.drop(row) {
        rows[row] = rows[moved]
        rows[moved] = nil
      }
    }
    for row in 0...other.table.count {
      guard let added = other.rows[row] else { continue }
      let target = row == KeyTable.others ? others : self.row(for: other.table.keys[row])
      target.pointee.add(added.pointee)
    }
  }

  /// Changes all rows, that of all others too.
  func update(_ body: (inout Row) -> Void) {
    for row in 0...table.count { if let statistics = rows[row] { body(&statistics.pointee) } }
  }

  /// Calls `body` with each key that has a row of its own.
  func forEach(_ body: (Key, Row) -> Void) {
    guard table.count > 0 else { return }
    for row in 1...table.count {
      if let statistics = rows[row] { body(table.keys[row], statistics.pointee) }
    }
  }
}

// MARK: Kept in a file

extension StatisticsTable {
  /// - Parameter isValid: Whether a key can be one of this table.
  mutating func code(_ coder: inout StateCoder, _ isValid: (Key) -> Bool = { _ in true }) throws(StateError) {
    var threshold = table.threshold
    try coder.code(&threshold)
    try others.pointee.code(&coder)
    let count = try coder.count(table.count, limit: table.limit, "a table")
    for row in 1..<(count + 1) {
      var key = coder.isReading ? Key(high: 0, low: 0) : table.keys[row]
      try key.code(&coder)
      if coder.isReading {
        try coder.require(
          isValid(key) && (key.hash < threshold || threshold == .max) && table.find(key) == nil, "a key")
        try coder.reserve(Row.size)
      }
      try self.row(for: key).pointee.code(&coder)
    }
    if coder.isReading { table.restore(threshold: threshold) }
  }
}
