/// Field classes of CTF 2 that contain no others (sections 5.3.4 to 5.3.17).
extension FieldClassReader {
  private static let byteOrders: [String: ByteOrder] = ["little-endian": .little, "big-endian": .big]
  private static let bitOrders: [String: Bool] = ["first-to-last": false, "last-to-first": true]

  /// What all fixed-length field classes have in common (section 5.3.4).
  func bits(_ object: inout MetadataObject) throws(TraceError) -> IntegerType {
    let size = try object.requiredUnsigned("length")
    guard size > 0 else { throw object.failure("the length of \(object.what) has to be at least 1 bit") }
    guard size <= UInt64(IntegerType.maximumSize) else {
      throw object.failure(
        "\(object.what) of \(size) bits; only up to \(IntegerType.maximumSize) can be read")
    }
    guard let order = try object.choice("byte-order", Self.byteOrders) else {
      throw object.failure("\(object.what) has no 'byte-order'")
    }
    let isLastFirst = try object.choice("bit-order", Self.bitOrders) ?? (order == .big)
    var type = IntegerType(
      size: Int(size), alignment: try object.alignment("alignment"), isSigned: false, byteOrder: order,
      base: 10, isText: false, clock: nil)
    type.isReversed = isLastFirst != (order == .big)
    return type
  }

  static func variable(isSigned: Bool) -> IntegerType {
    var type = IntegerType(
      size: 64, alignment: 8, isSigned: isSigned, byteOrder: .little, base: 10, isText: false, clock: nil)
    type.isVariableLength = true
    return type
  }

  /// An integer, with labels if there are mappings.
  func integer(_ bits: IntegerType, _ object: inout MetadataObject) throws(TraceError) -> FieldType {
    var type = bits
    if let base = try object.unsigned("preferred-display-base") {
      guard [2, 8, 10, 16].contains(base) else {
        throw object.failure("'preferred-display-base' has to be 2, 8, 10 or 16, not \(base)")
      }
      type.base = Int(base)
    }
    if !type.isSigned { type.roles = try roles(&object) }
    if type.roles.contains(.magic), type.size != 32 || type.isVariableLength {
      throw object.failure("a packet magic number has to be a fixed-length integer of 32 bits")
    }
    if type.roles.contains(.uuid) {
      throw object.failure("a UUID has to be a static-length-blob, not an integer")
    }
    guard let value = object.value("mappings") else { return .integer(type) }
    var mappings: [EnumerationType.Mapping] = []
    let labels = try MetadataObject(value, "'mappings' of \(object.what)", file: file)
    for label in labels.members {
      for range in try object.ranges(label.value, "the mapping '\(label.name.prefix(64))'") {
        guard let ends = range.bits(isSigned: type.isSigned) else { continue }
        mappings.append(.init(label: label.name, low: ends.low, high: ends.high))
      }
    }
    if labels.members.isEmpty { return .integer(type) }
    return .enumeration(EnumerationType(container: type, mappings: mappings))
  }

  func bitMap(_ object: inout MetadataObject) throws(TraceError) -> BitArrayType {
    let bits = try bits(&object)
    let labels = try MetadataObject(try object.required("flags"), "'flags' of \(object.what)", file: file)
    guard !labels.members.isEmpty else { throw object.failure("a bit map has no flags") }
    var flags: [(label: String, ranges: [ClosedRange<UInt64>])] = []
    for label in labels.members {
      var ranges: [ClosedRange<UInt64>] = []
      for range in try object.ranges(label.value, "the flag '\(label.name.prefix(64))'") {
        guard !range.low.isNegative else {
          throw object.failure(
            "the flag '\(label.name.prefix(64))' has a bit with a negative index", label.value)
        }
        ranges.append(range.low.magnitude...range.high.magnitude)
      }
      flags.append((label.name, ranges))
    }
    return BitArrayType(bits: bits, flags: flags)
  }

  func floatingPoint(_ object: inout MetadataObject) throws(TraceError) -> FloatingPointType {
    let bits = try bits(&object)
    guard FloatingPointType.isSize(UInt64(bits.size)) else {
      throw object.failure("no IEEE 754 number has \(bits.size) bits")
    }
    var type = FloatingPointType(size: bits.size, alignment: bits.alignment, byteOrder: bits.byteOrder)
    type.isReversed = bits.isReversed
    return type
  }

  func text(_ length: ByteLength, _ object: inout MetadataObject) throws(TraceError) -> FieldType {
    let encoding = try object.choice("encoding", TextEncoding.names) ?? .utf8
    if case .terminated = length, encoding == .utf8 { return .string }
    return .text(TextType(encoding: encoding, length: length))
  }

  func blob(_ length: ByteLength, _ object: inout MetadataObject) throws(TraceError) -> FieldType {
    let mediaType = try object.string("media-type") ?? "application/octet-stream"
    var roles: FieldRoles = []
    if case .constant(let count) = length {
      roles = try self.roles(&object)
      guard roles.isEmpty || roles == .uuid else {
        throw object.failure("a BLOB can have no role but metadata-stream-uuid")
      }
      if !roles.isEmpty, count != 16 {
        throw object.failure("a UUID has to be a BLOB of 16 bytes, not \(count)")
      }
    }
    return .blob(BlobType(mediaType: mediaType, length: length, roles: roles))
  }

  /// What a field tells a reader (section 5.3.3).
  private func roles(_ object: inout MetadataObject) throws(TraceError) -> FieldRoles {
    var roles: FieldRoles = []
    for value in try object.array("roles") ?? [] {
      guard case .string(let name) = value.kind else {
        throw object.failure("a role has to be a string, not \(value.description)", value)
      }
      guard let role = FieldRoles.names[name] else {
        throw object.failure("there is no role '\(name.prefix(64))'", value)
      }
      roles.insert(role)
    }
    return roles
  }
}
