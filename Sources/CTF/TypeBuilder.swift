/// The fourth stage: from type syntax to types.
struct TypeBuilder {
  /// The largest alignment taken seriously, in bits: 2^30.
  static let maximumAlignment = 1 << 30
  /// The most fields or options of one compound type, those of nested types included.
  static let maximumFields = 1 << 16

  let file: String

  func failure(_ line: Int, _ message: String) -> TraceError {
    TraceError(file: file, message: "line \(line): \(message)")
  }

  func type(_ syntax: Syntax.TypeSpecifier, in scope: TypeScope) throws(TraceError) -> FieldType {
    switch syntax {
    case .integer(let attributes, let line): return .integer(try integer(attributes, line))
    case .floatingPoint(let attributes, let line): return .floatingPoint(try floatingPoint(attributes, line))
    case .string(let attributes, let line):
      for attribute in attributes where attribute.name == "encoding" {
        _ = try encoding(attribute)
      }
      for attribute in attributes where attribute.name != "encoding" {
        throw failure(line, "a string has no attribute '\(attribute.name)'")
      }
      return .string
    case .structure(let name, let body, let alignment, let line):
      return .structure(try structure(name, body, alignment, line, scope))
    case .variant(let name, let tag, let body, let line):
      return .variant(try variant(name, tag, body, line, scope))
    case .enumeration(let name, let container, let entries, let line):
      return .enumeration(try enumeration(name, container, entries, line, scope))
    case .named(let name, let line):
      guard let type = scope.alias(name) else {
        throw failure(line, "the type '\(name.prefix(64))' is unknown")
      }
      return type
    }
  }

  /// A type with the pointers and array lengths of a declarator applied.
  func type(
    _ syntax: Syntax.TypeSpecifier, _ declarator: Syntax.Declarator, in scope: TypeScope, line: Int
  ) throws(TraceError) -> FieldType {
    var result: FieldType
    if declarator.pointers > 0 {
      guard case .named(let name, _) = syntax else {
        throw failure(line, "a pointer to this type has no meaning")
      }
      let alias = name + String(repeating: " *", count: declarator.pointers)
      guard let type = scope.alias(alias) else {
        throw failure(line, "the type '\(alias.prefix(64))' is unknown")
      }
      result = type
    } else {
      result = try type(syntax, in: scope)
    }
    for length in declarator.lengths.reversed() {
      switch length {
      case .constant(let count):
        guard count <= UInt64(Int32.max) else {
          throw failure(line, "an array of \(count) elements is longer than \(Int32.max)")
        }
        result = .array(ArrayType(element: result, length: .constant(Int(count))))
      case .reference(let path): result = .array(ArrayType(element: result, length: .reference(path)))
      }
    }
    return result
  }

  /// Handles what may stand in any block or compound type: definitions of types.
  ///
  /// Returns false when the statement is something else.
  func define(_ statement: Syntax.Statement, in scope: TypeScope) throws(TraceError) -> Bool {
    switch statement {
    case .typeDefinition(let syntax, let declarators, let line):
      for declarator in declarators {
        let type = try type(syntax, declarator, in: scope, line: line)
        guard scope.define(alias: declarator.name ?? "", type) else {
          throw failure(line, "the type '\(declarator.name ?? "")' is defined twice")
        }
      }
      return true
    case .typeAlias(let syntax, let declarator, let name, let line):
      if declarator.name != nil { throw failure(line, "the left side of a typealias cannot have a name") }
      let type = try type(syntax, declarator, in: scope, line: line)
      guard scope.define(alias: name, type) else {
        throw failure(line, "the type '\(name)' is defined twice")
      }
      return true
    case .declaration(let syntax, let declarators, _) where declarators.isEmpty:
      switch syntax {
      case .structure(.some, .some, _, _), .variant(.some, _, .some, _), .enumeration(.some, _, .some, _):
        _ = try type(syntax, in: scope)
        return true
      default: return false
      }
    default: return false
    }
  }

  // MARK: Compound types

  private func fields(
    _ body: [Syntax.Statement], _ scope: TypeScope, _ what: String
  ) throws(TraceError) -> [(name: String, type: FieldType)] {
    let inner = TypeScope(parent: scope)
    var fields: [(name: String, type: FieldType)] = []
    var names: Set<String> = []
    var weight = 0
    for statement in body {
      if try define(statement, in: inner) { continue }
      guard case .declaration(let syntax, let declarators, let line) = statement else {
        throw failure(statement.line, "this cannot stand in a \(what)")
      }
      if declarators.isEmpty { throw failure(line, "a field has no name") }
      for declarator in declarators {
        guard let name = declarator.name else { throw failure(line, "a field has no name") }
        guard names.insert(name).inserted else {
          throw failure(line, "the \(what) has two fields called '\(name)'")
        }
        let type = try type(syntax, declarator, in: inner, line: line)
        if case .variant(let variant) = type, variant.tag == nil {
          throw failure(line, "the variant '\(name)' has no tag")
        }
        fields.append((name, type))
        weight += type.weight
        guard weight <= Self.maximumFields else {
          throw failure(line, "a \(what) has more than \(Self.maximumFields) fields, nested ones included")
        }
      }
    }
    return fields
  }

