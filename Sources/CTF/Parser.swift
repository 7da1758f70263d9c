/// The third stage: from tokens to values and types. There is no syntax tree: a type is built as it is read, so that
/// memory holds nothing of the metadata but what it defines.
///
/// This file has the tokens and what is common to all statements; types are read in extensions.
struct Parser {
  /// How deep types may be nested, through names as well: everything that walks over types is recursive.
  static let maximumDepth = 4096
  /// How many bytes everything that the metadata defines may take, by estimate.
  static let maximumMemory = 36 << 20

  /// The value of an attribute.
  enum Value {
    case integer(UInt64, isNegative: Bool)
    case string(String)
    /// A word, or words joined by dots: `le`, `clock.monotonic.value`.
    case path([String])
  }

  struct Attribute {
    let name: String
    let value: Value
    let line: Int
  }

  /// An integer with its sign kept apart: both UInt64.max and Int64.min have to fit.
  struct SignedNumber {
    let magnitude: UInt64
    let isNegative: Bool
  }

  /// Whether everything is refused that the specification does not allow, also what can mean only one thing.
  let isStrict: Bool
  /// What was not allowed and was read all the same, up to ``maximumWarnings``.
  private(set) var warnings: [TraceError] = []
  static let maximumWarnings = 100
  private var lexer: Lexer
  private(set) var token: Token = .end
  private var ahead: Token?
  /// Line of the current token, from 1.
  private(set) var line = 1
  private var aheadLine = 1
  private var depth = 0
  /// How deep types may be nested: as deep as the stack allows.
  let levels = DeepStack.levels
  private var memory = 0
  private var structures = 0

  /// Integers of the `env` block so far: an array's length may be one of them.
  var environment: [String: UInt64] = [:]
  /// Whether what is read now is the type of a scope such as `event.fields`, not only a definition of types.
  var isInScope = false
  /// Names that definitions refer to without seeing them, so that it depends on their use whether they are known.
  var unresolved: [UnresolvedReference] = []
  /// Those of the definition that is being read.
  var current: [UnresolvedReference] = []

  /// The fields that a relative path may mean.
  var visible = VisibleFields()
  /// The integer type that was given in full last.
  var lastInteger: FieldType?

  /// Whether there is no token behind the current one.
  var isAtEnd: Bool { token == .end || lexer.isAtEnd }

  init(_ text: MetadataText, isStrict: Bool) throws(TraceError) {
    self.isStrict = isStrict
    lexer = try Lexer(text)
    if let warning = text.warning { warnings.append(warning) }
    token = try lexer.next()
    line = lexer.line
  }

  var file: String { lexer.file }

  func failure(_ message: String) -> TraceError { failure(line, message) }

  func failure(_ line: Int, _ message: String) -> TraceError {
    TraceError(file: file, message: "line \(line): \(message)")
  }

  /// Reads on behind what the specification does not allow although it can mean only one thing; refuses it when
  /// reading strictly.
  ///
  /// - Parameters:
  ///   - message: What is wrong.
  ///   - reading: How it is read.
  mutating func tolerate(_ line: Int, _ message: String, _ reading: String) throws(TraceError) {
    guard !isStrict else { throw failure(line, message) }
    if warnings.count < Self.maximumWarnings { warnings.append(failure(line, "\(message); \(reading)")) }
  }

  /// Takes the semicolon behind the definition of a type.
  ///
  /// - Parameter mayMiss: Whether what follows can only begin something else.
  mutating func endDefinition(mayMiss: Bool) throws(TraceError) {
    if try take(.semicolon) { return }
    let message = "expected ';' after the definition of a type, found \(token.shown)"
    guard mayMiss else { throw failure(message) }
    try tolerate(line, message, "read as if it were there")
  }

  // MARK: Limits

  /// Takes note of memory that is kept.
  mutating func keep(_ bytes: Int) throws(TraceError) {
    memory += bytes
    guard memory <= Self.maximumMemory else {
      throw failure("the types need more than \(Self.maximumMemory >> 20) MiB of memory")
    }
  }

  mutating func enter() throws(TraceError) {
    depth += 1
    guard depth <= levels else { throw tooDeep() }
  }

