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

  mutating func integer(_ attributes: [Attribute], _ line: Int) throws(TraceError) -> IntegerType {
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
      default: try ignore(attribute, of: "an integer")
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

  mutating func floatingPoint(
    _ attributes: [Attribute], _ line: Int
  ) throws(TraceError) -> FloatingPointType {
    var exponent: UInt64?
    var mantissa: UInt64?
    var type = FloatingPointType(size: 0, alignment: 8, byteOrder: nil)
    for attribute in attributes {
      switch attribute.name {
      case "exp_dig": exponent = try number(attribute)
      case "mant_dig": mantissa = try number(attribute)
      case "align": type.alignment = try checkedAlignment(try number(attribute), attribute.line)
      case "byte_order": type.byteOrder = try byteOrder(attribute)
      default: try ignore(attribute, of: "a floating-point number")
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
  mutating func checkString(_ attributes: [Attribute]) throws(TraceError) {
    for attribute in attributes {
      if attribute.name == "encoding" {
        _ = try encoding(attribute)
      } else {
        try ignore(attribute, of: "a string")
      }
    }
  }

  /// An attribute that a type does not have.
  private mutating func ignore(_ attribute: Attribute, of what: String) throws(TraceError) {
    try tolerate(attribute.line, "\(what) has no attribute '\(attribute.name.prefix(64))'", "ignored")
  }

  /// What a word, or a number, stands for. A string where a word belongs can mean only that word.
  private mutating func choice<T>(
    _ attribute: Attribute, _ choices: [String: T], _ expected: String
  ) throws(TraceError) -> T {
    let message = "'\(attribute.name)' has to be \(expected)"
    var value: T?
    switch attribute.value {
    case .path(let path): value = path.count == 1 ? choices[path[0]] : nil
    case .integer(let number, let isNegative): value = choices[isNegative ? "-\(number)" : "\(number)"]
    case .string(let text):
      value = UInt64(text) == nil ? choices[text] : nil
      if value != nil { try tolerate(attribute.line, message, "the string is read as that word") }
    }
    guard let value else { throw failure(attribute.line, message) }
    return value
  }

  private static let booleans = [
    "1": true, "true": true, "TRUE": true, "0": false, "false": false, "FALSE": false,
  ]
  private static let byteOrders: [String: ByteOrder?] = [
    "le": .little, "be": .big, "network": .big, "native": nil,
  ]
  private static let encodings = [
    "none": false, "NONE": false, "UTF8": true, "utf8": true, "ASCII": true, "ascii": true,
  ]
  private static let bases = [
    "2": 2, "binary": 2, "bin": 2, "b": 2, "8": 8, "octal": 8, "oct": 8, "o": 8, "10": 10, "decimal": 10,
    "dec": 10, "d": 10, "i": 10, "u": 10, "16": 16, "hexadecimal": 16, "hex": 16, "x": 16, "X": 16, "p": 16,
  ]

  mutating func boolean(_ attribute: Attribute) throws(TraceError) -> Bool {
    try choice(attribute, Self.booleans, "true or false")
  }

  mutating func byteOrder(_ attribute: Attribute) throws(TraceError) -> ByteOrder? {
    try choice(attribute, Self.byteOrders, "le, be, network or native")
  }

  mutating func encoding(_ attribute: Attribute) throws(TraceError) -> Bool {
    try choice(attribute, Self.encodings, "none, UTF8 or ASCII")
  }

  private mutating func base(_ attribute: Attribute) throws(TraceError) -> Int {
    try choice(attribute, Self.bases, "2, 8, 10 or 16")
  }

  /// The clock's name in `map = clock.NAME.value`.
  private mutating func clock(_ attribute: Attribute) throws(TraceError) -> String? {
    var path: [String] = []
    switch attribute.value {
    case .path(let names): path = names
    case .string(let text):
      path = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    case .integer: break
    }
    let message = "'map' has to be clock.NAME.value"
    guard path.count == 3, path[0] == "clock", path[2] == "value" else {
      throw failure(attribute.line, message)
    }
    if case .string = attribute.value {
      try tolerate(attribute.line, message, "the string is read as that")
    }
    return path[1]
  }
}
