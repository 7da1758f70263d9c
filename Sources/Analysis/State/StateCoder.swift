import CTF

/// Why an analysis state cannot be read, written or merged.
package struct StateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong, without the file's name.
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// A part of a state that is written and read.
protocol StateCoded {
  /// What reading begins with.
  static var blank: Self { get }
  /// Writes the value, or replaces it by what is read.
  mutating func code(_ coder: inout StateCoder) throws(StateError)
}

/// Goes through the parts of a state in order and writes or reads each. One description serves both directions, so the
/// two cannot disagree.
///
/// Integers take as few bytes as they need (LEB128; signed ones zigzag), moments are differences from the moment before.
/// Reading trusts nothing: every number has bounds, a collection has no more items than bytes are left, and what is allocated
/// beyond the bytes themselves is accounted for (``reserve(_:)``).
struct StateCoder {
  /// Moments and sums of durations are within ± this many ns (146 years), so that none of their differences overflows.
  static let longest = Int64(1) << 62 - 1
  /// What is counted is no more than this, so that sums over thousands of states do not overflow.
  static let mostCounted = UInt64(1) << 48
  /// Memory that one file may need, in bytes.
  private static let mostMemory = 512 << 20

  let isReading: Bool
  /// What was written, or is read.
  private(set) var bytes: [UInt8]
  private var position = 0
  private var moment: Int64 = 0
  private var memory = 0
  /// Where packets get their numbers in the state, and events their threads, while a state is written.
  var places: PlaceTable?
  /// The numbers that streams get while a state is read; nil: those that they have.
  var streams: [Int]?

  /// Writes.
  init() {
    isReading = false
    bytes = []
  }

  /// Reads.
  init(reading bytes: [UInt8]) {
    isReading = true
    self.bytes = bytes
  }

  /// Everything has been read.
  var isAtEnd: Bool { position == bytes.count }

  /// Bytes that have not been read.
  private var left: Int { bytes.count - position }

  /// What says that no state can have a value.
  func mistake(_ what: String) -> StateError {
    StateError(
      isReading ? "it is damaged: \(what) at byte \(position)" : "its state cannot be kept: \(what)")
  }

  /// Throws where something does not hold.
  func require(_ holds: Bool, _ what: @autoclosure () -> String) throws(StateError) {
    guard holds else { throw mistake(what()) }
  }

  /// Accounts for memory that what is read needs beyond its bytes.
  mutating func reserve(_ size: Int) throws(StateError) {
    memory += size
    guard memory <= Self.mostMemory else {
      throw StateError("it would need more than \(Self.mostMemory >> 20) MiB of memory")
    }
  }

  // MARK: Numbers

  mutating func code(_ value: inout UInt64) throws(StateError) {
    if isReading { value = try readVarint() } else { writeVarint(value) }
  }

  mutating func code<Number: FixedWidthInteger & UnsignedInteger>(
    _ value: inout Number
  ) throws(StateError) {
    var wide = UInt64(value)
    try code(&wide)
    guard let narrow = Number(exactly: wide) else { throw mistake("a number that is too large") }
    value = narrow
  }

  mutating func code<Number: FixedWidthInteger & SignedInteger>(
    _ value: inout Number
  ) throws(StateError) {
    let known = Int64(value)
    var wide = UInt64(bitPattern: known << 1 ^ known >> 63)
    try code(&wide)
    let signed = Int64(bitPattern: wide >> 1) ^ -Int64(bitPattern: wide & 1)
    guard let narrow = Number(exactly: signed) else { throw mistake("a number that is too large") }
    value = narrow
  }

  /// A number of a range that begins at 0.
  mutating func code(_ value: inout Int, below limit: Int, _ what: String) throws(StateError) {
    var wide = UInt64(bitPattern: Int64(value))
    try code(&wide)
    guard wide < UInt64(limit) else { throw mistake("\(what) \(wide), of at most \(limit)") }
    value = Int(wide)
  }

  /// How often something happened.
  mutating func code(count value: inout UInt64) throws(StateError) {
    try code(&value)
    try require(value <= Self.mostCounted, "a count of \(value)")
  }

  mutating func code(_ value: inout Bool) throws(StateError) {
    var number = value ? 1 : 0
    try code(&number, below: 2, "a choice of")
    value = number == 1
  }

  mutating func code(_ value: inout Double) throws(StateError) {
    var bits = value.bitPattern
    try code(&bits)
    value = Double(bitPattern: bits)
    try require(value.isFinite, "a number that is none")
  }

  /// A case of an enumeration.
  mutating func code<Value: RawRepresentable>(choice value: inout Value) throws(StateError)
  where Value.RawValue: FixedWidthInteger {
    var raw = Int(value.rawValue)
    try code(&raw, below: 128, "a choice of")
    guard let known = Value(rawValue: Value.RawValue(raw)) else { throw mistake("a choice of \(raw)") }
    value = known
  }

  /// A moment in ns; `Int64.min` and `Int64.max` stand for none.
  mutating func code(moment value: inout Int64) throws(StateError) {
    var code: UInt64
    switch value {
    case .min: code = 0
    case .max: code = 1
    default:
      try require((-Self.longest...Self.longest).contains(value), "a time of \(value) ns")
      let step = value - moment
      code = UInt64(bitPattern: step << 1 ^ step >> 63) + 2
    }
    try self.code(&code)
    switch code {
    case 0: value = .min
    case 1: value = .max
    default:
      let step = Int64(bitPattern: (code - 2) >> 1) ^ -Int64(bitPattern: (code - 2) & 1)
      value = moment &+ step
      try require((-Self.longest...Self.longest).contains(value), "a time of \(value) ns")
      moment = value
    }
  }

