/// The second stage: from metadata text to tokens, one at a time.
struct Lexer {
  /// The most bytes that a string literal may have.
  static let maximumString = 1 << 20
  /// The most bytes that all names and strings longer than ``longText`` may have together: each may be kept.
  static let maximumLongText = 24 << 20
  private static let longText = 1 << 10

  private var input: LexerInput
  private var longBytes = 0
  /// Line of the token read last, from 1.
  private(set) var line = 1

  init(_ text: MetadataText) throws(TraceError) { input = try LexerInput(text) }

  var file: String { input.path }

  /// Whether all of the text was read.
  var isAtEnd: Bool { input.current == nil }

  /// An error at the token read last.
  func failure(_ message: String) -> TraceError {
    TraceError(file: file, message: "line \(line): \(message)")
  }

  /// The next token.
  mutating func next() throws(TraceError) -> Token {
    try skipBlanks()
    guard let byte = input.current else { return .end }
    if isLetter(byte) {
      let next = input.peek(1)
      guard byte == UInt8(ascii: "L"), next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") else {
        return .identifier(try word())
      }
      try input.advance()
    }
    switch input.peek(0) {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try number())
    case UInt8(ascii: "\""): return .string(try quoted(UInt8(ascii: "\"")))
    case UInt8(ascii: "'"): return try character()
    default: return .punctuation(try punctuation())
    }
  }

  private mutating func skipBlanks() throws(TraceError) {
    while true {
      line += try input.skipSpace()
      guard input.current == UInt8(ascii: "/") else { return }
      switch input.peek(1) {
      case UInt8(ascii: "/"): try input.skip(to: UInt8(ascii: "\n"))
      case UInt8(ascii: "*"):
        let start = line
        try input.advance(2)
        while true {
          line += try input.skip(to: UInt8(ascii: "*"))
          // A comment that is cut off hides nothing.
          if input.current == nil, input.isCut { return }
          guard input.current != nil else {
            throw failure("the comment that begins on line \(start) is never closed")
          }
          try input.advance()
          if input.current == UInt8(ascii: "/") { break }
        }
        try input.advance()
      default: return
      }
    }
  }

  private func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private mutating func count(_ bytes: Int) throws(TraceError) {
    guard bytes > Self.longText else { return }
    longBytes += bytes
    guard longBytes <= Self.maximumLongText else {
      throw failure("long names take more than \(Self.maximumLongText >> 20) MiB together")
    }
  }

  private mutating func word() throws(TraceError) -> String {
    let length = try input.lengthOfWord(limit: Self.maximumLongText + 1)
    try count(length)
    return try input.take(length)
  }

  private mutating func number() throws(TraceError) -> UInt64 {
    var radix: UInt64 = 10
    if input.peek(0) == UInt8(ascii: "0") {
      switch input.peek(1) | 0x20 {
      case UInt8(ascii: "x"):
        radix = 16
        try input.advance(2)
      case UInt8(ascii: "b"):
        radix = 2
        try input.advance(2)
      default: radix = 8
      }
    }
    var value: UInt64 = 0
    var digits = 0
    while let byte = input.current {
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
      try input.advance()
    }
    guard digits > 0 else { throw failure("a number has no digits") }
    var suffix = ""
    while let byte = input.current, isLetter(byte) || isDigit(byte) {
      guard suffix.utf8.count < 3 else { throw failure("a number is followed by a letter") }
      suffix.unicodeScalars.append(UnicodeScalar(byte))
      try input.advance()
    }
    guard Self.suffixes.contains(suffix.lowercased()) else {
      throw failure("a number is followed by a letter")
    }
    return value
  }

  /// What C lets follow a number; its size does not matter here.
  private static let suffixes: Set<String> = ["", "u", "l", "ul", "lu", "ll", "ull", "llu"]

  /// The characters between two quotes, with the escapes of C. As in C, a NUL ends the text.
  private mutating func quoted(_ quote: UInt8) throws(TraceError) -> String {
    try input.advance()
    var text: [UInt8] = []
    var isOver = false
    while true {
      guard let byte = input.current, byte != UInt8(ascii: "\n") else {
        throw failure("a string is never closed")
      }
      try input.advance()
      if byte == quote {
        try count(text.count)
        return String(decoding: text, as: UTF8.self)
      }
      let value = byte == UInt8(ascii: "\\") ? try escape() : byte
      if value == 0 { isOver = true }
      guard !isOver else { continue }
      guard text.count < Self.maximumString else {
        throw failure("a string has more than \(Self.maximumString) bytes")
      }
      text.append(value)
    }
  }

  private mutating func escape() throws(TraceError) -> UInt8 {
    let byte = input.peek(0)
    if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "7") { return try digits(radix: 8) }
    try input.advance()
    switch byte {
    case UInt8(ascii: "a"): return 7
    case UInt8(ascii: "b"): return 8
    case UInt8(ascii: "f"): return 12
    case UInt8(ascii: "n"): return 10
    case UInt8(ascii: "r"): return 13
    case UInt8(ascii: "t"): return 9
    case UInt8(ascii: "v"): return 11
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "?"): return byte
    case UInt8(ascii: "x"): return try digits(radix: 16)
    default: throw failure("a string has an unknown escape")
    }
  }

  /// Up to three digits of an octal or hexadecimal escape, whose value is that of one byte.
  private mutating func digits(radix: Int) throws(TraceError) -> UInt8 {
    var value = 0
    var count = 0
    while count < 3, let digit = Character(UnicodeScalar(input.peek(0))).hexDigitValue, digit < radix {
      value = value * radix + digit
      count += 1
      try input.advance()
    }
    guard count > 0 else { throw failure("\\x is followed by no hexadecimal digit") }
    return UInt8(truncatingIfNeeded: value)
  }

  private mutating func character() throws(TraceError) -> Token {
    let text = try quoted(UInt8(ascii: "'"))
    guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
      throw failure("a character literal holds \(text.unicodeScalars.count) characters")
    }
    return .integer(UInt64(scalar.value))
  }

  private mutating func punctuation() throws(TraceError) -> Token.Punctuation {
    let byte = input.peek(0)
    let mark: Token.Punctuation?
    switch (byte, input.peek(1)) {
    case (UInt8(ascii: "."), UInt8(ascii: ".")) where input.peek(2) == byte: mark = .ellipsis
    case (UInt8(ascii: ":"), UInt8(ascii: "=")): mark = .typeAssign
    case (UInt8(ascii: "-"), UInt8(ascii: ">")): mark = .arrow
    default: mark = Token.Punctuation(rawValue: String(UnicodeScalar(byte)))
    }
    guard let mark else {
      let shown = byte > 0x20 && byte < 0x7f ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
      throw failure("\(shown) has no meaning here")
    }
    try input.advance(mark.rawValue.utf8.count)
    return mark
  }
}