  func tooDeep() -> TraceError {
    let reason =
      levels < Self.maximumDepth ? ", and there is no memory, or no thread, for a stack that holds more" : ""
    return failure("types are nested more than \(levels) levels deep\(reason)")
  }

  mutating func leave() { depth -= 1 }

  mutating func newStructure() -> Int {
    structures += 1
    return structures
  }

  // MARK: Tokens

  mutating func advance() throws(TraceError) {
    if let next = ahead {
      token = next
      line = aheadLine
      ahead = nil
    } else {
      do throws(TraceError) {
        token = try lexer.next()
      } catch {
        line = lexer.line
        throw error
      }
      line = lexer.line
    }
  }

  mutating func peek() throws(TraceError) -> Token {
    if let ahead { return ahead }
    let next = try lexer.next()
    aheadLine = lexer.line
    ahead = next
    return next
  }

  mutating func take(_ mark: Token.Punctuation) throws(TraceError) -> Bool {
    guard token == .punctuation(mark) else { return false }
    try advance()
    return true
  }

  mutating func expect(_ mark: Token.Punctuation, _ context: String) throws(TraceError) {
    guard try take(mark) else {
      throw failure("expected '\(mark.rawValue)' \(context), found \(token.shown)")
    }
  }

  mutating func takeWord(_ word: String) throws(TraceError) -> Bool {
    guard token == .identifier(word) else { return false }
    try advance()
    return true
  }

  /// The optional name after `struct`, `variant` or `enum`.
  mutating func optionalName() throws(TraceError) -> String? {
    guard case .identifier(let name) = token, !Token.keywords.contains(name) else { return nil }
    try advance()
    return name
  }

  // MARK: Values

  /// Names joined by dots.
  mutating func path() throws(TraceError) -> [String] {
    var names: [String] = []
    repeat {
      guard case .identifier(let name) = token else { throw failure("expected a name, found \(token.shown)") }
      names.append(name)
      guard names.count <= Self.maximumDepth + 8 else { throw failure("a path has too many names") }
      try advance()
      if token == .punctuation(.arrow) {
        try advance()
        continue
      }
      guard try take(.dot) else { return names }
    } while true
  }

  mutating func value() throws(TraceError) -> Value {
    switch token {
    case .string(let text):
      try advance()
      return .string(text)
    case .integer, .punctuation(.minus), .punctuation(.plus):
      let number = try number()
      return .integer(number.magnitude, isNegative: number.isNegative)
    default: return .path(try path())
    }
  }

  mutating func number() throws(TraceError) -> SignedNumber {
    let isNegative = try take(.minus)
    if !isNegative { _ = try take(.plus) }
    guard case .integer(let magnitude) = token else {
      throw failure("expected a number, found \(token.shown)")
    }
    try advance()
    return .init(magnitude: magnitude, isNegative: isNegative && magnitude != 0)
  }

  /// The attributes of a basic type, braces included, each at most once.
  mutating func attributes(_ what: String) throws(TraceError) -> [Attribute] {
    try expect(.leftBrace, "after '\(what)'")
    var attributes: [Attribute] = []
    while try !take(.rightBrace) {
      if try take(.semicolon) { continue }
      let start = line
      guard case .identifier(let name) = token else {
        throw failure("expected an attribute of '\(what)', found \(token.shown)")
      }
      guard !attributes.contains(where: { $0.name == name }) else {
        throw failure("the attribute '\(name.prefix(64))' is given twice")
      }
      try advance()
      try expect(.equals, "after '\(name.prefix(64))'")
      attributes.append(.init(name: name, value: try value(), line: start))
      guard attributes.count <= 64 else { throw failure("'\(what)' has more than 64 attributes") }
      try expect(.semicolon, "after the value of '\(name.prefix(64))'")
    }
    return attributes
  }
}

/// A relative name in a definition that no enclosing structure has: a field of the scopes decoded before, if the
/// definition is used where there are any.
final class UnresolvedReference {
  let name: String
  let line: Int
  var isUsed = false

  init(_ name: String, line: Int) {
    self.name = name
    self.line = line
  }
}
