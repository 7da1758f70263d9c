@testable import CTF

/// Writes the metadata of a trace of CTF 1.8 in CTF 2: the same data files can be read with either.
///
/// Knows nothing of the reader of CTF 2 but the names of its properties.
struct FragmentWriter {
  private let model: TraceModel
  private var scope = DynamicScope.packetHeader
  /// The structure being written and the scopes before it, for the ranges of tags.
  private var roots: [DynamicScope: StructureType] = [:]

  static func metadata(_ model: TraceModel) -> [UInt8] {
    var writer = FragmentWriter(model: model)
    return writer.fragments().flatMap { [0x1e] + Array($0.utf8) + [0x0a] }
  }

  private init(model: TraceModel) { self.model = model }

  private func object(_ properties: [(String, String?)]) -> String {
    "{"
      + properties.compactMap { name, value in value.map { "\(quoted(name)):\($0)" } }.joined(separator: ",")
      + "}"
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private func list(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

  private mutating func fragments() -> [String] {
    var result = [
      object([
        ("type", quoted("preamble")), ("version", "2"), ("uuid", model.uuid.map { list($0.map { "\($0)" }) }),
      ])
    ]
    let environment = model.environment.map { name, value in
      switch value {
      case .integer(let number): (name, String?.some("\(number)"))
      case .string(let text): (name, String?.some(quoted(text)))
      }
    }
    result.append(
      object([
        ("type", quoted("trace-class")), ("environment", object(environment)),
        ("packet-header-field-class", root(model.packetHeader, .packetHeader)),
      ]))
    for clock in model.clocks {
      result.append(
        object([
          ("type", quoted("clock-class")), ("id", quoted(clock.name)), ("name", quoted(clock.name)),
          ("frequency", "\(clock.frequency)"),
          (
            "offset-from-origin",
            object([
              ("seconds", "\(clock.offsetSeconds + clock.offsetCycles / Int64(clock.frequency))"),
              ("cycles", "\(clock.offsetCycles % Int64(clock.frequency))"),
            ])
          ),
        ]))
    }
    for stream in model.streamClasses {
      roots = roots.filter { $0.key == .packetHeader }
      result.append(
        object([
          ("type", quoted("data-stream-class")), ("id", "\(stream.id)"),
          ("default-clock-class-id", model.clocks.first.map { quoted($0.name) }),
          ("packet-context-field-class", root(stream.packetContext, .packetContext)),
          ("event-record-header-field-class", root(stream.eventHeader, .eventHeader)),
          ("event-record-common-context-field-class", root(stream.eventContext, .streamEventContext)),
        ]))
      for event in stream.events {
        roots = roots.filter { $0.key.rawValue < DynamicScope.eventContext.rawValue }
        result.append(
          object([
            ("type", quoted("event-record-class")), ("id", "\(event.id)"),
            ("data-stream-class-id", "\(stream.id)"), ("name", quoted(event.name)),
            ("specific-context-field-class", root(event.context, .eventContext)),
            ("payload-field-class", root(event.payload, .payload)),
          ]))
      }
    }
    return result
  }

  private mutating func root(_ structure: StructureType?, _ scope: DynamicScope) -> String? {
    guard let structure else { return nil }
    self.scope = scope
    roots[scope] = structure
    return fieldClass(.structure(structure), name: "", around: [])
  }

  // MARK: Field classes

  /// - Parameter around: The structures around the field, the outermost first, with the number of members before it.
  private func fieldClass(
    _ type: FieldType, name: String, around: [(structure: StructureType, count: Int)]
  ) -> String {
    switch type {
    case .integer(let integer): return self.integer(integer, nil, name, around.count)
    case .enumeration(let enumeration):
      return self.integer(enumeration.container, enumeration, name, around.count)
    case .floatingPoint(let float):
      return object([
        ("type", quoted("fixed-length-floating-point-number")), ("length", "\(float.size)"),
        ("byte-order", byteOrder(float.byteOrder)), ("alignment", "\(float.alignment)"),
      ])
    case .string: return object([("type", quoted("null-terminated-string"))])
    case .array(let array) where type.isUUID && scope == .packetHeader && name == "uuid":
      _ = array
      return object([
        ("type", quoted("static-length-blob")), ("length", "16"),
        ("roles", list([quoted("metadata-stream-uuid")])),
      ])
    case .array(let array): return self.array(array, around)
    case .structure(let structure):
      let members = structure.fields.enumerated().map { index, field in
        object([
          ("name", quoted(field.name)),
          ("field-class", fieldClass(field.type, name: field.name, around: around + [(structure, index)])),
        ])
      }
      return object([
        ("type", quoted("structure")), ("minimum-alignment", "\(structure.alignment)"),
        ("member-classes", list(members)),
      ])
    case .variant(let variant): return self.variant(variant, around)
    case .boolean, .bitArray, .text, .blob, .selection: return "null"
    }
  }

  private func byteOrder(_ order: ByteOrder?) -> String {
    quoted((order ?? model.byteOrder) == .little ? "little-endian" : "big-endian")
  }

  private func integer(
    _ type: IntegerType, _ labels: EnumerationType?, _ name: String, _ depth: Int
  ) -> String {
    var mappings: [(String, [String])] = []
    for mapping in labels?.mappings ?? [] {
      let range =
        type.isSigned
        ? "[\(Int64(bitPattern: mapping.low)),\(Int64(bitPattern: mapping.high))]"
        : "[\(mapping.low),\(mapping.high)]"
      if let index = mappings.firstIndex(where: { $0.0 == mapping.label }) {
        mappings[index].1.append(range)
      } else {
        mappings.append((mapping.label, [range]))
      }
    }
    let role = type.isSigned ? nil : role(name, depth, type)
    return object([
      ("type", quoted("fixed-length-\(type.isSigned ? "" : "un")signed-integer")), ("length", "\(type.size)"),
      ("byte-order", byteOrder(type.byteOrder)), ("alignment", "\(type.alignment)"),
      ("preferred-display-base", "\(type.base)"), ("roles", role.map { list([quoted($0)]) }),
      ("mappings", labels == nil ? nil : object(mappings.map { ($0, list($1)) })),
    ])
  }

  private func role(_ name: String, _ depth: Int, _ type: IntegerType) -> String? {
    switch (scope, name) {
    case (.packetHeader, "magic"): "packet-magic-number"
    case (.packetHeader, "stream_id"): "data-stream-class-id"
    case (.packetHeader, "stream_instance_id"): "data-stream-id"
    case (.packetContext, "timestamp_begin"): "default-clock-timestamp"
    case (.packetContext, "timestamp_end"): "packet-end-default-clock-timestamp"
    case (.packetContext, "content_size"): "packet-content-length"
    case (.packetContext, "packet_size"): "packet-total-length"
    case (.packetContext, "packet_seq_num"): "packet-sequence-number"
    case (.packetContext, "events_discarded"): "discarded-event-record-counter-snapshot"
    case (.eventHeader, "id"): "event-record-class-id"
    case (.eventHeader, _) where type.clock != nil: "default-clock-timestamp"
    default: nil
    }
  }

  private func array(_ array: ArrayType, _ around: [(structure: StructureType, count: Int)]) -> String {
    let kind: String
    let length: (String, String?)
    switch array.length {
    case .constant(let count):
      kind = "static"
      length = ("length", "\(count)")
    case .reference(let path):
      kind = "dynamic"
      length = ("length-field-location", location(path, around).location)
    case .location: return "null"
    }
    if array.isText { return object([("type", quoted("\(kind)-length-string")), length]) }
    return object([
      ("type", quoted("\(kind)-length-array")), length,
      ("element-field-class", fieldClass(array.element, name: "", around: around)),
    ])
  }

  private func variant(_ variant: VariantType, _ around: [(structure: StructureType, count: Int)]) -> String {
    let (location, tag) = location(variant.tag ?? [], around)
    guard case .enumeration(let enumeration)? = tag else { return "null" }
    let options = variant.options.indices.map { index in
      let ranges = enumeration.mappings.filter {
        $0.label == variant.originalNames[index] || $0.label == variant.options[index].name
      }.map {
        enumeration.container.isSigned
          ? "[\(Int64(bitPattern: $0.low)),\(Int64(bitPattern: $0.high))]" : "[\($0.low),\($0.high)]"
      }
      return object([
        ("name", quoted(variant.options[index].name)), ("selector-field-ranges", list(ranges)),
        ("field-class", fieldClass(variant.options[index].type, name: "", around: around)),
      ])
    }
    return object([
      ("type", quoted("variant")), ("selector-field-location", location), ("options", list(options)),
    ])
  }

  // MARK: References

  /// A field location and the type of the field that a name of CTF 1.8 means.
  private func location(
    _ path: [String], _ around: [(structure: StructureType, count: Int)]
  ) -> (location: String, type: FieldType?) {
    for other in DynamicScope.allCases where path.starts(with: other.path) && path.count > other.path.count {
      let rest = Array(path.dropFirst(other.path.count))
      if let root = roots[other], let found = names(rest, root, root.fields.count) {
        return (text(other, found.names), found.type)
      }
    }
    for (parents, place) in around.reversed().enumerated() {
      guard let found = names(path, place.structure, place.count) else { continue }
      let elements = [String](repeating: "null", count: parents) + found.names.map(quoted)
      return (object([("path", list(elements))]), found.type)
    }
    for other in DynamicScope.allCases.reversed() where other.rawValue < scope.rawValue {
      if let root = roots[other], let found = names(path, root, root.fields.count) {
        return (text(other, found.names), found.type)
      }
    }
    return ("null", nil)
  }

  private func text(_ origin: DynamicScope, _ names: [String]) -> String {
    object([("origin", quoted(origin.originName)), ("path", list(names.map(quoted)))])
  }

  private func names(
    _ path: [String], _ structure: StructureType, _ count: Int
  ) -> (names: [String], type: FieldType)? {
    guard let first = path.first,
      let index = structure.originalNames.prefix(count).lastIndex(where: { $0 == first })
    else { return nil }
    let field = structure.fields[index]
    if path.count == 1 { return ([field.name], field.type) }
    guard case .structure(let inner) = field.type,
      let rest = names(Array(path.dropFirst()), inner, inner.fields.count)
    else { return nil }
    return ([field.name] + rest.names, rest.type)
  }
}
