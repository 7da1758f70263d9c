/// Numbers of one kind, one after the other, as variable-length integers of 7 bits a byte, the lowest first.
struct TimelineColumn {
  private(set) var bytes: [UInt8] = []
  /// Whether there is a number other than 0; a column without any takes no room.
  private var isUsed = false

  @inline(__always)
  mutating func add(_ value: UInt64) {
    if value != 0 { isUsed = true }
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  @inline(__always)
  mutating func add(_ value: Int) { add(UInt64(max(0, value))) }

  /// A number that can be negative.
  @inline(__always)
  mutating func add(signed value: Int64) { add(Self.zigzag(value)) }

  /// A number that is not always known: 0 where it is not.
  @inline(__always)
  mutating func add(known value: UInt64?) { add(value.map { min($0, .max - 1) + 1 } ?? 0) }

  /// A moment by its distance from another one, where it is known.
  @inline(__always)
  mutating func add(_ moment: Int64?, since other: Int64) {
    guard let moment else { return add(UInt64(0)) }
    let distance = moment.subtractingReportingOverflow(other)
    let most = Int64(1) << 52
    add(Self.zigzag(distance.overflow ? most : min(max(distance.partialValue, -most), most)) + 1)
  }

  private static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

  /// Appends the column to a chunk, with its length before it, and begins another.
  mutating func flush(to chunk: inout [UInt8]) {
    var length = TimelineColumn()
    length.add(isUsed ? bytes.count : 0)
    chunk += length.bytes
    if isUsed { chunk += bytes }
    bytes.removeAll(keepingCapacity: true)
    isUsed = false
  }
}

/// Chunks of bytes as base64 (RFC 4648, section 4). Each begins at a character of its own, so that any one can be decoded alone.
struct TimelineData {
  /// Where a chunk is.
  struct Place: Equatable {
    /// The first of its characters.
    var offset: Int
    /// Its bytes.
    var length: Int
    /// A chunk that the page does not have.
    static let absent = Place(offset: 0, length: 0)
  }

  private(set) var characters: [UInt8] = []
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  mutating func add(_ bytes: [UInt8]) -> Place {
    let place = Place(offset: characters.count, length: bytes.count)
    Self.encode(bytes, to: &characters)
    return place
  }

  /// Some bytes as base64.
  static func base64(_ bytes: [UInt8]) -> [UInt8] {
    var characters: [UInt8] = []
    encode(bytes, to: &characters)
    return characters
  }

  private static func encode(_ bytes: [UInt8], to characters: inout [UInt8]) {
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let second = left > 1 ? bytes[index + 1] : 0
      let third = left > 2 ? bytes[index + 2] : 0
      let word = UInt32(bytes[index]) << 16 | UInt32(second) << 8 | UInt32(third)
      characters.append(digits[Int(word >> 18)])
      characters.append(digits[Int(word >> 12 & 63)])
      characters.append(left > 1 ? digits[Int(word >> 6 & 63)] : UInt8(ascii: "="))
      characters.append(left > 2 ? digits[Int(word & 63)] : UInt8(ascii: "="))
      index += 3
    }
  }
}