  /// Where an event is.
  ///
  /// - Parameters:
  ///   - moment: The event's time.
  ///   - thread: The index of its thread where that is known.
  mutating func code(
    location value: inout UInt64, at moment: Int64, thread: Int? = nil, lasts duration: Int64 = 0
  ) throws(StateError) {
    var place = value
    if places != nil {
      place = places?.place(of: value, at: moment, thread: thread, lasts: duration) ?? value
    }
    var stream = place & 0xffff
    var packet = place >> 16 & 0xffff_ffff
    var owner = place >> 48
    try code(&stream)
    try code(&packet)
    try code(&owner)
    try require(
      stream < UInt64(streams?.count ?? Row.maximumStreams) && packet <= 0xffff_ffff
        && owner <= UInt64(AnalysisState.main), "a place")
    // What is written stays as it is.
    if isReading { value = owner << 48 | packet << 16 | UInt64(streams?[Int(stream)] ?? Int(stream)) }
  }

  // MARK: Texts and collections

  mutating func code(_ text: inout String, limit: Int = 1 << 20) throws(StateError) {
    let count = try count(text.utf8.count, limit: limit, "a text")
    if isReading {
      text = String(decoding: bytes[position..<position + count], as: UTF8.self)
      position += count
    } else {
      bytes.append(contentsOf: text.utf8)
    }
  }

  /// The number of items that follow.
  mutating func count(_ known: Int, limit: Int, _ what: String) throws(StateError) -> Int {
    var count = known
    try code(&count, below: limit + 1, "\(what) of length")
    // Every item takes a byte or more.
    if isReading { try require(count <= left, "\(what) of length \(count)") }
    return count
  }

  mutating func code<Item: StateCoded>(_ items: inout [Item], limit: Int, _ what: String) throws(StateError) {
    let count = try count(items.count, limit: limit, what)
    if isReading {
      try reserve(count * MemoryLayout<Item>.stride)
      items = Array(repeating: .blank, count: count)
    }
    for index in 0..<count { try items[index].code(&self) }
  }

  mutating func code<Item: StateCoded>(_ item: inout Item?) throws(StateError) {
    var isThere = item != nil
    try code(&isThere)
    guard isThere else {
      item = nil
      return
    }
    var value = item ?? .blank
    try value.code(&self)
    item = value
  }

  /// What may be there and has to know more than the coder.
  mutating func code<Item>(
    _ item: inout Item?, _ blank: Item, _ body: (inout Item, inout StateCoder) throws(StateError) -> Void
  ) throws(StateError) {
    var isThere = item != nil
    try code(&isThere)
    var value = item ?? blank
    if isThere { try body(&value, &self) }
    item = isThere ? value : nil
  }

  mutating func code<Key: StateCoded & Hashable & Comparable, Value: StateCoded>(
    _ items: inout [Key: Value], limit: Int, _ what: String
  ) throws(StateError) {
    let keys = items.keys.sorted()
    let count = try count(keys.count, limit: limit, what)
    for index in 0..<count {
      var key = isReading ? Key.blank : keys[index]
      try key.code(&self)
      var value = items[key] ?? .blank
      if isReading { try require(items[key] == nil, "\(what) with an entry that is there twice") }
      try value.code(&self)
      items[key] = value
    }
  }

  /// Numbers most of which are 0.
  mutating func code(sparse items: UnsafeMutablePointer<UInt64>, _ size: Int) throws(StateError) {
    try sparse((0..<size).filter { items[$0] > 0 }, size) { (place, coder) throws(StateError) in
      try coder.code(count: &items[place])
    }
  }

  /// Codes the items at some of the places of a table.
  mutating func sparse(
    _ known: [Int], _ size: Int, _ body: (Int, inout StateCoder) throws(StateError) -> Void
  ) throws(StateError) {
    let count = try count(known.count, limit: size, "a table")
    var next = 0
    for index in 0..<count {
      var step = isReading ? 0 : known[index] - next
      try code(&step, below: size - next, "a place in a table of \(size) more than")
      try body(next + step, &self)
      next += step + 1
    }
  }

  // MARK: Bytes

  private mutating func writeVarint(_ value: UInt64) {
    var rest = value
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  private mutating func readVarint() throws(StateError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      try require(shift < 63 || byte < 2, "a number that is too large")
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw StateError("it is cut: it ends in the middle of a number")
  }
}

extension String: StateCoded {
  static var blank: String { "" }
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&self, limit: 1 << 20)
  }
}

extension Int: StateCoded {
  static var blank: Int { 0 }
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    var wide = Int64(self)
    try coder.code(&wide)
    self = Int(wide)
  }
}

extension UInt64: StateCoded {
  static var blank: UInt64 { 0 }
  mutating func code(_ coder: inout StateCoder) throws(StateError) { try coder.code(&self) }
}

extension UInt32: StateCoded {
  static var blank: UInt32 { 0 }
  mutating func code(_ coder: inout StateCoder) throws(StateError) { try coder.code(&self) }
}

extension UInt16: StateCoded {
  static var blank: UInt16 { 0 }
  mutating func code(_ coder: inout StateCoder) throws(StateError) { try coder.code(&self) }
}

extension UInt8: StateCoded {
  static var blank: UInt8 { 0 }
  mutating func code(_ coder: inout StateCoder) throws(StateError) { try coder.code(&self) }
}

extension Int64: StateCoded {
  static var blank: Int64 { 0 }
  mutating func code(_ coder: inout StateCoder) throws(StateError) { try coder.code(&self) }
}
