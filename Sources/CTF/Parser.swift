/// The third stage: from tokens to a syntax tree, one top-level statement at a time.
struct Parser {
  /// How deep types may be nested. LTTng and barectf need fewer than ten levels.
  static let maximumDepth = 64
  /// How many dimensions an array may have.
  static let maximumDimensions = 32

  private var lexer: Lexer
  private var token: Token = .end
  private var ahead: Token?
  private var depth = 0
  /// Line of the current token, from 1.
  private(set) var line = 1
  private var aheadLine = 1

  init(_ bytes: [UInt8], file: String) throws(TraceError) {
    lexer = Lexer(bytes, file: file)
    token = try lexer.next()
    line = lexer.line
  }

  func failure(_ message: String) -> TraceError { lexer.failure(message) }

  /// The next top-level statement, nil at the end.
  mutating func next() throws(TraceError) -> Syntax.Statement? {
    while try take(.semicolon) {}
    if token == .end { return nil }
    return try statement()
  }

  private mutating func advance() throws(TraceError) {
    if let next = ahead {
      token = next
      line = aheadLine
      ahead = nil
    } else {
      token = try lexer.next()
      line = lexer.line
    }
  }

  private mutating func peek() throws(TraceError) -> Token {
    if let ahead { return ahead }
    let next = try lexer.next()
    aheadLine = lexer.line
    ahead = next
    return next
  }

  private mutating func take(_ mark: Token.Punctuation) throws(TraceError) -> Bool {
    guard token == .punctuation(mark) else { return false }
    try advance()
    return true
  }

  private mutating func expect(_ mark: Token.Punctuation, _ context: String) throws(TraceError) {
    guard try take(mark) else {
      throw failure("expected '\(mark.rawValue)' \(context), found \(token.shown)")
    }
  }

  private mutating func takeWord(_ word: String) throws(TraceError) -> Bool {
    guard token == .identifier(word) else { return false }
    try advance()
    return true
  }

  private mutating func enter() throws(TraceError) {
    depth += 1
    guard depth <= Self.maximumDepth else {
      throw failure("types are nested more than \(Self.maximumDepth) levels deep")
    }
  }

  // MARK: Statements

  private static let blocks: Set<String> = ["trace", "stream", "event", "clock", "env", "callsite"]

  private mutating func statement() throws(TraceError) -> Syntax.Statement {
    let start = line
    guard case .identifier(let word) = token else {
      throw failure("expected a declaration, found \(token.shown)")
    }
    switch word {
    case "typedef":
      try advance()
      let type = try typeSpecifier()
      let declarators = try declaratorList()
      guard declarators.allSatisfy({ $0.name != nil }), !declarators.isEmpty else {
        throw failure("typedef gives no name")
      }
      try expect(.semicolon, "after typedef")
      return .typeDefinition(type, declarators, line: start)
    case "typealias":
      try advance()
      let type = try typeSpecifier()
      let declarator = try declarator()
      try expect(.typeAssign, "in typealias")
      let name = try aliasName()
      try expect(.semicolon, "after typealias")
      return .typeAlias(type, declarator, name: name, line: start)
    default: break
    }
    let next = try peek()
    if Self.blocks.contains(word), next == .punctuation(.leftBrace) {
      try advance()
      let body = try body(of: word)
      try expect(.semicolon, "after the \(word) block")
      return .block(word, body, line: start)
    }
    let path = next == .punctuation(.dot) || next == .punctuation(.arrow)
    if path || next == .punctuation(.equals) || next == .punctuation(.typeAssign) {
      return try assignment(start)
    }
    let type = try typeSpecifier()
    let declarators = try declaratorList()
    try expect(.semicolon, "after a declaration")
    return .declaration(type, declarators, line: start)
  }

  private mutating func assignment(_ start: Int) throws(TraceError) -> Syntax.Statement {
    let names = try path()
    if try take(.typeAssign) {
      let type = try typeSpecifier()
      try expect(.semicolon, "after a type")
      return .assignType(names, type, line: start)
    }
    try expect(.equals, "after '\(names.joined(separator: "."))'")
    let value = try value()
    try expect(.semicolon, "after a value")
    return .assign(names, value, line: start)
  }

