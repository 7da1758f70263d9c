/// The attributes of one `trace`, `stream`, `event`, `clock` or `env` block, each asked for once.
struct BlockReader {
  let keyword: String
  let line: Int
  private let body: [Syntax.Statement]
  private let builder: TypeBuilder
  private let scope: TypeScope
  private var values: [(name: String, attribute: Syntax.Attribute)] = []
  private var types: [String: (FieldType, line: Int)] = [:]
  private var asked: Set<String> = []

  init(
    _ keyword: String, _ body: [Syntax.Statement], line: Int, _ builder: TypeBuilder, _ scope: TypeScope
  ) {
    self.keyword = keyword
    self.body = body
    self.line = line
    self.builder = builder
    self.scope = scope
  }

  /// Reads all statements; types are built in order, so that definitions come before their use.
  mutating func scan() throws(TraceError) {
    var names: Set<String> = []
    for statement in body {
      if try builder.define(statement, in: scope) { continue }
      switch statement {
      case .assign(let path, let value, let line):
        let name = path.joined(separator: ".")
        guard names.insert(name).inserted else {
          throw builder.failure(line, "'\(name)' is given twice in the \(keyword) block")
        }
        values.append((name, Syntax.Attribute(name: name, value: value, line: line)))
      case .assignType(let path, let syntax, let line):
        let name = path.joined(separator: ".")
        guard names.insert(name).inserted else {
          throw builder.failure(line, "'\(name)' is given twice in the \(keyword) block")
        }
        types[name] = (try builder.type(syntax, in: scope), line)
      default: throw builder.failure(statement.line, "this cannot stand in the \(keyword) block")
      }
    }
  }

  /// Attributes in order, for the block whose names are free.
  var remaining: [(name: String, attribute: Syntax.Attribute)] { values }

  mutating func attribute(_ name: String) -> Syntax.Attribute? {
    asked.insert(name)
    return values.first { $0.name == name }?.attribute
  }

  mutating func number(_ name: String) throws(TraceError) -> UInt64? {
    guard let attribute = attribute(name) else { return nil }
    return try builder.number(attribute)
  }

  mutating func signedNumber(_ name: String) throws(TraceError) -> Int64? {
    guard let attribute = attribute(name) else { return nil }
    guard case .integer(let magnitude, let isNegative) = attribute.value, magnitude <= UInt64(Int64.max)
    else {
      throw builder.failure(attribute.line, "'\(name)' has to be a number that fits in 63 bits")
    }
    return isNegative ? -Int64(magnitude) : Int64(magnitude)
  }

  mutating func string(_ name: String) throws(TraceError) -> String? {
    guard let attribute = attribute(name) else { return nil }
    switch attribute.value {
    case .string(let text): return text
    case .path(let path): return path.joined(separator: ".")
    case .integer: throw builder.failure(attribute.line, "'\(name)' has to be a string")
    }
  }

  mutating func boolean(_ name: String) throws(TraceError) -> Bool? {
    guard let attribute = attribute(name) else { return nil }
    return try builder.boolean(attribute)
  }

  mutating func uuid(_ name: String) throws(TraceError) -> [UInt8]? {
    guard let attribute = attribute(name) else { return nil }
    guard case .string(let text) = attribute.value else {
      throw builder.failure(attribute.line, "'\(name)' has to be a string")
    }
    let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }.map {
      Character(UnicodeScalar($0)).hexDigitValue
    }
    guard digits.count == 32, text.utf8.count == 36, !digits.contains(nil) else {
      throw builder.failure(attribute.line, "'\(name)' is no UUID")
    }
    return stride(from: 0, to: 32, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) }
  }

  mutating func structure(_ name: String) throws(TraceError) -> StructureType? {
    asked.insert(name)
    guard let (type, line) = types[name] else { return nil }
    guard case .structure(let structure) = type else {
      throw builder.failure(line, "'\(name)' has to be a structure")
    }
    return structure
  }

  mutating func ignore(_ names: [String]) { asked.formUnion(names) }

  /// Complains about types that nobody asked for; unknown attributes are ignored, as newer tracers may add some.
  func finish() throws(TraceError) {
    for (name, (_, line)) in types where !asked.contains(name) {
      throw builder.failure(line, "the \(keyword) block has no type '\(name)'")
    }
  }
}
