/// The attributes of one `trace`, `stream`, `event`, `clock` or `env` block, each asked for once.
struct BlockReader {
  let keyword: String
  let line: Int
  let file: String
  private var values: [Parser.Attribute] = []
  private var types: [(name: String, type: FieldType, line: Int)] = []
  private var names: Set<String> = []
  /// What the values take.
  private var bytes = 0
  private let allowsRepeated: Bool
  private var askedValues: Set<String> = []
  private var askedTypes: Set<String> = []

  /// Reads the block at the parser's keyword, with its semicolon.
  ///
  /// - Parameters:
  ///   - isKept: Whether the values matter; otherwise they may also be given twice.
  ///   - allowsRepeated: Whether values given twice are up to the caller.
  init(
    _ keyword: String, _ parser: inout Parser, in root: TypeScope, isKept: Bool = true,
    allowsRepeated: Bool = false
  ) throws(TraceError) {
    self.keyword = keyword
    self.allowsRepeated = allowsRepeated
    line = parser.line
    file = parser.file
    let scope = TypeScope(parent: root)
    try parser.advance()
    try parser.expect(.leftBrace, "to begin the \(keyword) block")
    while try !parser.take(.rightBrace) {
      if parser.token == .end { throw parser.failure(line, "the \(keyword) block is never closed") }
      if try parser.take(.semicolon) { continue }
      if try parser.definition(in: scope) { continue }
      try statement(&parser, scope, isKept)
    }
    try parser.expect(.semicolon, "after the \(keyword) block")
    // The values of other blocks live no longer than this.
    if keyword != "env" { try parser.keep(-bytes) }
  }

  private mutating func statement(
    _ parser: inout Parser, _ scope: TypeScope, _ isKept: Bool
  ) throws(TraceError) {
    let start = parser.line
    let word: String
    switch parser.token {
    case .identifier(let first): word = first
    case .string where keyword == "env": word = ""
    default:
      throw parser.failure("expected a statement of the \(keyword) block, found \(parser.token.shown)")
    }
    if word == "struct" || word == "variant" || word == "enum" {
      let specifier = try parser.specifier(in: scope)
      var isOver = parser.token.beginsAnother
      if case .identifier = parser.token {
        // An attribute begins with a word as the name of a field would: what it is shows behind it.
        let next = try parser.peek()
        isOver = isOver || next == .punctuation(.equals) || next == .punctuation(.typeAssign)
      }
      guard case .type(_, isDefinition: true) = specifier, isOver else {
        throw parser.failure("a field cannot stand in the \(keyword) block")
      }
      return try parser.endDefinition(mayMiss: true)
    }
    let name = try name(&parser)
    guard names.insert(name).inserted || !isKept || allowsRepeated else {
      throw parser.failure(start, "'\(name.prefix(64))' is given twice in the \(keyword) block")
    }
    if try parser.take(.typeAssign) {
      parser.isInScope = true
      let type = try parser.type(in: scope)
      parser.isInScope = false
      types.append((name, type, start))
      try parser.expect(.semicolon, "after a type")
      return
    }
    guard parser.token == .punctuation(.equals) else {
      throw parser.failure("expected '=' or ':=' after '\(name.prefix(64))', found \(parser.token.shown)")
    }
    try parser.advance()
    let value = try parser.value()
    try parser.expect(.semicolon, "after a value")
    guard isKept else { return }
    var bytes = 128 + name.utf8.count
    if case .string(let text) = value { bytes += text.utf8.count }
    try parser.keep(bytes)
    self.bytes += bytes
    values.append(.init(name: name, value: value, line: start))
  }

  /// The name of an attribute or type.
  private func name(_ parser: inout Parser) throws(TraceError) -> String {
    guard keyword == "env", case .string(let text) = parser.token else {
      return try parser.path().joined(separator: ".")
    }
    try parser.tolerate(
      parser.line, "expected a statement of the env block, found a string", "read as a name")
    try parser.advance()
    return text
  }

  func failure(_ line: Int, _ message: String) -> TraceError {
    TraceError(file: file, message: "line \(line): \(message)")
  }

