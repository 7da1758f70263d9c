/// The fourth stage: types, their names and their declarators (CTF 1.8, section 4 and appendix C).
extension Parser {
  /// How many dimensions an array may have.
  static let maximumDimensions = 64
  private static let maximumPointers = 64

  /// What stands before a declarator.
  enum Specifier {
    /// A type; `isDefinition` when it was given a name, so that it may stand alone.
    case type(FieldType, isDefinition: Bool)
    /// The name of an alias. It means something else with `*` behind.
    case named(String)
  }

  // MARK: Definitions

  /// Reads a typedef or typealias if there is one.
  mutating func definition(in scope: TypeScope) throws(TraceError) -> Bool {
    if try takeWord("typedef") {
      let specifier = try specifier(in: scope)
      if token == .punctuation(.semicolon) { throw failure("typedef gives no name") }
      repeat {
        guard let (name, type) = try declarator(specifier, in: scope) else {
          throw failure("typedef gives no name")
        }
        try define(alias: name, type, in: scope)
      } while try take(.comma)
      try expect(.semicolon, "after typedef")
    } else if try takeWord("typealias") {
      let specifier = try specifier(in: scope)
      let type = try abstractType(specifier, in: scope)
      try expect(.typeAssign, "in typealias")
      let name = try aliasName()
      try define(alias: name, type, in: scope)
      try expect(.semicolon, "after typealias")
    } else {
      return false
    }
    if !isInScope { current = [] }
    return true
  }

  private mutating func define(alias name: String, _ type: FieldType, in scope: TypeScope) throws(TraceError)
  {
    try keep(72 + name.utf8.count)
    guard scope.define(alias: name, type) else {
      throw failure("the type '\(name.prefix(64))' is defined twice")
    }
    try note(scope, "alias " + name)
  }

  /// Remembers which names a definition refers to without seeing them.
  mutating func note(_ scope: TypeScope, _ name: String) throws(TraceError) {
    guard !current.isEmpty else { return }
    try keep(64 + name.utf8.count + 8 * current.count)
    scope.unresolved[name] = current
  }

  private mutating func use(_ scope: TypeScope, _ name: String) throws(TraceError) {
    guard let references = scope.references(name) else { return }
    if isInScope {
      for reference in references { reference.isUsed = true }
    } else {
      try keep(8 * references.count)
      current += references
    }
  }

  // MARK: Specifiers

  private static let basicWords: Set<String> = [
    "void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "_Bool", "_Complex",
    "_Imaginary",
  ]

  mutating func specifier(in scope: TypeScope) throws(TraceError) -> Specifier {
    while try takeWord("const") {}
    guard case .identifier(let word) = token else { throw failure("expected a type, found \(token.shown)") }
    switch word {
    case "struct":
      let (name, type, isDefinition) = try structure(in: scope)
      if !isDefinition { try use(scope, "struct \(name ?? "")") }
      return .type(.structure(type), isDefinition: isDefinition && name != nil)
    case "variant":
      let (name, type, isDefinition) = try variant(in: scope)
      if !isDefinition { try use(scope, "variant \(name ?? "")") }
      return .type(.variant(type), isDefinition: isDefinition && name != nil)
    case "enum":
      let (name, type, isDefinition) = try enumeration(in: scope)
      return .type(.enumeration(type), isDefinition: isDefinition && name != nil)
    case "integer":
      let start = line
      try advance()
      return .type(try kept(.integer(try integer(try attributes(word), start))), isDefinition: false)
    case "floating_point":
      let start = line
      try advance()
      return .type(.floatingPoint(try floatingPoint(try attributes(word), start)), isDefinition: false)
    case "string":
      try advance()
      if token == .punctuation(.leftBrace) { try checkString(try attributes(word)) }
      return .type(.string, isDefinition: false)
    default: return .named(try typeName())
    }
  }

  /// The type itself, or the one before if that is the same: tracers write the same integers again and again.
  private mutating func kept(_ type: FieldType) throws(TraceError) -> FieldType {
    if case .integer(let new) = type, case .integer(let last)? = lastInteger, new == last, let lastInteger {
      return lastInteger
    }
    try keep(96)
    lastInteger = type
    return type
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
    let name = try typeName()
    return Self.pointer(name, try pointers())
  }

  private mutating func pointers() throws(TraceError) -> Int {
    var count = 0
    while try take(.star) {
      count += 1
      guard count <= Self.maximumPointers else { throw failure("more than \(Self.maximumPointers) '*'") }
      while try takeWord("const") {}
    }
    return count
  }

  private static func pointer(_ name: String, _ count: Int) -> String {
    name + String(repeating: " *", count: count)
  }

  // MARK: Declarators

  /// A type alone.
  mutating func type(in scope: TypeScope) throws(TraceError) -> FieldType {
    try resolve(try specifier(in: scope), pointers: 0, in: scope)
  }

  /// A type with what a declarator without a name adds to it.
  private mutating func abstractType(_ specifier: Specifier, in scope: TypeScope) throws(TraceError)
    -> FieldType
  {
    let type = try resolve(specifier, pointers: try pointers(), in: scope)
    if case .identifier = token { throw failure("the left side of a typealias cannot have a name") }
    return try lengths(of: type)
  }

