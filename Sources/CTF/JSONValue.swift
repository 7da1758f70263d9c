/// A JSON value (RFC 8259) with the line where it begins.
struct JSONValue {
  enum Kind {
    case null
    case boolean(Bool)
    case integer(WideInteger)
    /// A number with a fraction or an exponent: nothing in the metadata of a trace is one.
    case real
    case string(String)
    case array([JSONValue])
    /// The members in their order, each name once.
    case object([Member])
  }

  struct Member {
    let name: String
    let value: JSONValue
  }

  let kind: Kind
  let line: Int

  /// What an error message calls a value of this kind.
  var description: String {
    switch kind {
    case .null: "null"
    case .boolean: "a boolean"
    case .integer(let value): "the integer \(value)"
    case .real: "a number that is no integer"
    case .string(let text): "the string '\(text.prefix(64))'"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// An integer of any size as a range of values needs it: exact up to 64 bits and a sign, beyond that only known to be
/// beyond.
struct WideInteger: Comparable, Sendable, CustomStringConvertible {
  let isNegative: Bool
  /// Without the sign; UInt64.max when `isHuge`.
  let magnitude: UInt64
  /// Whether the magnitude does not fit in 64 bits.
  let isHuge: Bool

  init(isNegative: Bool, magnitude: UInt64, isHuge: Bool = false) {
    self.isNegative = isNegative && (magnitude != 0 || isHuge)
    self.magnitude = isHuge ? UInt64.max : magnitude
    self.isHuge = isHuge
  }

  /// The value, nil when it is negative or does not fit.
  var unsigned: UInt64? { isNegative || isHuge ? nil : magnitude }

  /// The value, nil when it does not fit.
  var signed: Int64? {
    if isHuge { return nil }
    if isNegative { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
    return Int64(exactly: magnitude)
  }

  /// The nearest value of 64 bits, as its bits.
  func clamped(isSigned: Bool) -> UInt64 {
    if !isSigned { return isNegative ? 0 : magnitude }
    return signed.map { UInt64(bitPattern: $0) } ?? UInt64(bitPattern: isNegative ? Int64.min : Int64.max)
  }

  static func < (a: WideInteger, b: WideInteger) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    let (small, large) = a.isNegative ? (b, a) : (a, b)
    if small.isHuge || large.isHuge { return !small.isHuge }
    return small.magnitude < large.magnitude
  }

  var description: String { (isNegative ? "-" : "") + (isHuge ? "2^64 or more" : "\(magnitude)") }
}

/// Integers from `low` to `high`, ends included (CTF 2, 5.3.2).
struct IntegerRange: Sendable {
  let low: WideInteger
  let high: WideInteger

  func intersects(_ other: IntegerRange) -> Bool { low <= other.high && other.low <= high }

  /// The ends as bit patterns; nil when no integer of 64 bits with that signedness is inside.
  func bits(isSigned: Bool) -> (low: UInt64, high: UInt64)? {
    if !isSigned, high.isNegative || low.isHuge && !low.isNegative { return nil }
    if isSigned, low.signed == nil && !low.isNegative || high.signed == nil && high.isNegative { return nil }
    return (low.clamped(isSigned: isSigned), high.clamped(isSigned: isSigned))
  }
}
