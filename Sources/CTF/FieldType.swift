import Glibc

/// The type of a field (CTF 1.8, section 4; CTF 2, section 5.3), names resolved, references to other fields still by
/// name.
public indirect enum FieldType: Sendable {
  /// An integer (section 4.1.5).
  case integer(IntegerType)
  /// An IEEE 754 number (section 4.1.7).
  case floatingPoint(FloatingPointType)
  /// An integer with labels (section 4.1.8).
  case enumeration(EnumerationType)
  /// Bytes up to a NUL (section 4.2.5).
  case string
  /// Elements of one type, a constant number or as many as an earlier field says (sections 4.2.3 and 4.2.4).
  case array(ArrayType)
  /// Named fields (section 4.2.1).
  case structure(StructureType)
  /// One of several options, chosen by an enumeration (section 4.2.2).
  case variant(VariantType)
  /// Whether any bit of an integer is set (CTF 2, 5.3.6).
  case boolean(IntegerType)
  /// Bits, possibly with names (CTF 2, 5.3.4 and 5.3.5).
  case bitArray(BitArrayType)
  /// A text of CTF 2 (5.3.11); UTF-8 up to a NUL is a `string`.
  case text(TextType)
  /// Bytes (CTF 2, 5.3.15).
  case blob(BlobType)
  /// An optional field or a variant of CTF 2 (5.3.22 and 5.3.23).
  case selection(SelectionType)

  /// The alignment of the first bit, in bits, a power of two.
  public var alignment: Int {
    switch self {
    case .integer(let type): type.alignment
    case .floatingPoint(let type): type.alignment
    case .enumeration(let type): type.container.alignment
    case .string: 8
    case .array(let type): type.alignment
    case .structure(let type): type.alignment
    case .variant, .selection: 1
    case .boolean(let type): type.alignment
    case .bitArray(let type): type.bits.alignment
    case .text, .blob: 8
    }
  }

  /// How many types this one consists of, all nested ones counted each time they occur: types can name each other so
  /// that this grows exponentially.
  var weight: Int {
    switch self {
    case .integer, .floatingPoint, .enumeration, .string, .boolean, .bitArray, .text, .blob: 1
    case .array(let type): type.element.weight + 1
    case .structure(let type): type.weight
    case .variant(let type): type.weight
    case .selection(let type): type.weight
    }
  }

  /// How many types are nested in the deepest place, this one included.
  var height: Int {
    switch self {
    case .array(let type): type.height
    case .structure(let type): type.height
    case .variant(let type): type.height
    case .selection(let type): type.height
    default: 1
    }
  }

  /// The least number of bits that a value can take, not counting alignment, at most 2^40.
  var minimumBits: Int {
    switch self {
    case .integer(let type): type.minimumBits
    case .enumeration(let type): type.container.minimumBits
    case .floatingPoint(let type): type.size
    case .string: 8
    case .array(let type): type.minimumBits
    case .structure(let type): type.minimumBits
    case .variant(let type): type.minimumBits
    case .selection(let type): type.minimumBits
    case .boolean(let type): type.size
    case .bitArray(let type): type.bits.size
    case .text(let type): type.length.minimumBytes * 8
    case .blob(let type): type.length.minimumBytes * 8
    }
  }

  static let largestMinimum = 1 << 40
}

/// An integer.
public struct IntegerType: Sendable, Equatable {
  /// The largest size in bits: the specification has no limit, but printing takes time quadratic in the size.
  public static let maximumSize = 1 << 16

  /// Size in bits, 1 to ``maximumSize``.
  public var size: Int
  /// Alignment in bits, a power of two.
  public var alignment: Int
  /// Whether it is two's complement.
  public var isSigned: Bool
  /// nil: the trace's byte order.
  public var byteOrder: ByteOrder?
  /// The base that a person wants to see it in: 2, 8, 10 or 16.
  public var base: Int
  /// Whether it is a character.
  public var isText: Bool
  /// The name of the clock that it is a value of.
  public var clock: String?
  /// Whether the bit that comes first by the byte order is the last one of the value (CTF 2, `bit-order`).
  public var isReversed = false
  /// Whether it is encoded as LEB128 (CTF 2, 5.3.10); `size` is 64 then, the largest that can be read.
  public var isVariableLength = false
  /// What it tells a reader (CTF 2).
  public var roles: FieldRoles = []

