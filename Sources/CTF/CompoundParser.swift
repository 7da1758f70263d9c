/// Structures, variants and enumerations (CTF 1.8, sections 4.2.1, 4.2.2 and 4.1.8).
extension Parser {
  typealias Fields = [(name: String, type: FieldType)]

  /// Reads the body of a structure or variant, braces included.
  private mutating func fields(
    _ inner: TypeScope, _ what: String, structure: Int? = nil
  ) throws(TraceError) -> Fields {
    try enter()
    try expect(.leftBrace, "to begin the \(what)")
    var fields: Fields = []
    while try !take(.rightBrace) {
      if token == .end { throw failure("the \(what) is never closed") }
      if try take(.semicolon) { continue }
      if try definition(in: inner) { continue }
      let specifier = try specifier(in: inner)
      if case .type(_, isDefinition: true) = specifier, token.beginsAnother {
        try endDefinition(mayMiss: true)
        continue
      }
      if token == .punctuation(.semicolon) { throw failure("a field has no name") }
      repeat {
        guard let (name, type) = try declarator(specifier, in: inner) else {
          throw failure("expected the name of a field, found \(token.shown)")
        }
        try keep(192 + name.utf8.count)
        let isNew =
          structure.map { visible.declare(name, type, at: fields.count, of: $0) }
          ?? inner.declare(option: name)
        guard isNew else {
          throw failure("the \(what) has two fields called '\(name.prefix(64))'")
        }
        if case .variant(let variant) = type, variant.tag == nil {
          throw failure("the variant '\(name.prefix(64))' has no tag")
        }
        guard type.height < levels else { throw tooDeep() }
        fields.append((name, type))
      } while try take(.comma)
      try expect(.semicolon, "after a field")
    }
    leave()
    return fields
  }

  /// A `struct`; its name, and whether its fields are given.
  mutating func structure(
    in scope: TypeScope
  ) throws(TraceError) -> (name: String?, type: StructureType, isDefinition: Bool) {
    try advance()
    let name = try optionalName()
    guard token == .punctuation(.leftBrace) else {
      guard let name else { throw failure("'struct' has neither name nor fields") }
      guard let type = scope.structure(name) else {
        throw failure("the structure '\(name.prefix(64))' is unknown")
      }
      return (name, type, false)
    }
    let id = newStructure()
    let fields = try fields(TypeScope(parent: scope), "structure", structure: id)
    visible.close(id)
    var alignment = 1
    if try takeWord("align") {
      try expect(.leftParenthesis, "after 'align'")
      let number = try number()
      guard !number.isNegative else { throw failure("an alignment cannot be negative") }
      alignment = try checkedAlignment(number.magnitude, line)
      try expect(.rightParenthesis, "after the alignment")
    }
    try keep(256)
    let type = StructureType(fields: fields, minimumAlignment: alignment, id: id)
    guard type.weight <= Self.maximumWeight else {
      throw failure("a structure has more than \(Self.maximumWeight) fields, nested ones included")
    }
    if let name {
      guard scope.define(structure: name, type) else {
        throw failure("the structure '\(name.prefix(64))' is defined twice")
      }
      try keep(128 + name.utf8.count)
      try note(scope, "struct " + name)
      if !isInScope { current = [] }
    }
    return (name, type, true)
  }

  /// The most fields of one type, those of nested types included each time they occur.
  static let maximumWeight = 1 << 18

  /// A `variant`; its name, and whether its options are given.
  mutating func variant(
    in scope: TypeScope
  ) throws(TraceError) -> (name: String?, type: VariantType, isDefinition: Bool) {
    try advance()
    let name = try optionalName()
    var tag: (path: [String], anchor: Anchor?)?
    if try take(.less) {
      let path = try reference("a variant's tag")
      let anchor = path[0] == "env" ? nil : try anchor(path)
      if let anchor, anchor.structure >= 0 { try check(tag: anchor, path) }
      tag = (path, anchor)
      try expect(.greater, "after the variant's tag")
    }
    guard token == .punctuation(.leftBrace) else {
      guard let name else { throw failure("'variant' has neither name nor options") }
      guard let type = scope.variant(name) else {
        throw failure("the variant '\(name.prefix(64))' is unknown")
      }
      guard let tag else { return (name, type, false) }
      if let anchor = tag.anchor, anchor.structure >= 0 { try check(labels: anchor, type) }
      return (name, type.tagged(tag.path, anchor: tag.anchor), false)
    }
    let options = try fields(TypeScope(parent: scope), "variant")
    if options.isEmpty { throw failure("a variant has no options") }
    try keep(256 + 80 * options.count)
    var type = VariantType(tag: nil, options: options)
    guard type.weight <= Self.maximumWeight else {
      throw failure("a variant has more than \(Self.maximumWeight) options, nested fields included")
    }
    if let tag {
      if let anchor = tag.anchor, anchor.structure >= 0 { try check(labels: anchor, type) }
      type = type.tagged(tag.path, anchor: tag.anchor)
    }
    if let name {
      guard scope.define(variant: name, type) else {
        throw failure("the variant '\(name.prefix(64))' is defined twice")
      }
      try keep(128 + name.utf8.count)
      try note(scope, "variant " + name)
    }
    return (name, type, true)
  }