  /// The name and the type of a declarator, nil when it has no name.
  mutating func declarator(
    _ specifier: Specifier, in scope: TypeScope
  ) throws(TraceError) -> (name: String, type: FieldType)? {
    let type = try resolve(specifier, pointers: try pointers(), in: scope)
    guard case .identifier(let name) = token else { return nil }
    if Token.keywords.contains(name) { throw failure("the reserved word '\(name)' cannot be a name") }
    try advance()
    return (name, try lengths(of: type))
  }

  private mutating func resolve(
    _ specifier: Specifier, pointers: Int, in scope: TypeScope
  ) throws(TraceError) -> FieldType {
    switch specifier {
    case .type(let type, _):
      if pointers > 0 { throw failure("a pointer to this type has no meaning") }
      return type
    case .named(let name):
      let alias = Self.pointer(name, pointers)
      guard let type = scope.alias(alias) else { throw failure("the type '\(alias.prefix(64))' is unknown") }
      try use(scope, "alias " + alias)
      return type
    }
  }

  /// The array lengths behind a name: the first one is the outermost.
  private mutating func lengths(of element: FieldType) throws(TraceError) -> FieldType {
    var lengths: [(length: ArrayType.Length, anchor: Anchor?)] = []
    while try take(.leftBracket) {
      switch token {
      case .integer, .punctuation(.minus), .punctuation(.plus):
        let length = try number()
        guard !length.isNegative else { throw failure("an array's length cannot be negative") }
        lengths.append((try constant(length.magnitude), nil))
      default: lengths.append(try lengthReference())
      }
      try expect(.rightBracket, "after an array's length")
      guard lengths.count <= Self.maximumDimensions else {
        throw failure("an array has more than \(Self.maximumDimensions) dimensions")
      }
    }
    var result = element
    for (length, anchor) in lengths.reversed() {
      if case .variant(let variant) = result, variant.tag == nil { throw failure("the variant has no tag") }
      let array = ArrayType(element: result, length: length, anchor: anchor)
      guard array.height <= levels else { throw tooDeep() }
      try keep(360)
      result = .array(array)
    }
    return result
  }

  private func constant(_ count: UInt64) throws(TraceError) -> ArrayType.Length {
    guard count <= ArrayType.maximumLength else {
      throw failure("an array of \(count) elements is longer than \(ArrayType.maximumLength)")
    }
    return .constant(Int(count))
  }

  private mutating func lengthReference() throws(TraceError) -> (length: ArrayType.Length, anchor: Anchor?) {
    let path = try reference("an array's length")
    if path[0] == "env" {
      guard path.count == 2, let count = environment[path[1]] else {
        throw failure(
          "the length '\(path.joined(separator: ".").prefix(64))' is no number, not negative, of the env block"
        )
      }
      return (try constant(count), nil)
    }
    let anchor = try anchor(path)
    for target in anchor?.targets ?? [] where !target.type.isUnsignedInteger {
      throw failure(
        "the length '\(path.joined(separator: ".").prefix(64))' of a sequence is no unsigned integer")
    }
    return (.reference(path), anchor)
  }

  /// A path that names a field: relative, or with a dynamic scope in front (CTF 1.8, section 7.3.2).
  mutating func reference(_ what: String) throws(TraceError) -> [String] {
    var path = try path()
    // The scopes lie inside each other: the shorter names are the usual ones.
    if path.starts(with: ["trace", "stream"]) { path.removeFirst() }
    if path.starts(with: ["stream", "event", "fields"]) { path.removeFirst() }
    if DynamicScope.allCases.contains(where: { path.starts(with: $0.path) && path.count > $0.path.count }) {
      return path
    }
    if path[0] != "env", Token.keywords.contains(path[0]) {
      throw failure("\(what) cannot be '\(path.joined(separator: ".").prefix(64))'")
    }
    return path
  }

  /// The field of an enclosing structure that a relative path means; nil when the use of the type has to tell.
  mutating func anchor(_ path: [String]) throws(TraceError) -> Anchor? {
    if DynamicScope.allCases.contains(where: { path.starts(with: $0.path) && path.count > $0.path.count }) {
      return nil
    }
    if let anchor = visible.anchor(path) {
      if anchor.targets.isEmpty {
        throw failure("'\(path.joined(separator: ".").prefix(64))' is no field decoded before it")
      }
      try keep(80 + 8 * path.count)
      return anchor
    }
    guard !isInScope else { return .earlierScope }
    let reference = UnresolvedReference(path.joined(separator: "."), line: line)
    unresolved.append(reference)
    current.append(reference)
    try keep(96)
    return nil
  }

  /// Complains about a definition that refers to a name that nothing has, when nothing uses it either.
  mutating func checkReferences() throws(TraceError) {
    for reference in unresolved where !reference.isUsed {
      try tolerate(
        reference.line, "'\(reference.name.prefix(64))' is no field decoded before it",
        "nothing uses the definition")
    }
  }
}
