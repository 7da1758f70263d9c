/// An integer of more than 64 bits, for printing.
struct WideNumber {
  /// The magnitude for decimal digits, the two's complement for others; the lowest word first.
  private var magnitude: [UInt64]
  private let words: [UInt64]
  private let bits: Int
  private let isNegative: Bool

  /// - Parameters:
  ///   - words: The words, the lowest first, the last one extended by the sign or zeros.
  ///   - bits: Size in bits.
  init(_ words: UnsafePointer<UInt64>, bits: Int, isSigned: Bool) {
    self.bits = bits
    self.words = Array(UnsafeBufferPointer(start: words, count: (bits + 63) / 64))
    magnitude = self.words
    isNegative = isSigned && Int64(bitPattern: magnitude[magnitude.count - 1]) < 0
    if isNegative {
      var carry: UInt64 = 1
      for index in magnitude.indices {
        let (sum, overflow) = (~magnitude[index]).addingReportingOverflow(carry)
        magnitude[index] = sum
        carry = overflow ? 1 : 0
      }
    }
  }

  /// Whether a value of several words is the extension of its lowest one.
  static func fits(_ words: UnsafePointer<UInt64>, _ count: Int, _ isSigned: Bool) -> Bool {
    let rest = isSigned && Int64(bitPattern: words[0]) < 0 ? UInt64.max : 0
    return (1..<count).allSatisfy { words[$0] == rest }
  }

  /// All decimal digits, with a sign when it is negative.
  var decimal: String {
    let chunk: UInt64 = 10_000_000_000_000_000_000
    var rest = magnitude
    var chunks: [UInt64] = []
    while let last = rest.last {
      if last == 0 {
        rest.removeLast()
        continue
      }
      var remainder: UInt64 = 0
      for index in rest.indices.reversed() {
        (rest[index], remainder) = chunk.dividingFullWidth((remainder, rest[index]))
      }
      chunks.append(remainder)
    }
    guard let first = chunks.last else { return "0" }
    var text = (isNegative ? "-" : "") + String(first)
    for chunk in chunks.dropLast().reversed() {
      let digits = String(chunk)
      text += String(repeating: "0", count: 19 - digits.utf8.count) + digits
    }
    return text
  }

  /// Digits of base 2, 8 or 16, upper case, of the two's complement; a sign fills the first digit.
  func digits(bitsPerDigit: Int, isPadded: Bool) -> String {
    let count = (bits + bitsPerDigit - 1) / bitsPerDigit
    var text: [UInt8] = []
    for index in (0..<count).reversed() {
      var digit: UInt8 = 0
      for place in (0..<bitsPerDigit).reversed() {
        // Beyond the last word the sign goes on.
        let bit = index * bitsPerDigit + place
        let isSet =
          bit / 64 < words.count ? words[bit / 64] >> UInt64(bit % 64) & 1 == 1 : isNegative
        digit = digit << 1 | (isSet ? 1 : 0)
      }
      if digit == 0, text.isEmpty, !isPadded, index > 0 { continue }
      text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
    }
    return String(decoding: text, as: UTF8.self)
  }
}
