/// Integers, floating-point numbers and the attributes that basic types share.
extension Parser {
  /// The largest alignment taken seriously, in bits: 2^30.
  private static let maximumAlignment = 1 << 30

  func checkedAlignment(_ value: UInt64, _ line: Int) throws(TraceError) -> Int {
    guard value > 0, value & (value - 1) == 0, value <= UInt64(Self.maximumAlignment) else {
      throw failure(line, "the alignment \(value) is not a power of two up to 2^30")
    }
    return Int(value)
  }

  func integer(_ attributes: [Attribute], _ line: Int) throws(TraceError) -> IntegerType {
    var size: UInt64?
    var alignment: Int?
    var type = IntegerType(
      size: 0, alignment: 1, isSigned: false, byteOrder: nil, base: 10, isText: false, clock: nil)
    for attribute in attributes {
      switch attribute.name {
      case "size": size = try number(attribute)
      case "align": alignment = try checkedAlignment(try number(attribute), attribute.line)
      case "signed": type.isSigned = try boolean(attribute)
      case "byte_order": type.byteOrder = try byteOrder(attribute)
      case "base": type.base = try base(attribute)
      case "encoding": type.isText = try encoding(attribute)
      case "map": type.clock = try clock(attribute)
      default: throw failure(attribute.line, "an integer has no attribute '\(attribute.name.prefix(64))'")
      }
    }
    guard let size else { throw failure(line, "an integer has no size") }
    guard size >= 1 else { throw failure(line, "an integer's size has to be at least 1 bit") }
    guard size <= UInt64(IntegerType.maximumSize) else {
      throw failure(
        line, "an integer of \(size) bits; only sizes up to \(IntegerType.maximumSize) can be read")
    }
    type.size = Int(size)
    type.alignment = alignment ?? (size % 8 == 0 ? 8 : 1)
    return type
  }

  func floatingPoint(_ attributes: [Attribute], _ line: Int) throws(TraceError) -> FloatingPointType {
    var exponent: UInt64?
    var mantissa: UInt64?
    var type = FloatingPointType(size: 0, alignment: 8, byteOrder: nil)
    for attribute in attributes {
      switch attribute.name {
      case "exp_dig": exponent = try number(attribute)
      case "mant_dig": mantissa = try number(attribute)
      case "align": type.alignment = try checkedAlignment(try number(attribute), attribute.line)
      case "byte_order": type.byteOrder = try byteOrder(attribute)
      default:
        throw failure(
          attribute.line, "a floating-point number has no attribute '\(attribute.name.prefix(64))'")
      }
    }
    guard let exponent, let mantissa else {
      throw failure(line, "a floating-point number needs exp_dig and mant_dig")
    }
    let (bits, overflow) = exponent.addingReportingOverflow(mantissa)
    let isLarge = overflow || bits > UInt64(IntegerType.maximumSize)
    guard !isLarge, FloatingPointType.isSize(bits), FloatingPointType.exponentBits(Int(bits)) == exponent
    else {
      throw failure(
        line,
        """
        no IEEE 754 number of up to \(IntegerType.maximumSize) bits has exp_dig \(exponent) and mant_dig \(mantissa); \
        the usual ones have 5 and 11, 8 and 24, 11 and 53, or 15 and 113
        """)
    }
    type.size = Int(bits)
    return type
  }

  func number(_ attribute: Attribute) throws(TraceError) -> UInt64 {
    guard case .integer(let value, false) = attribute.value else {
      throw failure(attribute.line, "'\(attribute.name)' has to be a number, not negative")
    }
    return value
  }

  /// A string has no other attribute than its encoding.
  func checkString(_ attributes: [Attribute]) throws(TraceError) {
    for attribute in attributes {
      guard attribute.name == "encoding" else {
        throw failure(attribute.line, "a string has no attribute '\(attribute.name.prefix(64))'")
      }
      _ = try encoding(attribute)
    }
  }

  /// A word or a number as a text; a string means nothing where a word is expected.
  private func word(_ attribute: Attribute) -> String? {
    switch attribute.value {
    case .path(let path): path.count == 1 ? path[0] : nil
    case .string: nil
    case .integer(let value, let isNegative): isNegative ? "-\(value)" : "\(value)"
    }
  }

  func boolean(_ attribute: Attribute) throws(TraceError) -> Bool {
    switch word(attribute) {
    case "1", "true", "TRUE": return true
    case "0", "false", "FALSE": return false
    default: throw failure(attribute.line, "'\(attribute.name)' has to be true or false")
    }
  }

  func byteOrder(_ attribute: Attribute) throws(TraceError) -> ByteOrder? {
    switch word(attribute) {
    case "le": return .little
    case "be", "network": return .big
    case "native": return nil
    default: throw failure(attribute.line, "'byte_order' has to be le, be, network or native")
    }
  }

  func encoding(_ attribute: Attribute) throws(TraceError) -> Bool {
    switch word(attribute) {
    case "none", "NONE": return false
    case "UTF8", "utf8", "ASCII", "ascii": return true
    default: throw failure(attribute.line, "'encoding' has to be none, UTF8 or ASCII")
    }
  }

  private func base(_ attribute: Attribute) throws(TraceError) -> Int {
    switch word(attribute) {
    case "2", "binary", "bin", "b": return 2
    case "8", "octal", "oct", "o": return 8
    case "10", "decimal", "dec", "d", "i", "u": return 10
    case "16", "hexadecimal", "hex", "x", "X", "p": return 16
    default: throw failure(attribute.line, "'base' has to be 2, 8, 10 or 16")
    }
  }

  /// The clock's name in `map = clock.NAME.value`.
  private func clock(_ attribute: Attribute) throws(TraceError) -> String? {
    guard case .path(let path) = attribute.value, path.count == 3, path[0] == "clock", path[2] == "value"
    else {
      throw failure(attribute.line, "'map' has to be clock.NAME.value")
    }
    return path[1]
  }
}
