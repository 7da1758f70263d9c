/// How JSON has integers that readers who keep numbers as doubles would round.
///
/// jq before 1.7, JavaScript and many others make 1700000000000000001 into 1700000000000000000 and do not say so. RFC 7493
/// (I-JSON, section 2.2) recommends text for what lies beyond ±(2^53 − 1); whoever takes the text for a number notices.
package enum BigIntegers: String, Sendable, CaseIterable {
  /// Integers beyond ±(2^53 − 1) are strings of their decimal digits.
  case text
  /// All integers are numbers, for readers that keep them exact.
  case number

  /// The largest magnitude that every reader of JSON keeps exact (RFC 7493, section 2.2).
  package static let largestNumber: UInt64 = 1 << 53 - 1

  /// Puts quotes around the integers of a JSON text that are beyond ±(2^53 − 1).
  package static func quoted(_ json: String) -> String {
    var result: [UInt8] = []
    let text = Array(json.utf8)
    result.reserveCapacity(text.count + 64)
    var place = 0
    while place < text.count {
      let start = place
      switch text[place] {
      case UInt8(ascii: "\""):
        place += 1
        while place < text.count, text[place] != UInt8(ascii: "\"") {
          place += text[place] == UInt8(ascii: "\\") ? 2 : 1
        }
        place = min(text.count, place + 1)
        result += text[start..<place]
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        while place < text.count, isNumber(text[place]) { place += 1 }
        let number = text[start..<place]
        let isQuoted = isBig(number)
        if isQuoted { result.append(UInt8(ascii: "\"")) }
        result += number
        if isQuoted { result.append(UInt8(ascii: "\"")) }
      case let byte:
        result.append(byte)
        place += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func isNumber(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || "+-.eE".utf8.contains(byte)
  }

  /// Whether decimal digits, with a sign or without, are an integer beyond the limit.
  static func isBig(_ digits: some Collection<UInt8>) -> Bool {
    let magnitude = digits.drop { $0 == UInt8(ascii: "-") }
    guard magnitude.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return false }
    let value = UInt64(String(decoding: magnitude, as: UTF8.self))
    return value.map { $0 > largestNumber } ?? !magnitude.isEmpty
  }
}

extension ByteSink {
  /// An integer of JSON, between quotes when it is beyond what doubles keep exact.
  mutating func exactDecimal(_ value: UInt64) {
    guard value > BigIntegers.largestNumber else { return decimal(value) }
    byte(UInt8(ascii: "\""))
    decimal(value)
    byte(UInt8(ascii: "\""))
  }

  mutating func exactSignedDecimal(_ value: Int64) {
    guard value.magnitude > BigIntegers.largestNumber else { return signedDecimal(value) }
    byte(UInt8(ascii: "\""))
    signedDecimal(value)
    byte(UInt8(ascii: "\""))
  }

  /// The digits of an integer of any size.
  mutating func exactDecimal(_ digits: String) {
    array(Array((BigIntegers.isBig(digits.utf8) ? "\"\(digits)\"" : digits).utf8))
  }
}
