/// From the field classes of CTF 2 metadata (section 5.3) to types.
struct FieldClassReader {
  /// Field classes inside each other, aliases counted too.
  static let maximumDepth = 64
  /// The largest number of elements or bytes: no packet is so large.
  static let maximumLength: UInt64 = 1 << 38

  let file: String
  private var aliases: [String: Nested] = [:]

  /// A type and how deeply it nests others.
  struct Nested {
    let type: FieldType
    let depth: Int
  }

  init(file: String) { self.file = file }

  /// Names a type (section 5.5).
  mutating func addAlias(_ name: String, _ type: Nested) -> Bool {
    aliases.updateValue(type, forKey: name) == nil
  }

  /// A property that has to be a structure, or the name of one.
  func structure(_ object: inout MetadataObject, _ name: String) throws(TraceError) -> StructureType? {
    guard let value = object.value(name) else { return nil }
    guard case .structure(let structure) = try read(value).type else {
      throw object.failure("'\(name)' of \(object.what) has to be a structure", value)
    }
    return structure
  }

  /// A field class, or the name of an alias.
  func read(_ value: JSONValue, depth: Int = 0) throws(TraceError) -> Nested {
    func failure(_ message: String) -> TraceError {
      TraceError(file: file, message: "line \(value.line): \(message)")
    }
    let tooDeep = "field classes are nested more than \(Self.maximumDepth) levels deep"
    guard depth <= Self.maximumDepth else { throw failure(tooDeep) }
    if case .string(let name) = value.kind {
      guard let alias = aliases[name] else {
        throw failure("there is no field class alias '\(name.prefix(64))' before this")
      }
      guard depth + alias.depth <= Self.maximumDepth else { throw failure(tooDeep) }
      return alias
    }
    var object = try MetadataObject(value, "a field class", file: file)
    let kind = try object.requiredString("type")
    object = try MetadataObject(value, "a \(kind.prefix(64)) field class", file: file)
    _ = object.value("type")
    try object.readAttributesAndExtensions()
    let result = try type(kind, &object, depth)
    try object.finish()
    guard result.type.weight <= MetadataReader.maximumFields else {
      throw failure(
        "a field class has more than \(MetadataReader.maximumFields) fields, nested ones included")
    }
    return result
  }

  private func type(
    _ kind: String, _ object: inout MetadataObject, _ depth: Int
  ) throws(TraceError) -> Nested {
    func flat(_ type: FieldType) -> Nested { Nested(type: type, depth: 0) }
    switch kind {
    case "fixed-length-bit-array":
      return flat(.bitArray(BitArrayType(bits: try bits(&object), flags: nil)))
    case "fixed-length-bit-map": return flat(.bitArray(try bitMap(&object)))
    case "fixed-length-boolean": return flat(.boolean(try bits(&object)))
    case "fixed-length-unsigned-integer": return flat(try integer(try bits(&object), &object))
    case "fixed-length-signed-integer":
      var bits = try bits(&object)
      bits.isSigned = true
      return flat(try integer(bits, &object))
    case "fixed-length-floating-point-number": return flat(.floatingPoint(try floatingPoint(&object)))
    case "variable-length-unsigned-integer": return flat(try integer(Self.variable(isSigned: false), &object))
    case "variable-length-signed-integer": return flat(try integer(Self.variable(isSigned: true), &object))
    case "null-terminated-string": return flat(try text(.terminated, &object))
    case "static-length-string": return flat(try text(.constant(try length(&object)), &object))
    case "dynamic-length-string":
      return flat(try text(.location(try location("length-field-location", &object)), &object))
    case "static-length-blob": return flat(try blob(.constant(try length(&object)), &object))
    case "dynamic-length-blob":
      return flat(try blob(.location(try location("length-field-location", &object)), &object))
    case "structure": return try structure(&object, depth)
    case "static-length-array": return try array(.constant(try length(&object)), &object, depth)
    case "dynamic-length-array":
      let location = ArrayType.Location(location: try location("length-field-location", &object))
      return try array(.location(location), &object, depth)
    case "optional": return try optional(&object, depth)
    case "variant": return try variant(&object, depth)
    default: throw object.failure("there is no field class of the type '\(kind.prefix(64))'")
    }
  }

  // MARK: Compound field classes

