/// The second stage: from metadata text to tokens, one at a time.
struct Lexer {
  private let bytes: [UInt8]
  private let file: String
  private var position = 0
  /// Line of the token read last, from 1.
  private(set) var line = 1

  init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// An error at the token read last.
  func failure(_ message: String) -> TraceError {
    TraceError(file: file, message: "line \(line): \(message)")
  }

  private func peek(_ ahead: Int = 0) -> UInt8 {
    position + ahead < bytes.count ? bytes[position + ahead] : 0
  }

  /// The next token.
  mutating func next() throws(TraceError) -> Token {
    try skipBlanks()
    guard position < bytes.count else { return .end }
    let byte = bytes[position]
    if isLetter(byte) {
      let isWide =
        byte == UInt8(ascii: "L") && (peek(1) == UInt8(ascii: "\"") || peek(1) == UInt8(ascii: "'"))
      if !isWide { return word() }
      position += 1
    }
    switch peek() {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try number())
    case UInt8(ascii: "\""): return .string(try quoted(UInt8(ascii: "\"")))
    case UInt8(ascii: "'"): return try character()
    default: return .punctuation(try punctuation())
    }
  }

  private mutating func skipBlanks() throws(TraceError) {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\n"):
        line += 1
        position += 1
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), 0x0b, 0x0c: position += 1
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
        let start = line
        position += 2
        while position < bytes.count, !(peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) {
          if bytes[position] == UInt8(ascii: "\n") { line += 1 }
          position += 1
        }
        guard position < bytes.count else {
          throw failure("the comment that begins on line \(start) is never closed")
        }
        position += 2
      default: return
      }
    }
  }

  private func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private mutating func word() -> Token {
    let start = position
    while position < bytes.count, isLetter(bytes[position]) || isDigit(bytes[position]) { position += 1 }
    return .identifier(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func number() throws(TraceError) -> UInt64 {
    var radix: UInt64 = 10
    if peek() == UInt8(ascii: "0") {
      switch peek(1) | 0x20 {
      case UInt8(ascii: "x"):
        radix = 16
        position += 2
      case UInt8(ascii: "b"):
        radix = 2
        position += 2
      default: radix = 8
      }
    }
    var value: UInt64 = 0
    var digits = 0
    while position < bytes.count {
      let byte = bytes[position]
      let digit: UInt64
      if isDigit(byte) {
        digit = UInt64(byte - UInt8(ascii: "0"))
      } else if radix == 16, byte | 0x20 >= UInt8(ascii: "a"), byte | 0x20 <= UInt8(ascii: "f") {
        digit = UInt64(byte | 0x20) - UInt64(UInt8(ascii: "a")) + 10
      } else {
        break
      }
      guard digit < radix else { throw failure("a digit of this number is too large for its base") }
      let (product, overflow) = value.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(digit)
      guard !overflow, !carry else { throw failure("a number does not fit in 64 bits") }
      value = sum
      digits += 1
      position += 1
    }
    guard digits > 0 else { throw failure("a number has no digits") }
    while position < bytes.count, isLetter(bytes[position]) {
      switch bytes[position] | 0x20 {
      case UInt8(ascii: "u"), UInt8(ascii: "l"): position += 1
      default: throw failure("a number is followed by a letter")
      }
    }
    return value
  }

  /// The characters between two quotes, with the escapes of C.
  private mutating func quoted(_ quote: UInt8) throws(TraceError) -> String {
    position += 1
    var text: [UInt8] = []
    while true {
      guard position < bytes.count, bytes[position] != UInt8(ascii: "\n") else {
        throw failure("a string is never closed")
      }
      let byte = bytes[position]
      position += 1
      if byte == quote { return String(decoding: text, as: UTF8.self) }
      if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
    }
  }

  private mutating func escape(into text: inout [UInt8]) throws(TraceError) {
    let byte = peek()
    position += 1
    switch byte {
    case UInt8(ascii: "a"): text.append(7)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "v"): text.append(11)
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "?"): text.append(byte)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      var value = Int(byte - UInt8(ascii: "0"))
      var digits = 1
      while digits < 3, peek() >= UInt8(ascii: "0"), peek() <= UInt8(ascii: "7") {
        value = value * 8 + Int(peek() - UInt8(ascii: "0"))
        position += 1
        digits += 1
      }
      text.append(UInt8(truncatingIfNeeded: value))
    case UInt8(ascii: "x"):
      var value = 0
      var digits = 0
      while digits < 2, let digit = Character(UnicodeScalar(peek())).hexDigitValue {
        value = value * 16 + digit
        position += 1
        digits += 1
      }
      guard digits > 0 else { throw failure("\\x is followed by no hexadecimal digit") }
      text.append(UInt8(value))
    default: throw failure("a string has an unknown escape")
    }
  }

  private mutating func character() throws(TraceError) -> Token {
    let text = try quoted(UInt8(ascii: "'"))
    guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
      throw failure("a character literal holds \(text.unicodeScalars.count) characters")
    }
    return .integer(UInt64(scalar.value))
  }

  private mutating func punctuation() throws(TraceError) -> Token.Punctuation {
    let byte = bytes[position]
    if byte == UInt8(ascii: "."), peek(1) == byte, peek(2) == byte {
      position += 3
      return .ellipsis
    }
    if byte == UInt8(ascii: ":"), peek(1) == UInt8(ascii: "=") {
      position += 2
      return .typeAssign
    }
    if byte == UInt8(ascii: "-"), peek(1) == UInt8(ascii: ">") {
      position += 2
      return .arrow
    }
    guard let mark = Token.Punctuation(rawValue: String(UnicodeScalar(byte))) else {
      let shown = byte > 0x20 && byte < 0x7f ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
      throw failure("\(shown) has no meaning here")
    }
    position += 1
    return mark
  }
}