  var minimumBits: Int { isVariableLength ? 8 : size }

  /// The number of 64-bit words of a decoded value, the least significant one first.
  public var words: Int { (size + 63) / 64 }
}

/// A floating-point number in one of the binary interchange formats of IEEE 754-2008.
public struct FloatingPointType: Sendable {
  /// Size in bits: 16, 32, 64, 128, or a larger multiple of 32, up to ``IntegerType/maximumSize``.
  public var size: Int
  /// Alignment in bits, a power of two.
  public var alignment: Int
  /// nil: the trace's byte order.
  public var byteOrder: ByteOrder?
  /// Whether the bit that comes first by the byte order is the last one of the value (CTF 2, `bit-order`).
  public var isReversed = false

  /// The number of 64-bit words of a decoded value: one with the bits of a `Double`; from 128 bits on those of the
  /// number itself, the least significant ones first.
  public var words: Int { size > 64 ? (size + 63) / 64 : 1 }

  /// Whether there is an interchange format of that many bits.
  static func isSize(_ bits: UInt64) -> Bool {
    [16, 32, 64].contains(bits) || bits >= 128 && bits % 32 == 0
  }

  /// How many of a number's bits are the exponent's (IEEE 754-2008, 3.6).
  ///
  /// - Parameter bits: The size of an interchange format.
  public static func exponentBits(_ bits: Int) -> Int {
    switch bits {
    case ...16: 5
    case ...32: 8
    case ...64: 11
    default: Int((4 * log2(Double(bits))).rounded()) - 13
    }
  }
}

/// An integer with labels for ranges of values.
public final class EnumerationType: Sendable {
  /// A label and its range, ends included, as bit patterns: signed like the container.
  public struct Mapping: Sendable {
    /// The label.
    public let label: String
    /// The smallest value.
    public let low: UInt64
    /// The largest value.
    public let high: UInt64
  }

  /// The integer.
  public let container: IntegerType
  /// All mappings in the metadata's order.
  public let mappings: [Mapping]

  init(container: IntegerType, mappings: [Mapping]) {
    self.container = container
    self.mappings = mappings
  }

  /// The mappings whose labels are names of a variant's options, in the order of the options.
  func mappings(selecting variant: VariantType) -> [(option: Int, mapping: Int)] {
    var found: [(option: Int, mapping: Int)] = []
    for (index, mapping) in mappings.enumerated() {
      if let option = variant.index(of: mapping.label) { found.append((option, index)) }
    }
    return found.sorted { $0 < $1 }
  }

  /// Whether a value, sign-extended or zero-extended like the container, lies in a mapping.
  @inline(__always)
  public func contains(_ mapping: Mapping, _ value: UInt64) -> Bool {
    if container.isSigned {
      let number = Int64(bitPattern: value)
      return number >= Int64(bitPattern: mapping.low) && number <= Int64(bitPattern: mapping.high)
    }
    return value >= mapping.low && value <= mapping.high
  }
}

/// Elements of one type.
public final class ArrayType: Sendable {
  /// The largest constant length: no file has room for more.
  static let maximumLength: UInt64 = 1 << 48

  /// How many elements there are.
  public enum Length: Sendable {
    /// Always that many.
    case constant(Int)
    /// As many as the named integer, decoded earlier, says.
    case reference([String])
    /// As many as an integer decoded earlier says (CTF 2).
    case location(Location)
  }

  /// Where the length is.
  public struct Location: Sendable {
    let location: FieldLocation
  }

  /// The type of each element.
  public let element: FieldType
  /// How many there are.
  public let length: Length
  /// Where a relative length is; nil when its use has to tell.
  let anchor: Anchor?
  /// Alignment of the first bit, in bits, a power of two.
  public let alignment: Int
  let minimumBits: Int
  let height: Int

  init(element: FieldType, length: Length, anchor: Anchor? = nil, minimumAlignment: Int = 1) {
    self.element = element
    self.length = length
    self.anchor = anchor
    height = element.height + 1
    alignment = max(minimumAlignment, element.alignment)
    minimumBits =
      switch length {
      case .constant(let count):
        count == 0
          ? 0
          : min(FieldType.largestMinimum, min(element.minimumBits, FieldType.largestMinimum / count) * count)
      case .reference, .location: 0
      }
  }