  private func structure(_ object: inout MetadataObject, _ depth: Int) throws(TraceError) -> Nested {
    var fields: [(name: String, type: FieldType)] = []
    var names: Set<String> = []
    var inner = 0
    var weight = 0
    let alignment = try object.alignment("minimum-alignment")
    for value in try object.array("member-classes") ?? [] {
      var member = try MetadataObject(value, "a member of a structure", file: file)
      let name = try member.requiredString("name")
      guard names.insert(name).inserted else {
        throw member.failure("the structure has two members called '\(name.prefix(64))'")
      }
      let field = try read(try member.required("field-class"), depth: depth + 1)
      try member.readAttributesAndExtensions()
      try member.finish()
      inner = max(inner, field.depth + 1)
      weight += field.type.weight
      guard weight <= MetadataReader.maximumFields else {
        throw member.failure(
          "a structure has more than \(MetadataReader.maximumFields) fields, nested ones included")
      }
      fields.append((name, field.type))
    }
    let type = StructureType(fields: fields, minimumAlignment: alignment, isVerbatim: true)
    return Nested(type: .structure(type), depth: inner)
  }

  private func array(
    _ length: ArrayType.Length, _ object: inout MetadataObject, _ depth: Int
  ) throws(TraceError) -> Nested {
    let element = try read(try object.required("element-field-class"), depth: depth + 1)
    let alignment = try object.alignment("minimum-alignment")
    let type = ArrayType(element: element.type, length: length, minimumAlignment: alignment)
    return Nested(type: .array(type), depth: element.depth + 1)
  }

  private func optional(_ object: inout MetadataObject, _ depth: Int) throws(TraceError) -> Nested {
    let content = try read(try object.required("field-class"), depth: depth + 1)
    let ranges = try object.ranges("selector-field-ranges") ?? []
    let type = SelectionType(
      options: [.init(name: nil, type: content.type, ranges: ranges)], isOptional: true,
      selector: try location("selector-field-location", &object))
    return Nested(type: .selection(type), depth: content.depth + 1)
  }

  private func variant(_ object: inout MetadataObject, _ depth: Int) throws(TraceError) -> Nested {
    var options: [SelectionType.Option] = []
    var names: Set<String> = []
    var inner = 0
    var taken: [(range: IntegerRange, line: Int)] = []
    for value in try object.array("options") ?? [] {
      var option = try MetadataObject(value, "an option of a variant", file: file)
      let name = try option.string("name")
      if let name, !names.insert(name).inserted {
        throw option.failure("the variant has two options called '\(name.prefix(64))'")
      }
      guard let ranges = try option.ranges("selector-field-ranges") else {
        throw option.failure("an option of a variant has no 'selector-field-ranges'")
      }
      let type = try read(try option.required("field-class"), depth: depth + 1)
      try option.readAttributesAndExtensions()
      try option.finish()
      inner = max(inner, type.depth + 1)
      options.append(.init(name: name, type: type.type, ranges: ranges))
      taken += ranges.map { ($0, options.count) }
    }
    guard !options.isEmpty else { throw object.failure("a variant has no options") }
    // Ranges of one option may overlap each other, those of two may not: sorted, only neighbours can tell.
    taken.sort { $0.range.low < $1.range.low }
    var reached: (high: WideInteger, option: Int)?
    for (range, option) in taken {
      if let reached, reached.option != option, range.low <= reached.high {
        throw object.failure("the 'selector-field-ranges' of two options of a variant overlap")
      }
      if reached.map({ range.high > $0.high }) ?? true { reached = (range.high, option) }
    }
    let type = SelectionType(
      options: options, isOptional: false, selector: try location("selector-field-location", &object))
    return Nested(type: .selection(type), depth: inner)
  }

  // MARK: Locations and lengths

  func length(_ object: inout MetadataObject) throws(TraceError) -> Int {
    Int(try object.requiredUnsigned("length", limit: Self.maximumLength))
  }

  private static let origins: [String: DynamicScope] = Dictionary(
    uniqueKeysWithValues: DynamicScope.allCases.map { ($0.originName, $0) })

  func location(_ name: String, _ object: inout MetadataObject) throws(TraceError) -> FieldLocation {
    var location = try MetadataObject(try object.required(name), "'\(name)'", file: file)
    let origin = try location.choice("origin", Self.origins)
    var path: [String?] = []
    let elements = try location.array("path") ?? []
    for element in elements {
      switch element.kind {
      case .string(let member): path.append(member)
      case .null:
        // A member and then its parent lead back: what matters is where the path leads.
        if case .some(.some) = path.last { path.removeLast() } else { path.append(nil) }
      default: throw location.failure("'path' of '\(name)' has to hold strings and null", element)
      }
    }
    guard let last = elements.last else { throw location.failure("'path' of '\(name)' is empty") }
    if case .null = last.kind { throw location.failure("'path' of '\(name)' ends with null", last) }
    try location.finish()
    return FieldLocation(origin: origin, path: path)
  }
}
