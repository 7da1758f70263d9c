import CTF

/// A floating-point number of 128 bits or more in a binary interchange format of IEEE 754-2008, for printing.
struct WideFloat {
  /// The lowest word first.
  private let words: UnsafePointer<UInt64>
  private let exponent: Int
  private let isNegative: Bool
  /// The number of bits of the significand that are stored.
  private let fractionBits: Int
  /// The exponent of infinities and of what is no number; the one of 1 is half of it.
  private let largest: Int

  /// - Parameters:
  ///   - words: The bits, the lowest word first.
  ///   - bits: Size in bits, one that ``FloatingPointType`` can have.
  init(_ words: UnsafePointer<UInt64>, bits: Int) {
    self.words = words
    let width = FloatingPointType.exponentBits(bits)
    fractionBits = bits - 1 - width
    largest = 1 << width - 1
    exponent = Int(Self.load(words, fractionBits, width))
    isNegative = Self.load(words, bits - 1, 1) == 1
  }

  /// Up to 64 bits from bit `place` on.
  private static func load(_ words: UnsafePointer<UInt64>, _ place: Int, _ count: Int) -> UInt64 {
    var value = words[place / 64] >> UInt64(place % 64)
    if place % 64 + count > 64 { value |= words[place / 64 + 1] << UInt64(64 - place % 64) }
    return count == 64 ? value : value & (1 << UInt64(count) - 1)
  }

  /// Whether no bit of the significand below bit `end` is set.
  private func isZero(below end: Int) -> Bool {
    stride(from: 0, to: end, by: 64).allSatisfy { Self.load(words, $0, min(64, end - $0)) == 0 }
  }

  /// The same value as a double, if there is one.
  var double: Double? {
    let sign: UInt64 = isNegative ? 1 << 63 : 0
    if exponent == largest {
      let value = isZero(below: fractionBits) ? Double.infinity : Double.nan
      return Double(bitPattern: sign | value.bitPattern)
    }
    if exponent == 0 { return isZero(below: fractionBits) ? Double(bitPattern: sign) : nil }
    let power = exponent - largest / 2
    guard power >= -1022, power <= 1023, isZero(below: fractionBits - 52) else { return nil }
    return Double(
      bitPattern: sign | UInt64(power + 1023) << 52 | Self.load(words, fractionBits - 52, 52))
  }

  /// As `%a` of printf(3): every bit of it.
  var hexadecimal: String {
    var digits: [UInt8] = []
    for end in stride(from: fractionBits, to: 0, by: -4) {
      // Zeros follow the last bit.
      let count = min(4, end)
      let digit = Self.load(words, end - count, count) << UInt64(4 - count)
      digits.append(UInt8(digit < 10 ? 48 + digit : 87 + digit))
    }
    while digits.last == 48 { digits.removeLast() }
    let power = max(exponent, 1) - largest / 2
    return (isNegative ? "-" : "") + (exponent == 0 ? "0x0" : "0x1")
      + (digits.isEmpty ? "" : "." + String(decoding: digits, as: UTF8.self))
      + "p" + (power < 0 ? "" : "+") + "\(power)"
  }
}
