import InertText

/// Strings as babeltrace2 shows them: between quotes, with C's escapes; and with these also for the bytes of characters that
/// command a terminal or turn writing around, and for bytes that are no UTF-8 and such a command to a terminal of eight
/// bits (0x80 to 0x9f), which babeltrace2 prints as they are.
enum TextEscape {
  /// Whether a byte stands for itself.
  private static let plain: UInt8 = 0
  /// Whether a byte is printed as `\xNN`.
  private static let digits: UInt8 = 1
  /// Whether a byte is of a character that has to be looked at.
  private static let beyondASCII: UInt8 = 2

  /// One of these, or the character after the backslash.
  private static let table: [UInt8] = {
    var table = [UInt8](repeating: plain, count: 256)
    for byte in 0..<0x20 { table[byte] = digits }
    table[0x7f] = digits
    for byte in 0x80..<0x100 { table[byte] = beyondASCII }
    for (byte, letter) in zip([0, 7, 8, 9, 10, 11, 12, 13, 27], "0abtnvfre".utf8) { table[byte] = letter }
    for byte in "\\'\"?".utf8 { table[Int(byte)] = byte }
    return table
  }()

  static func quoted(_ text: [UInt8]) -> [UInt8] {
    var sink = ByteSink.inMemory()
    text.withUnsafeBufferPointer { text in
      if let start = text.baseAddress {
        write(start, text.count, to: &sink)
      } else {
        sink.text("\"\"")
      }
    }
    return sink.take()
  }

  /// - Parameters:
  ///   - opens: Whether this is the first part of a text.
  ///   - closes: Whether it is the last one. Characters are whole in each part.
  static func write(
    _ start: UnsafePointer<UInt8>, _ length: Int, to sink: inout ByteSink, opens: Bool = true,
    closes: Bool = true
  ) {
    if opens { sink.byte(UInt8(ascii: "\"")) }
    table.withUnsafeBufferPointer { table in
      /// Where what stands for itself begins.
      var first = 0
      var index = 0
      while index < length {
        let letter = table[Int(start[index])]
        if letter == plain {
          index &+= 1
          continue
        }
        if letter == beyondASCII {
          let (width, isInert) = character(start + index, length - index)
          if isInert {
            index &+= width
            continue
          }
          sink.bytes(start + first, index - first)
          for place in index..<index + width { hexadecimal(start[place], &sink) }
          index &+= width
          first = index
          continue
        }
        sink.bytes(start + first, index - first)
        if letter == digits {
          hexadecimal(start[index], &sink)
        } else {
          sink.byte(UInt8(ascii: "\\"))
          sink.byte(letter)
        }
        index &+= 1
        first = index
      }
      sink.bytes(start + first, length - first)
    }
    if closes { sink.byte(UInt8(ascii: "\"")) }
  }

  /// How many bytes the character there has, and whether they may be printed as they are.
  private static func character(_ start: UnsafePointer<UInt8>, _ length: Int) -> (width: Int, isInert: Bool) {
    var rest = UnsafeBufferPointer(start: start, count: min(4, length)).makeIterator()
    var decoder = UTF8()
    guard case .scalarValue(let scalar) = decoder.decode(&rest) else { return (1, start[0] >= 0xa0) }
    return (UTF8.width(scalar), InertText.isInert(scalar))
  }

  private static func hexadecimal(_ byte: UInt8, _ sink: inout ByteSink) {
    sink.text("\\x")
    let digits: StaticString = "0123456789abcdef"
    sink.byte(digits.utf8Start[Int(byte >> 4)])
    sink.byte(digits.utf8Start[Int(byte & 15)])
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
      case _ where !InertText.isInert(scalar): result += InertText.unit(scalar)
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