  private func check(tag: Anchor, _ path: [String]) throws(TraceError) {
    guard tag.targets.count == 1, case .enumeration = tag.targets[0].type else {
      throw failure("the tag '\(path.joined(separator: ".").prefix(64))' of a variant is no enumeration")
    }
  }

  /// Options without a label are never there, but if that goes for all of them something is wrong.
  private func check(labels tag: Anchor, _ type: VariantType) throws(TraceError) {
    guard case .enumeration(let enumeration) = tag.targets[0].type,
      enumeration.mappings(selecting: type).isEmpty
    else { return }
    throw failure("the enumeration that selects a variant's option has no label that is the name of one")
  }

  // MARK: Enumerations

  /// An `enum`; its name, and whether its labels are given.
  mutating func enumeration(
    in scope: TypeScope
  ) throws(TraceError) -> (name: String?, type: EnumerationType, isDefinition: Bool) {
    try advance()
    let name = try optionalName()
    var container: FieldType?
    if try take(.colon) {
      guard case .identifier(let word) = token, word != "struct", word != "variant", word != "enum" else {
        throw failure("an enumeration's container has to be an integer")
      }
      container = try type(in: scope)
    }
    guard token == .punctuation(.leftBrace) else {
      guard let name, container == nil else { throw failure("'enum' has no labels") }
      guard let type = scope.enumeration(name) else {
        throw failure("the enumeration '\(name.prefix(64))' is unknown")
      }
      return (name, type, false)
    }
    guard let type = container ?? scope.alias("int") else {
      throw failure("an enumeration without a container needs the type 'int', which is unknown")
    }
    guard case .integer(let integer) = type else {
      throw failure("an enumeration's container has to be an integer")
    }
    let result = EnumerationType(container: integer, mappings: try mappings(integer))
    if let name {
      guard scope.define(enumeration: name, result) else {
        throw failure("the enumeration '\(name.prefix(64))' is defined twice")
      }
      try keep(128 + name.utf8.count)
    }
    return (name, result, true)
  }

  /// The labels, braces included. One without a value continues after the one before.
  private mutating func mappings(_ container: IntegerType) throws(TraceError) -> [EnumerationType.Mapping] {
    try advance()
    let size = UInt64(min(64, container.size))
    let largest = UInt64.max >> (64 - size + (container.isSigned ? 1 : 0))
    var next: UInt64? = 0
    var mappings: [EnumerationType.Mapping] = []
    while try !take(.rightBrace) {
      let label: String
      switch token {
      case .identifier(let name): label = name
      case .string(let text): label = text
      default: throw failure("expected an enumeration's label, found \(token.shown)")
      }
      try advance()
      var low: UInt64
      var high: UInt64
      if try take(.equals) {
        low = try bits(try number(), label, container, largest)
        high = try take(.ellipsis) ? try bits(try number(), label, container, largest) : low
        let isOrdered = container.isSigned ? Int64(bitPattern: low) <= Int64(bitPattern: high) : low <= high
        guard isOrdered else { throw failure("the range of '\(label.prefix(64))' ends before it begins") }
      } else {
        guard let value = next else {
          throw failure("the label '\(label.prefix(64))' follows the largest value")
        }
        low = value
        high = value
      }
      next = high == largest ? nil : high &+ 1
      try keep(64 + label.utf8.count)
      mappings.append(.init(label: label, low: low, high: high))
      if try !take(.comma), token != .punctuation(.rightBrace) {
        throw failure("expected ',' or '}' after an enumeration's label, found \(token.shown)")
      }
    }
    if mappings.isEmpty { throw failure("an enumeration has no labels") }
    return mappings
  }

  private func bits(
    _ number: SignedNumber, _ label: String, _ container: IntegerType, _ largest: UInt64
  ) throws(TraceError) -> UInt64 {
    if number.isNegative {
      guard container.isSigned else {
        throw failure("the label '\(label.prefix(64))' of an unsigned enumeration is negative")
      }
      guard number.magnitude - 1 <= largest else {
        throw failure(
          "the value of '\(label.prefix(64))' does not fit in the enumeration's \(container.size) bits")
      }
      return 0 &- number.magnitude
    }
    guard number.magnitude <= largest else {
      throw failure(
        "the value of '\(label.prefix(64))' does not fit in the enumeration's \(container.size) bits")
    }
    return number.magnitude
  }
}
