/// What fields mean to a reader: roles of CTF 2 (sections 5.6.1 and 5.8.1). CTF 1.8 has reserved names for it.
public struct FieldRoles: OptionSet, Sendable {
  /// A bit for each role.
  public let rawValue: UInt16

  /// The roles of these bits.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  static let magic = FieldRoles(rawValue: 1 << 0)
  static let uuid = FieldRoles(rawValue: 1 << 1)
  static let streamClassID = FieldRoles(rawValue: 1 << 2)
  static let streamID = FieldRoles(rawValue: 1 << 3)
  static let timestamp = FieldRoles(rawValue: 1 << 4)
  static let packetEnd = FieldRoles(rawValue: 1 << 5)
  static let discarded = FieldRoles(rawValue: 1 << 6)
  static let contentLength = FieldRoles(rawValue: 1 << 7)
  static let totalLength = FieldRoles(rawValue: 1 << 8)
  static let sequenceNumber = FieldRoles(rawValue: 1 << 9)
  static let eventClassID = FieldRoles(rawValue: 1 << 10)

  /// The roles by the names that metadata uses.
  static let names: [String: FieldRoles] = [
    "packet-magic-number": magic, "metadata-stream-uuid": uuid, "data-stream-class-id": streamClassID,
    "data-stream-id": streamID, "default-clock-timestamp": timestamp,
    "packet-end-default-clock-timestamp": packetEnd, "discarded-event-record-counter-snapshot": discarded,
    "packet-content-length": contentLength, "packet-total-length": totalLength,
    "packet-sequence-number": sequenceNumber, "event-record-class-id": eventClassID,
  ]
}

/// Where the field is that another one depends on (CTF 2, 5.3.1).
struct FieldLocation: Sendable {
  /// nil: the structure that contains the depending field.
  let origin: DynamicScope?
  /// Names of members; nil is the parent structure.
  let path: [String?]

  /// For messages.
  var description: String {
    let names = path.map { $0.map { "'\($0.prefix(64))'" } ?? "parent" }.joined(separator: ", ")
    return (origin.map { "\($0.originName): " } ?? "") + names
  }
}

extension DynamicScope {
  /// The origin's name in a field location.
  var originName: String {
    switch self {
    case .packetHeader: "packet-header"
    case .packetContext: "packet-context"
    case .eventHeader: "event-record-header"
    case .streamEventContext: "event-record-common-context"
    case .eventContext: "event-record-specific-context"
    case .payload: "event-record-payload"
    }
  }
}

/// Bits without a meaning as a number, or with names (CTF 2, 5.3.4 and 5.3.5).
public final class BitArrayType: Sendable {
  /// How they lie in the packet, as those of an unsigned integer whose bit 0 is the array's first element.
  public let bits: IntegerType
  /// Names of ranges of bits, in the metadata's order; nil for a plain bit array.
  public let flags: [(label: String, ranges: [ClosedRange<UInt64>])]?

  init(bits: IntegerType, flags: [(label: String, ranges: [ClosedRange<UInt64>])]?) {
    self.bits = bits
    self.flags = flags
  }

  /// The flags of which at least one bit is set, once each.
  ///
  /// - Parameter words: The value, ``IntegerType/words`` of the lowest first, as many as the bits take.
  public func activeFlags(_ words: UnsafePointer<UInt64>) -> [String] {
    (flags ?? []).filter { $0.ranges.contains { unsafe isAnySet(words, $0) } }.map(\.label)
  }

  private func isAnySet(_ words: UnsafePointer<UInt64>, _ range: ClosedRange<UInt64>) -> Bool {
    guard range.lowerBound < UInt64(bits.size) else { return false }
    let last = Int(min(range.upperBound, UInt64(bits.size - 1)))
    var index = Int(range.lowerBound)
    while index <= last {
      let count = min(64 - index % 64, last - index + 1)
      let mask = (count == 64 ? UInt64.max : 1 << UInt64(count) - 1) << UInt64(index % 64)
      if unsafe words[index / 64] & mask != 0 { return true }
      index += count
    }
    return false
  }
}

/// How many bytes a string or BLOB has.
enum ByteLength: Sendable {
  /// Up to a NUL of the encoding; not for BLOBs.
  case terminated
  case constant(Int)
  /// As many as an unsigned integer decoded before says.
  case location(FieldLocation)

  /// The least number of bytes, at most 2^37.
  var minimumBytes: Int {
    switch self {
    case .terminated: 1
    case .constant(let count): min(count, FieldType.largestMinimum / 8)
    case .location: 0
    }
  }
}

/// A text in one of the encodings of CTF 2 (5.3.11).
public final class TextType: Sendable {
  /// How its characters are encoded.
  public let encoding: TextEncoding
  let length: ByteLength

  init(encoding: TextEncoding, length: ByteLength) {
    self.encoding = encoding
    self.length = length
  }
}

/// Bytes of some media type (CTF 2, 5.3.15).
public final class BlobType: Sendable {
  /// The IANA media type.
  public let mediaType: String
  let length: ByteLength
  let roles: FieldRoles

  init(mediaType: String, length: ByteLength, roles: FieldRoles) {
    self.mediaType = mediaType
    self.length = length
    self.roles = roles
  }

  /// Whether it only tells a reader about the packet.
  public var hasRoles: Bool { !roles.isEmpty }
}

/// One of several options, or one or nothing, chosen by an earlier boolean or integer (CTF 2, 5.3.22 and 5.3.23).
public final class SelectionType: Sendable {
  /// An option.
  public struct Option: Sendable {
    /// Its name, if it has one.
    public let name: String?
    /// Its type.
    public let type: FieldType
    /// The selector's values that choose it; none for an optional field that a boolean enables.
    let ranges: [IntegerRange]
  }

  /// The options, one if it is an optional field.
  public let options: [Option]
  /// Whether no option may be chosen.
  public let isOptional: Bool
  let selector: FieldLocation
  let weight: Int
  let height: Int
  let minimumBits: Int

  init(options: [Option], isOptional: Bool, selector: FieldLocation) {
    height = options.reduce(0) { max($0, $1.type.height) } + 1
    self.options = options
    self.isOptional = isOptional
    self.selector = selector
    weight = options.reduce(1) { $0 + $1.type.weight }
    minimumBits = isOptional ? 0 : options.map(\.type.minimumBits).min() ?? 0
  }
}
