/// Gives the fields of a structure the roles that count where the structure is used, and the stream's clock to those
/// that carry timestamps (CTF 2, sections 5.6.1 and 5.8.1). Aliases can be used in several places.
struct RoleBinder {
  private let scope: DynamicScope
  private let clock: String?
  private let hasUUID: Bool
  private let object: MetadataObject

  init(scope: DynamicScope, clock: String?, hasUUID: Bool, _ object: MetadataObject) {
    self.scope = scope
    self.clock = clock
    self.hasUUID = hasUUID
    self.object = object
  }

  private var accepted: FieldRoles {
    switch scope {
    case .packetHeader: [.magic, .uuid, .streamClassID, .streamID]
    case .packetContext: [.timestamp, .packetEnd, .discarded, .contentLength, .totalLength, .sequenceNumber]
    case .eventHeader: [.timestamp, .eventClassID]
    case .streamEventContext, .eventContext, .payload: []
    }
  }

  func bind(_ structure: StructureType) throws(TraceError) -> StructureType {
    guard structure.hasAnyRole else { return structure }
    if scope == .packetHeader {
      for (index, field) in structure.fields.enumerated() where index > 0 && field.type.hasRole(.magic) {
        throw object.failure("the packet magic number has to be the first member of the packet header")
      }
      if let first = structure.fields.first?.type, first.hasRole(.magic), first.integer == nil {
        throw object.failure("the packet magic number has to be a member of the packet header itself")
      }
    }
    return try bound(structure)
  }

  /// Removes all roles, from a structure in which none counts.
  func unbind(_ structure: StructureType) throws(TraceError) -> StructureType { try bind(structure) }

  private func bound(_ structure: StructureType) throws(TraceError) -> StructureType {
    var fields: [(name: String, type: FieldType)] = []
    for field in structure.fields { fields.append((field.name, try bound(field.type))) }
    return StructureType(fields: fields, minimumAlignment: structure.alignment, isVerbatim: true)
  }

  private func bound(_ type: FieldType) throws(TraceError) -> FieldType {
    guard type.hasAnyRole else { return type }
    switch type {
    case .integer(let integer): return .integer(try bound(integer))
    case .enumeration(let enumeration):
      return .enumeration(
        EnumerationType(container: try bound(enumeration.container), mappings: enumeration.mappings))
    case .blob(let blob):
      let roles = blob.roles.intersection(accepted)
      if roles.contains(.uuid), !hasUUID {
        throw object.failure("packets have the UUID of the metadata, but the preamble has none")
      }
      return .blob(BlobType(mediaType: blob.mediaType, length: blob.length, roles: roles))
    case .structure(let structure): return .structure(try bound(structure))
    case .array(let array):
      return .array(
        ArrayType(element: try bound(array.element), length: array.length, minimumAlignment: array.alignment))
    case .selection(let selection):
      var options: [SelectionType.Option] = []
      for option in selection.options {
        options.append(.init(name: option.name, type: try bound(option.type), ranges: option.ranges))
      }
      return .selection(
        SelectionType(options: options, isOptional: selection.isOptional, selector: selection.selector))
    case .floatingPoint, .string, .variant, .boolean, .bitArray, .text: return type
    }
  }

  private func bound(_ integer: IntegerType) throws(TraceError) -> IntegerType {
    var result = integer
    result.roles = integer.roles.intersection(accepted)
    if !result.roles.isDisjoint(with: [.timestamp, .packetEnd]) {
      guard let clock else {
        throw object.failure(
          "a field of \(object.what) is a timestamp, but there is no 'default-clock-class-id'")
      }
      result.clock = clock
    }
    return result
  }
}

extension FieldType {
  /// The roles of a scalar.
  var roles: FieldRoles {
    switch self {
    case .blob(let type): type.roles
    default: integer?.roles ?? []
    }
  }

  /// The integer, plain or with labels.
  var integer: IntegerType? {
    switch self {
    case .integer(let type): type
    case .enumeration(let type): type.container
    default: nil
    }
  }

  /// Whether this or something in it satisfies a condition that only scalars can satisfy.
  func contains(_ condition: (FieldType) -> Bool) -> Bool {
    switch self {
    case .structure(let type): type.fields.contains { $0.type.contains(condition) }
    case .array(let type): type.element.contains(condition)
    case .selection(let type): type.options.contains { $0.type.contains(condition) }
    case .variant(let type): type.options.contains { $0.type.contains(condition) }
    default: condition(self)
    }
  }

  var hasAnyRole: Bool { contains { !$0.roles.isEmpty } }
  func hasRole(_ role: FieldRoles) -> Bool { contains { $0.roles.contains(role) } }

  /// Whether no value has a single bit.
  var isAlwaysEmpty: Bool {
    switch self {
    case .structure(let type): type.isAlwaysEmpty
    case .array(let type):
      if case .constant(0) = type.length { true } else { type.element.isAlwaysEmpty }
    case .selection(let type): type.options.allSatisfy(\.type.isAlwaysEmpty)
    case .variant(let type): type.options.allSatisfy(\.type.isAlwaysEmpty)
    case .text(let type): if case .constant(0) = type.length { true } else { false }
    case .blob(let type): if case .constant(0) = type.length { true } else { false }
    case .integer, .floatingPoint, .enumeration, .string, .boolean, .bitArray: false
    }
  }
}

extension StructureType {
  var hasAnyRole: Bool { fields.contains { $0.type.hasAnyRole } }
  func hasRole(_ role: FieldRoles) -> Bool { fields.contains { $0.type.hasRole(role) } }
  var isAlwaysEmpty: Bool { fields.allSatisfy(\.type.isAlwaysEmpty) }
}
