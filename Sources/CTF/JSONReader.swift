/// Reads the JSON texts of CTF 2 metadata one after the other: a JSON text sequence (RFC 7464).
///
/// Strict where a lax reader would hide damage: UTF-8 and escapes have to be valid, names inside an object unique,
/// integers exact. Bounded in depth and in the number of values of one text.
struct JSONReader {
  /// Arrays and objects inside each other.
  static let maximumDepth = 256
  /// Values of one text, so that none takes more than about 16 MiB.
  static let maximumValues = 1 << 17

  private let bytes: [UInt8]
  private let file: String
  private var place = 0
  private var values = 0
  private(set) var line = 1

  init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// Whether all of the text was read.
  var isAtEnd: Bool { place == bytes.count }

  func failure(_ message: String) -> TraceError {
    TraceError(file: file, message: "line \(line): \(message)")
  }

  /// The next text; nil at the end.
  mutating func next() throws(TraceError) -> JSONValue? {
    values = 0
    while place < bytes.count, bytes[place] == 0x1e || Self.isSpace(bytes[place]) { advance() }
    guard place < bytes.count else { return nil }
    return try value(depth: 0)
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
  }

  private mutating func advance() {
    if bytes[place] == 0x0a { line += 1 }
    place += 1
  }

  private mutating func skipSpace() {
    while place < bytes.count, Self.isSpace(bytes[place]) { advance() }
  }

  private var byte: UInt8? { place < bytes.count ? bytes[place] : nil }

  private func unexpected(_ wanted: String) -> TraceError {
    guard let byte else { return failure("the JSON text ends where \(wanted) is expected") }
    if byte == 0x1e { return failure("the fragment ends where \(wanted) is expected") }
    let shown =
      byte > 0x20 && byte < 0x7f ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    return failure("\(shown) where \(wanted) is expected")
  }

  /// Skips spaces and then this byte, if it comes.
  private mutating func take(_ wanted: UInt8) -> Bool {
    skipSpace()
    guard byte == wanted else { return false }
    place += 1
    return true
  }

  private mutating func value(depth: Int) throws(TraceError) -> JSONValue {
    skipSpace()
    let line = line
    guard depth <= Self.maximumDepth else {
      throw failure("more than \(Self.maximumDepth) JSON values inside each other")
    }
    values += 1
    guard values <= Self.maximumValues else {
      throw failure("a fragment of more than \(Self.maximumValues) JSON values")
    }
    let kind: JSONValue.Kind
    switch byte {
    case UInt8(ascii: "{"): kind = .object(try members(depth))
    case UInt8(ascii: "["): kind = .array(try elements(depth))
    case UInt8(ascii: "\""): kind = .string(try string())
    case UInt8(ascii: "-"): kind = try number()
    case let digit? where digit >= UInt8(ascii: "0") && digit <= UInt8(ascii: "9"): kind = try number()
    case UInt8(ascii: "t"):
      try word("true")
      kind = .boolean(true)
    case UInt8(ascii: "f"):
      try word("false")
      kind = .boolean(false)
    case UInt8(ascii: "n"):
      try word("null")
      kind = .null
    default: throw unexpected("a JSON value")
    }
    return JSONValue(kind: kind, line: line)
  }

  private mutating func word(_ word: String) throws(TraceError) {
    let count = word.utf8.count
    guard bytes.count - place >= count, bytes[place..<place + count].elementsEqual(word.utf8)
    else { throw unexpected("a JSON value") }
    place += count
  }

  private mutating func elements(_ depth: Int) throws(TraceError) -> [JSONValue] {
    place += 1
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return elements }
    while true {
      elements.append(try value(depth: depth + 1))
      if take(UInt8(ascii: "]")) { return elements }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or ']'") }
    }
  }

  private mutating func members(_ depth: Int) throws(TraceError) -> [JSONValue.Member] {
    place += 1
    var members: [JSONValue.Member] = []
    var names: Set<String> = []
    if take(UInt8(ascii: "}")) { return members }
    while true {
      skipSpace()
      guard byte == UInt8(ascii: "\"") else { throw unexpected("a name in quotes") }
      let name = try string()
      guard names.insert(name).inserted else { throw failure("'\(name.prefix(64))' is given twice") }
      guard take(UInt8(ascii: ":")) else { throw unexpected("':'") }
      members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
      if take(UInt8(ascii: "}")) { return members }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or '}'") }
    }
  }

  // MARK: Numbers

  private mutating func digits() throws(TraceError) -> (magnitude: UInt64, isHuge: Bool) {
    var magnitude: UInt64 = 0
    var isHuge = false
    let start = place
    while let byte, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      if overflow || carry { isHuge = true }
      magnitude = sum
      place += 1
    }
    guard place > start else { throw unexpected("a digit") }
    return (magnitude, isHuge)
  }

  private mutating func number() throws(TraceError) -> JSONValue.Kind {
    let isNegative = byte == UInt8(ascii: "-")
    if isNegative { place += 1 }
    let start = place
    let (magnitude, isHuge) = try digits()
    if bytes[start] == UInt8(ascii: "0"), place > start + 1 { throw failure("a number begins with 0") }
    var isReal = false
    if byte == UInt8(ascii: ".") {
      isReal = true
      place += 1
      _ = try digits()
    }
    if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      isReal = true
      place += 1
      if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { place += 1 }
      _ = try digits()
    }
    if isReal { return .real }
    return .integer(WideInteger(isNegative: isNegative, magnitude: magnitude, isHuge: isHuge))
  }

  // MARK: Strings

  private mutating func string() throws(TraceError) -> String {
    place += 1
    var start = place
    var text: [UInt8] = []
    while let byte {
      switch byte {
      case UInt8(ascii: "\""):
        text += bytes[start..<place]
        place += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw failure("a string is no valid UTF-8")
        }
        return string
      case UInt8(ascii: "\\"):
        text += bytes[start..<place]
        try escape(&text)
        start = place
      case 0..<0x20: throw failure("a string contains the control character 0x\(String(byte, radix: 16))")
      default: place += 1
      }
    }
    throw failure("a string has no end")
  }

  private mutating func escape(_ text: inout [UInt8]) throws(TraceError) {
    place += 1
    guard let letter = byte else { throw unexpected("an escape sequence") }
    place += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0c)
    case UInt8(ascii: "n"): text.append(0x0a)
    case UInt8(ascii: "r"): text.append(0x0d)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if code >> 10 == 0x36 {
        guard byte == UInt8(ascii: "\\"), place + 1 < bytes.count, bytes[place + 1] == UInt8(ascii: "u")
        else {
          throw failure("half of a surrogate pair")
        }
        place += 2
        let low = try hexadecimal()
        guard low >> 10 == 0x37 else { throw failure("half of a surrogate pair") }
        code = 0x10000 + (code & 0x3ff) << 10 + low & 0x3ff
      }
      guard let scalar = UnicodeScalar(code) else { throw failure("half of a surrogate pair") }
      text += Array(String(Character(scalar)).utf8)
    default:
      place -= 1
      throw unexpected("an escape sequence")
    }
  }

  private mutating func hexadecimal() throws(TraceError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
        throw unexpected("a hexadecimal digit")
      }
      code = code << 4 | UInt32(digit)
      place += 1
    }
    return code
  }
}
