/// Strings as babeltrace2 shows them: between quotes, with C's escapes.
enum TextEscape {
  /// 0: the byte stands for itself; 1: it is printed as `\xNN`; otherwise the character after the backslash.
  private static let table: [UInt8] = {
    var table = [UInt8](repeating: 0, count: 256)
    for byte in 0..<0x20 { table[byte] = 1 }
    table[0x7f] = 1
    for (byte, letter) in zip([0, 7, 8, 9, 10, 11, 12, 13, 27], "0abtnvfre".utf8) { table[byte] = letter }
    for byte in "\\'\"?".utf8 { table[Int(byte)] = byte }
    return table
  }()

  static func quoted(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [UInt8(ascii: "\"")]
    for byte in text {
      switch table[Int(byte)] {
      case 0: result.append(byte)
      case 1:
        let digits = Array("0123456789abcdef".utf8)
        result += [UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      case let letter: result += [UInt8(ascii: "\\"), letter]
      }
    }
    return result + [UInt8(ascii: "\"")]
  }

  /// - Parameters:
  ///   - opens: Whether this is the first part of a text.
  ///   - closes: Whether it is the last one.
  static func write(
    _ start: UnsafePointer<UInt8>, _ length: Int, to sink: inout ByteSink, opens: Bool = true,
    closes: Bool = true
  ) {
    if opens { sink.byte(UInt8(ascii: "\"")) }
    table.withUnsafeBufferPointer { table in
      var plain = 0
      for index in 0..<length where table[Int(start[index])] != 0 {
        sink.bytes(start + plain, index - plain)
        plain = index + 1
        let letter = table[Int(start[index])]
        sink.byte(UInt8(ascii: "\\"))
        if letter != 1 {
          sink.byte(letter)
          continue
        }
        sink.byte(UInt8(ascii: "x"))
        let digits: StaticString = "0123456789abcdef"
        sink.byte(digits.utf8Start[Int(start[index] >> 4)])
        sink.byte(digits.utf8Start[Int(start[index] & 15)])
      }
      sink.bytes(start + plain, length - plain)
    }
    if closes { sink.byte(UInt8(ascii: "\"")) }
  }
}

/// Strings of JSON (RFC 8259).
package enum JSONText {
  /// A string between quotes.
  package static func quoted(_ text: String) -> String { "\"" + escaped(text) + "\"" }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Bytes of a trace; what is no UTF-8 becomes U+FFFD.
  ///
  /// - Parameters:
  ///   - opens: Whether this is the first part of a text.
  ///   - closes: Whether it is the last one.
  static func write(
    _ start: UnsafePointer<UInt8>, _ length: Int, to sink: inout ByteSink, opens: Bool = true,
    closes: Bool = true
  ) {
    if opens { sink.byte(UInt8(ascii: "\"")) }
    var done = 0
    while done < length {
      // A limited number of bytes at a time, cut before the begin of a character.
      var end = min(length, done + largestPart)
      if end < length {
        for _ in 0..<3 where end > done + 1 && start[end] & 0xc0 == 0x80 { end -= 1 }
      }
      let part = UnsafeBufferPointer(start: start + done, count: end - done)
      sink.array(Array(escaped(String(decoding: part, as: UTF8.self)).utf8))
      done = end
    }
    if closes { sink.byte(UInt8(ascii: "\"")) }
  }

  private static let largestPart = 1 << 16
}