  /// Whether the elements are characters, so that the whole is a text that ends at a NUL, if there is one.
  public var isText: Bool {
    guard case .integer(let type) = element else { return false }
    return type.isText && type.size == 8 && type.alignment == 8
  }
}

/// Named fields, one after the other.
public final class StructureType: Sendable {
  /// The fields in order. A leading underscore, which tracers add to avoid reserved words, is removed.
  public let fields: [(name: String, type: FieldType)]
  /// The names as the metadata has them.
  let originalNames: [String]
  /// Alignment in bits, a power of two, the largest of the fields' or more.
  public let alignment: Int
  /// What anchors know it by; 0 when nothing refers to its fields by anchors.
  let id: Int
  let weight: Int
  let minimumBits: Int
  let height: Int
  private let names: NameIndex

  /// - Parameter isVerbatim: Names are shown as they are (CTF 2).
  init(
    fields: [(name: String, type: FieldType)], minimumAlignment: Int, id: Int = 0, isVerbatim: Bool = false
  ) {
    self.id = id
    originalNames = fields.map(\.name)
    names = NameIndex(originalNames)
    height = fields.reduce(0) { max($0, $1.type.height) } + 1
    self.fields = isVerbatim ? fields : fields.map { (shownName($0.name), $0.type) }
    alignment = fields.reduce(minimumAlignment) { max($0, $1.type.alignment) }
    weight = fields.reduce(1) { $0 + $1.type.weight }
    minimumBits = fields.reduce(0) { min(FieldType.largestMinimum, $0 + $1.type.minimumBits) }
  }

  deinit { if height > Teardown.depth { Teardown.release(fields.map(\.type)) } }

  /// The field that a path means by a name.
  func index(of name: String) -> Int? { names.index(of: name, in: originalNames) }

  /// The names of the fields, no two alike: an underscore in front is kept where the name without it is that of another
  /// field.
  public var distinctNames: [String] {
    var names = fields.map(\.name)
    var holders = Dictionary(grouping: names.indices) { names[$0] }
    var clashes = holders.filter { $1.count > 1 }.map(\.key)
    while let name = clashes.popLast() {
      for index in holders[name] ?? [] where originalNames[index] != name {
        let original = originalNames[index]
        names[index] = original
        holders[original, default: []].append(index)
        if holders[original]?.count == 2 { clashes.append(original) }
      }
      holders[name]?.removeAll { names[$0] != name }
    }
    return names
  }
}

/// One of several options.
public final class VariantType: Sendable {
  /// The enumeration that chooses, by name; nil until the variant is used in a field.
  let tag: [String]?
  /// Where a relative tag is; nil when its use has to tell.
  let anchor: Anchor?
  /// The options; names as for structures.
  public let options: [(name: String, type: FieldType)]
  let originalNames: [String]
  let weight: Int
  let minimumBits: Int
  let height: Int
  private let names: NameIndex

  init(tag: [String]?, options: [(name: String, type: FieldType)]) {
    self.tag = tag
    anchor = nil
    height = options.reduce(0) { max($0, $1.type.height) } + 1
    weight = options.reduce(1) { $0 + $1.type.weight }
    minimumBits = options.map(\.type.minimumBits).min() ?? 0
    originalNames = options.map(\.name)
    names = NameIndex(originalNames)
    self.options = options.map { (shownName($0.name), $0.type) }
  }

  private init(tag: [String], anchor: Anchor?, of other: VariantType) {
    self.tag = tag
    self.anchor = anchor
    height = other.height
    names = other.names
    options = other.options
    weight = other.weight
    minimumBits = other.minimumBits
    originalNames = other.originalNames
  }

  deinit { if height > Teardown.depth { Teardown.release(options.map(\.type)) } }

  func tagged(_ tag: [String], anchor: Anchor? = nil) -> VariantType {
    VariantType(tag: tag, anchor: anchor, of: self)
  }

  /// The option that a path means by a name.
  func index(of name: String) -> Int? { names.index(of: name, in: originalNames) }
}

/// A field's name without the underscore that tracers put in front.
func shownName(_ name: String) -> String {
  name.utf8.first == UInt8(ascii: "_") && name.utf8.count > 1 ? String(name.dropFirst()) : name
}