  private mutating func body(of what: String) throws(TraceError) -> [Syntax.Statement] {
    try enter()
    try expect(.leftBrace, "to begin \(what)")
    var statements: [Syntax.Statement] = []
    while token != .punctuation(.rightBrace) {
      if token == .end { throw failure("\(what) is never closed") }
      if try take(.semicolon) { continue }
      statements.append(try statement())
    }
    try advance()
    depth -= 1
    return statements
  }

  private mutating func path() throws(TraceError) -> [String] {
    var names: [String] = []
    repeat {
      guard case .identifier(let name) = token else { throw failure("expected a name, found \(token.shown)") }
      names.append(name)
      guard names.count <= 64 else { throw failure("a path has more than 64 names") }
      try advance()
      if token == .punctuation(.arrow) {
        try advance()
        continue
      }
      guard try take(.dot) else { return names }
    } while true
  }

  private mutating func value() throws(TraceError) -> Syntax.Value {
    switch token {
    case .string(let text):
      try advance()
      var whole = text
      while case .string(let more) = token {
        whole += more
        try advance()
      }
      return .string(whole)
    case .integer, .punctuation(.minus), .punctuation(.plus):
      let number = try number()
      return .integer(number.magnitude, isNegative: number.isNegative)
    default: return .path(try path())
    }
  }

  private mutating func number() throws(TraceError) -> Syntax.SignedNumber {
    let isNegative = try take(.minus)
    if !isNegative { _ = try take(.plus) }
    guard case .integer(let magnitude) = token else {
      throw failure("expected a number, found \(token.shown)")
    }
    try advance()
    return .init(magnitude: magnitude, isNegative: isNegative && magnitude != 0)
  }

  // MARK: Types

  private static let basicWords: Set<String> = [
    "void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "_Bool", "_Complex",
    "_Imaginary",
  ]

  private mutating func typeSpecifier() throws(TraceError) -> Syntax.TypeSpecifier {
    while try takeWord("const") {}
    let start = line
    guard case .identifier(let word) = token else { throw failure("expected a type, found \(token.shown)") }
    switch word {
    case "struct": return try structure(start)
    case "variant": return try variant(start)
    case "enum": return try enumeration(start)
    case "integer":
      try advance()
      return .integer(try attributes(word), line: start)
    case "floating_point":
      try advance()
      return .floatingPoint(try attributes(word), line: start)
    case "string":
      try advance()
      return .string(token == .punctuation(.leftBrace) ? try attributes(word) : [], line: start)
    default: return .named(try typeName(), line: start)
    }
  }

  /// `uint32_t`, or C's words for a type joined by single blanks.
  private mutating func typeName() throws(TraceError) -> String {
    var words: [String] = []
    while case .identifier(let word) = token {
      if word == "const" {
        try advance()
      } else if Self.basicWords.contains(word) {
        words.append(word)
        guard words.count <= 8 else { throw failure("a type has more than 8 words") }
        try advance()
      } else if words.isEmpty {
        if Token.keywords.contains(word) { throw failure("'\(word)' is no type") }
        try advance()
        while try takeWord("const") {}
        return word
      } else {
        break
      }
    }
    if words.isEmpty { throw failure("expected a type, found \(token.shown)") }
    return words.joined(separator: " ")
  }

  private mutating func aliasName() throws(TraceError) -> String {
    while try takeWord("const") {}
    var name = try typeName()
    while token == .punctuation(.star) {
      try advance()
      while try takeWord("const") {}
      name += " *"
      guard name.utf8.count < 4096 else { throw failure("an alias has too many '*'") }
    }
    return name
  }

  private mutating func attributes(_ what: String) throws(TraceError) -> [Syntax.Attribute] {
    try expect(.leftBrace, "after '\(what)'")
    var attributes: [Syntax.Attribute] = []
    while try !take(.rightBrace) {
      if try take(.semicolon) { continue }
      let start = line
      guard case .identifier(let name) = token else {
        throw failure("expected an attribute of '\(what)', found \(token.shown)")
      }
      try advance()
      try expect(.equals, "after '\(name)'")
      attributes.append(.init(name: name, value: try value(), line: start))
      guard attributes.count <= 64 else { throw failure("'\(what)' has more than 64 attributes") }
      try expect(.semicolon, "after the value of '\(name)'")
    }
    return attributes
  }