  /// Attributes in order, for the block whose names are free.
  var remaining: [Parser.Attribute] { values }

  mutating func attribute(_ name: String) -> Parser.Attribute? {
    askedValues.insert(name)
    return values.first { $0.name == name }
  }

  mutating func number(_ name: String) throws(TraceError) -> UInt64? {
    guard let attribute = attribute(name) else { return nil }
    guard case .integer(let value, false) = attribute.value else {
      throw failure(attribute.line, "'\(name)' has to be a number, not negative")
    }
    return value
  }

  mutating func signedNumber(_ name: String) throws(TraceError) -> Int64? {
    guard let attribute = attribute(name) else { return nil }
    guard case .integer(let magnitude, let isNegative) = attribute.value, magnitude <= UInt64(Int64.max)
    else {
      throw failure(attribute.line, "'\(name)' has to be a number that fits in 63 bits")
    }
    return isNegative ? -Int64(magnitude) : Int64(magnitude)
  }

  /// A string, or a word where words are allowed.
  mutating func string(_ name: String, allowsWord: Bool = false) throws(TraceError) -> String? {
    guard let attribute = attribute(name) else { return nil }
    switch attribute.value {
    case .string(let text): return text
    case .path(let path) where allowsWord: return path.joined(separator: ".")
    case .path, .integer: throw failure(attribute.line, "'\(name)' has to be a string")
    }
  }

  mutating func uuid(_ name: String) throws(TraceError) -> [UInt8]? {
    guard let text = try string(name) else { return nil }
    let places = Array(text.utf8)
    let dashes = [8, 13, 18, 23]
    let digits = places.filter { $0 != UInt8(ascii: "-") }.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard places.count == 36, digits.count == 32, !digits.contains(nil),
      dashes.allSatisfy({ places[$0] == UInt8(ascii: "-") })
    else { throw failure(attribute(name)?.line ?? line, "'\(name)' is no UUID") }
    return stride(from: 0, to: 32, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) }
  }

  mutating func structure(_ name: String) throws(TraceError) -> StructureType? {
    askedTypes.insert(name)
    if let value = values.first(where: { $0.name == name }) {
      throw failure(value.line, "'\(name)' has to be a structure, given with ':='")
    }
    guard let found = types.first(where: { $0.name == name }) else { return nil }
    guard case .structure(let structure) = found.type else {
      throw failure(found.line, "'\(name)' has to be a structure")
    }
    return structure
  }

  /// A text that nothing depends on.
  mutating func skipText(_ name: String, _ parser: inout Parser) throws(TraceError) {
    guard let attribute = attribute(name) else { return }
    guard case .path = attribute.value else {
      _ = try string(name)
      return
    }
    try parser.tolerate(attribute.line, "'\(name)' has to be a string", "ignored")
  }

  /// A number that nothing depends on.
  mutating func skipNumber(_ name: String, _ parser: inout Parser) throws(TraceError) {
    guard let attribute = attribute(name) else { return }
    guard case .integer(let magnitude, _) = attribute.value, magnitude > UInt64(Int64.max) else {
      _ = try signedNumber(name)
      return
    }
    try parser.tolerate(attribute.line, "'\(name)' has to be a number that fits in 63 bits", "ignored")
  }

  /// The attributes that nobody asked for.
  var unknown: [Parser.Attribute] { values.filter { !askedValues.contains($0.name) } }

  /// Names of types that say how data is laid out: in another block than theirs they leave doubt about it.
  private static let scopes: Set<String> = [
    "packet.header", "packet.context", "event.header", "event.context", "event.fields", "context", "fields",
  ]

  /// Complains about types that nobody asked for.
  func finish(_ parser: inout Parser) throws(TraceError) {
    for (name, _, line) in types where !askedTypes.contains(name) {
      let message = "the \(keyword) block has no type '\(name.prefix(64))'"
      let mayHaveMore = keyword != "clock" && keyword != "env" && !askedValues.contains(name)
      guard mayHaveMore, !Self.scopes.contains(name) else { throw failure(line, message) }
      try parser.tolerate(line, message, "ignored")
    }
  }
}
