/// A JSON object of CTF 2 metadata, its properties asked for one by one: what nobody asks for is refused, as the
/// specification lists the properties that each object may have (section 5).
struct MetadataObject {
  /// The largest alignment taken seriously, in bits: 2^30.
  private static let maximumAlignment: UInt64 = 1 << 30

  /// What it is, for messages: `the clock class`.
  let what: String
  let line: Int
  private let file: String
  private let properties: [String: JSONValue]
  /// In the metadata's order, for objects whose names are free.
  let members: [JSONValue.Member]
  private var asked: Set<String> = []

  init(_ value: JSONValue, _ what: String, file: String) throws(TraceError) {
    guard case .object(let members) = value.kind else {
      throw TraceError(
        file: file, message: "line \(value.line): \(what) has to be an object, not \(value.description)")
    }
    self.what = what
    self.file = file
    self.members = members
    line = value.line
    properties = Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  func failure(_ message: String, _ value: JSONValue? = nil) -> TraceError {
    TraceError(file: file, message: "line \(value?.line ?? line): \(message)")
  }

  private func mismatch(_ name: String, _ wanted: String, _ value: JSONValue) -> TraceError {
    failure("'\(name)' of \(what) has to be \(wanted), not \(value.description)", value)
  }

  mutating func value(_ name: String) -> JSONValue? {
    asked.insert(name)
    return properties[name]
  }

  mutating func required(_ name: String) throws(TraceError) -> JSONValue {
    guard let value = value(name) else { throw failure("\(what) has no '\(name)'") }
    return value
  }

  mutating func string(_ name: String) throws(TraceError) -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value.kind else { throw mismatch(name, "a string", value) }
    return text
  }

  mutating func requiredString(_ name: String) throws(TraceError) -> String {
    let value = try required(name)
    guard case .string(let text) = value.kind else { throw mismatch(name, "a string", value) }
    return text
  }

  mutating func choice<T>(_ name: String, _ choices: [String: T]) throws(TraceError) -> T? {
    guard let text = try string(name) else { return nil }
    guard let choice = choices[text] else {
      throw failure(
        "'\(name)' of \(what) has to be one of \(choices.keys.sorted().joined(separator: ", ")), not "
          + "'\(text.prefix(64))'")
    }
    return choice
  }

  /// An integer from 0 to `limit`.
  mutating func unsigned(_ name: String, limit: UInt64 = UInt64.max) throws(TraceError) -> UInt64? {
    guard let value = value(name) else { return nil }
    guard case .integer(let number) = value.kind, !number.isNegative else {
      throw mismatch(name, "an integer that is not negative", value)
    }
    guard let result = number.unsigned, result <= limit else {
      throw mismatch(name, "at most \(limit)", value)
    }
    return result
  }

  mutating func requiredUnsigned(_ name: String, limit: UInt64 = UInt64.max) throws(TraceError) -> UInt64 {
    guard let result = try unsigned(name, limit: limit) else { throw failure("\(what) has no '\(name)'") }
    return result
  }

  mutating func signed(_ name: String) throws(TraceError) -> Int64? {
    guard let value = value(name) else { return nil }
    guard case .integer(let number) = value.kind, let result = number.signed else {
      throw mismatch(name, "an integer that fits in 64 bits", value)
    }
    return result
  }

  /// A power of two in bits.
  mutating func alignment(_ name: String) throws(TraceError) -> Int {
    guard let value = try unsigned(name) else { return 1 }
    guard value > 0, value & (value - 1) == 0, value <= Self.maximumAlignment else {
      throw failure("'\(name)' of \(what) has to be a power of two up to 2^30, not \(value)")
    }
    return Int(value)
  }

  mutating func array(_ name: String) throws(TraceError) -> [JSONValue]? {
    guard let value = value(name) else { return nil }
    guard case .array(let elements) = value.kind else { throw mismatch(name, "an array", value) }
    return elements
  }

  /// Ranges of integers (section 5.3.2), at least one.
  mutating func ranges(_ name: String) throws(TraceError) -> [IntegerRange]? {
    guard let value = value(name) else { return nil }
    return try ranges(value, "'\(name)' of \(what)")
  }

  /// Ranges of integers, each an array of two.
  func ranges(_ value: JSONValue, _ what: String) throws(TraceError) -> [IntegerRange] {
    guard case .array(let elements) = value.kind, !elements.isEmpty else {
      throw failure("\(what) has to be an array of at least one range", value)
    }
    var ranges: [IntegerRange] = []
    for element in elements {
      guard case .array(let ends) = element.kind, ends.count == 2, case .integer(let low) = ends[0].kind,
        case .integer(let high) = ends[1].kind
      else { throw failure("a range of \(what) has to be an array of two integers", element) }
      guard low <= high else { throw failure("a range of \(what) ends before it begins", element) }
      ranges.append(IntegerRange(low: low, high: high))
    }
    return ranges
  }

  /// The 16 numbers of a UUID.
  mutating func uuid(_ name: String) throws(TraceError) -> [UInt8]? {
    guard let elements = try array(name) else { return nil }
    var bytes: [UInt8] = []
    for element in elements {
      guard case .integer(let number) = element.kind, let byte = number.unsigned.flatMap(UInt8.init(exactly:))
      else { break }
      bytes.append(byte)
    }
    guard bytes.count == 16, elements.count == 16 else {
      throw failure("'\(name)' of \(what) has to be an array of 16 integers from 0 to 255")
    }
    return bytes
  }

  /// Attributes are ignored and extensions are refused (sections 5.1 and 5.2): none is known here, and the preamble
  /// had to declare them.
  mutating func readAttributesAndExtensions() throws(TraceError) {
    if let value = value("attributes") {
      guard case .object = value.kind else { throw mismatch("attributes", "an object", value) }
    }
    guard let value = value("extensions") else { return }
    for space in try MetadataObject(value, "'extensions' of \(what)", file: file).members {
      let extensions = try MetadataObject(
        space.value, "the extensions of '\(space.name.prefix(64))'", file: file)
      guard let name = extensions.members.first?.name else { continue }
      throw failure(
        "the trace needs the extension '\(name.prefix(64))' of '\(space.name.prefix(64))', which is unknown here",
        space.value)
    }
  }

  /// Complains about properties that nobody asked for.
  func finish() throws(TraceError) {
    for member in members where !asked.contains(member.name) {
      throw failure("\(what) has no property '\(member.name.prefix(64))'", member.value)
    }
  }
}