  /// The optional name after `struct`, `variant` or `enum`.
  private mutating func optionalName() throws(TraceError) -> String? {
    guard case .identifier(let name) = token, !Token.keywords.contains(name) else { return nil }
    try advance()
    return name
  }

  private mutating func structure(_ start: Int) throws(TraceError) -> Syntax.TypeSpecifier {
    try advance()
    let name = try optionalName()
    var fields: [Syntax.Statement]?
    if token == .punctuation(.leftBrace) { fields = try body(of: "the structure") }
    var alignment: UInt64?
    if fields != nil, try takeWord("align") {
      try expect(.leftParenthesis, "after 'align'")
      let number = try number()
      guard !number.isNegative else { throw failure("an alignment cannot be negative") }
      alignment = number.magnitude
      try expect(.rightParenthesis, "after the alignment")
    }
    if fields == nil, name == nil { throw failure("'struct' has neither name nor fields") }
    return .structure(name: name, body: fields, alignment: alignment, line: start)
  }

  private mutating func variant(_ start: Int) throws(TraceError) -> Syntax.TypeSpecifier {
    try advance()
    let name = try optionalName()
    var tag: [String]?
    if try take(.less) {
      tag = try path()
      try expect(.greater, "after the variant's tag")
    }
    var options: [Syntax.Statement]?
    if token == .punctuation(.leftBrace) { options = try body(of: "the variant") }
    if options == nil, name == nil { throw failure("'variant' has neither name nor options") }
    return .variant(name: name, tag: tag, body: options, line: start)
  }

  private mutating func enumeration(_ start: Int) throws(TraceError) -> Syntax.TypeSpecifier {
    try advance()
    let name = try optionalName()
    var container: Syntax.TypeSpecifier?
    if try take(.colon) {
      try enter()
      container = try typeSpecifier()
      depth -= 1
    }
    var entries: [Syntax.Entry]?
    if try take(.leftBrace) {
      var list: [Syntax.Entry] = []
      while try !take(.rightBrace) {
        list.append(try entry())
        if try !take(.comma), token != .punctuation(.rightBrace) {
          throw failure("expected ',' or '}' after an enumeration's label, found \(token.shown)")
        }
      }
      if list.isEmpty { throw failure("an enumeration has no labels") }
      entries = list
    }
    if entries == nil, name == nil { throw failure("'enum' has neither name nor labels") }
    return .enumeration(name: name, container: container, entries: entries, line: start)
  }

  private mutating func entry() throws(TraceError) -> Syntax.Entry {
    let start = line
    let label: String
    switch token {
    case .identifier(let name): label = name
    case .string(let text): label = text
    default: throw failure("expected an enumeration's label, found \(token.shown)")
    }
    try advance()
    guard try take(.equals) else { return .init(label: label, range: nil, line: start) }
    let low = try number()
    let high = try take(.ellipsis) ? try number() : low
    return .init(label: label, range: (low, high), line: start)
  }

  // MARK: Declarators

  private mutating func declaratorList() throws(TraceError) -> [Syntax.Declarator] {
    if token == .punctuation(.semicolon) { return [] }
    var list: [Syntax.Declarator] = []
    repeat {
      list.append(try declarator())
    } while try take(.comma)
    return list
  }

  private mutating func declarator() throws(TraceError) -> Syntax.Declarator {
    var result = Syntax.Declarator()
    while try take(.star) {
      result.pointers += 1
      guard result.pointers <= 64 else { throw failure("more than 64 '*'") }
      while try takeWord("const") {}
    }
    if case .identifier(let name) = token {
      if Token.keywords.contains(name) { throw failure("the reserved word '\(name)' cannot be a name") }
      result.name = name
      try advance()
    }
    while try take(.leftBracket) {
      switch token {
      case .integer, .punctuation(.minus), .punctuation(.plus):
        let length = try number()
        guard !length.isNegative else { throw failure("an array's length cannot be negative") }
        result.lengths.append(.constant(length.magnitude))
      default: result.lengths.append(.reference(try path()))
      }
      try expect(.rightBracket, "after an array's length")
      guard result.lengths.count <= Self.maximumDimensions else {
        throw failure("an array has more than \(Self.maximumDimensions) dimensions")
      }
    }
    return result
  }
}