  private func structure(
    _ name: String?, _ body: [Syntax.Statement]?, _ alignment: UInt64?, _ line: Int, _ scope: TypeScope
  ) throws(TraceError) -> StructureType {
    guard let body else {
      guard let name, let type = scope.structure(name) else {
        throw failure(line, "the structure '\(name ?? "")' is unknown")
      }
      return type
    }
    let minimum = try alignment.map { (value) throws(TraceError) in try checkedAlignment(value, line) } ?? 1
    let type = StructureType(fields: try fields(body, scope, "structure"), minimumAlignment: minimum)
    if let name, !scope.define(structure: name, type) {
      throw failure(line, "the structure '\(name)' is defined twice")
    }
    return type
  }

  private func variant(
    _ name: String?, _ tag: [String]?, _ body: [Syntax.Statement]?, _ line: Int, _ scope: TypeScope
  ) throws(TraceError) -> VariantType {
    var type: VariantType
    if let body {
      type = VariantType(tag: nil, options: try fields(body, scope, "variant"))
      if type.options.isEmpty { throw failure(line, "a variant has no options") }
      if let name, !scope.define(variant: name, type) {
        throw failure(line, "the variant '\(name)' is defined twice")
      }
    } else {
      guard let name, let known = scope.variant(name) else {
        throw failure(line, "the variant '\(name ?? "")' is unknown")
      }
      type = known
    }
    return tag.map { type.tagged($0) } ?? type
  }

  private func enumeration(
    _ name: String?, _ container: Syntax.TypeSpecifier?, _ entries: [Syntax.Entry]?, _ line: Int,
    _ scope: TypeScope
  ) throws(TraceError) -> EnumerationType {
    guard let entries else {
      guard let name, let type = scope.enumeration(name) else {
        throw failure(line, "the enumeration '\(name ?? "")' is unknown")
      }
      return type
    }
    let integer: IntegerType
    if let container {
      guard case .integer(let type) = try type(container, in: scope) else {
        throw failure(line, "an enumeration's container has to be an integer")
      }
      integer = type
    } else {
      guard case .integer(let type)? = scope.alias("int") else {
        throw failure(line, "an enumeration without a container needs the type 'int', which is unknown")
      }
      integer = type
    }
    let type = EnumerationType(container: integer, mappings: try mappings(entries, integer))
    if let name, !scope.define(enumeration: name, type) {
      throw failure(line, "the enumeration '\(name)' is defined twice")
    }
    return type
  }

  private func mappings(
    _ entries: [Syntax.Entry], _ container: IntegerType
  ) throws(TraceError) -> [EnumerationType.Mapping] {
    var next: UInt64? = 0
    var mappings: [EnumerationType.Mapping] = []
    for entry in entries {
      var low: UInt64
      var high: UInt64
      if let range = entry.range {
        low = try bits(range.low, container, entry)
        high = try bits(range.high, container, entry)
        let isOrdered = container.isSigned ? Int64(bitPattern: low) <= Int64(bitPattern: high) : low <= high
        if !isOrdered { swap(&low, &high) }
      } else {
        guard let value = next else {
          throw failure(entry.line, "the label '\(entry.label)' follows the largest value")
        }
        low = value
        high = value
      }
      let isLast = container.isSigned ? high == UInt64(Int64.max) : high == UInt64.max
      next = isLast ? nil : high &+ 1
      mappings.append(.init(label: entry.label, low: low, high: high))
    }
    return mappings
  }

  private func bits(
    _ number: Syntax.SignedNumber, _ container: IntegerType, _ entry: Syntax.Entry
  ) throws(TraceError) -> UInt64 {
    if container.isSigned {
      let limit = UInt64(1) << 63
      guard number.magnitude < limit || (number.isNegative && number.magnitude == limit) else {
        throw failure(entry.line, "the value of '\(entry.label)' does not fit in 64 bits")
      }
    } else if number.isNegative {
      throw failure(entry.line, "the label '\(entry.label)' of an unsigned enumeration is negative")
    }
    return number.isNegative ? 0 &- number.magnitude : number.magnitude
  }
}
