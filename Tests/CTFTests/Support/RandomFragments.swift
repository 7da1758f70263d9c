@testable import CTF

/// A trace of CTF 2 with random field classes and random values: its metadata, its bytes and what a dump has to print.
///
/// Like ``RandomTrace``, it knows nothing of the reader: it writes bit by bit and makes the expected text on the way.
struct RandomFragments {
  private(set) var metadata: [UInt8] = []
  private(set) var stream: [UInt8] = []
  private(set) var lines: [String] = []

  private enum Length {
    case constant(Int)
    case location(path: String)
  }

  private indirect enum Kind {
    case number(
      size: Int, alignment: Int, signed: Bool, base: Int, order: ByteOrder, reversed: Bool, labels: Bool)
    case variable(signed: Bool, base: Int, labels: Bool)
    case bits(size: Int, order: ByteOrder, reversed: Bool, isBoolean: Bool)
    case text(encoding: String, Length?)
    case blob(Length)
    case array(Kind, Length, alignment: Int)
    case structure([(String, Kind)], alignment: Int)
    case optional(Kind, selector: String, isBoolean: Bool)
    case variant([Kind], selector: String)
  }

  private var random: Random
  private let order: ByteOrder
  private var names = 0
  private var writer = BitWriter()
  /// What was written last of the numbers that others depend on, by name: names are unique.
  private var values: [String: Int] = [:]

  init(seed: UInt64) {
    random = Random(seed: seed)
    order = random.below(2) == 0 ? .little : .big
    let events = (0..<1 + random.below(3)).map { _ in structure(depth: 0) }
    let id = "{\"type\":\"variable-length-unsigned-integer\",\"roles\":[\"event-record-class-id\"]}"
    var fragments = [
      "{\"type\":\"preamble\",\"version\":2}",
      "{\"type\":\"data-stream-class\",\"event-record-header-field-class\":{\"type\":\"structure\",\"member-classes\":"
        + "[{\"name\":\"id\",\"field-class\":\(id)}]}}",
    ]
    for (index, event) in events.enumerated() {
      fragments.append(
        "{\"type\":\"event-record-class\",\"id\":\(index * 100),\"name\":\"e\(index)\",\"payload-field-class\":"
          + "\(fieldClass(event))}")
    }
    for fragment in fragments { metadata += [0x1e] + Array(fragment.utf8) + [0x0a] }
    for _ in 0..<1 + random.below(12) {
      let index = random.below(events.count)
      writer.align(8)
      leb128(UInt64(index * 100), signed: false)
      lines.append("e\(index): \(write(events[index]))")
    }
    // A byte that no event fits in would be one too many.
    writer.align(8)
    stream = writer.bytes
  }

  // MARK: Types

  private mutating func name() -> String {
    names += 1
    return "f\(names)"
  }

  private mutating func structure(depth: Int) -> Kind {
    var members: [(String, Kind)] = []
    for _ in 0..<1 + random.below(depth == 0 ? 7 : 4) { add(kind(depth: depth, &members), to: &members) }
    return .structure(members, alignment: 1 << random.below(6))
  }

  private mutating func add(_ kind: Kind, to members: inout [(String, Kind)]) {
    members.append((name(), kind))
  }

  /// A field that others can depend on, in front of them.
  private mutating func dependency(_ kind: Kind, _ members: inout [(String, Kind)]) -> String {
    add(kind, to: &members)
    return members[members.count - 1].0
  }

  private mutating func length(_ limit: Int, _ members: inout [(String, Kind)]) -> Length {
    if random.below(2) == 0 { return .constant(random.below(limit)) }
    let counter: Kind =
      random.below(2) == 0
      ? .variable(signed: false, base: 10, labels: false)
      : .number(size: 8, alignment: 1, signed: false, base: 10, order: order, reversed: false, labels: false)
    return .location(path: dependency(counter, &members))
  }

  private mutating func kind(depth: Int, _ members: inout [(String, Kind)]) -> Kind {
    let base = [2, 8, 10, 16][random.below(4)]
    let isWhole = random.below(3) == 0
    let size = isWhole ? 8 * (1 + random.below(8)) : 1 + random.below(64)
    // Only fields of whole bytes may have the other order: it must not change inside a byte.
    let other = order == .little ? ByteOrder.big : .little
    let own = isWhole && random.below(2) == 0 ? other : order
    let reversed = random.below(3) == 0
    switch random.below(depth < 3 ? 11 : 6) {
    case 0, 1:
      return .number(
        size: size, alignment: isWhole ? 8 << random.below(3) : 1 << random.below(5),
        signed: random.below(2) == 0,
        base: base, order: own, reversed: reversed, labels: random.below(4) == 0)
    case 2: return .variable(signed: random.below(2) == 0, base: base, labels: random.below(4) == 0)
    case 3:
      return .bits(
        size: size, order: isWhole ? order : own, reversed: reversed, isBoolean: random.below(2) == 0)
    case 4:
      let encoding = ["utf-8", "utf-16be", "utf-16le", "utf-32be", "utf-32le"][random.below(5)]
      let unit = encoding == "utf-8" ? 1 : encoding.hasPrefix("utf-16") ? 2 : 4
      guard random.below(3) > 0 else { return .text(encoding: encoding, nil) }
      if random.below(2) == 0 { return .text(encoding: encoding, .constant(unit * random.below(6))) }
      guard case .location(let path) = length(1, &members) else {
        return .text(encoding: encoding, .constant(0))
      }
      return .text(encoding: encoding, .location(path: path))
    case 5: return .blob(length(6, &members))
    case 6, 7:
      return .array(
        kind(depth: depth + 1, &members), length(5, &members), alignment: 1 << random.below(6))
    case 8: return structure(depth: depth + 1)
    case 9:
      let isBoolean = random.below(2) == 0
      let selector = dependency(
        isBoolean
          ? .bits(size: 8, order: order, reversed: false, isBoolean: true)
          : .variable(signed: true, base: 10, labels: false), &members)
      return .optional(kind(depth: depth + 1, &members), selector: selector, isBoolean: isBoolean)
    default:
      let selector = dependency(.variable(signed: false, base: 10, labels: false), &members)
      let options = (0..<1 + random.below(3)).map { _ in kind(depth: depth + 1, &members) }
      return .variant(options, selector: selector)
    }
  }

  // MARK: Metadata

  private func location(_ name: String) -> String { "{\"path\":[\"\(name)\"]}" }

  private func length(_ length: Length) -> (kind: String, text: String) {
    switch length {
    case .constant(let count): ("static", "\"length\":\(count)")
    case .location(let path): ("dynamic", "\"length-field-location\":\(absolute(path))")
    }
  }

  /// Where a field is, from the root of the payload: the dependency stands right before, so its own structure has it,
  /// however many arrays, options and variants are in between.
  private func absolute(_ name: String) -> String { location(name) }

  private static let labels = "\"mappings\":{\"small\":[[0,9]],\"some\":[[5,20],[40,60]]}"

  private func fixed(_ size: Int, _ alignment: Int, _ order: ByteOrder, _ reversed: Bool) -> String {
    let isLastFirst = (order == .big) != reversed
    return "\"length\":\(size),\"alignment\":\(alignment),"
      + "\"byte-order\":\"\(order == .little ? "little" : "big")-endian\""
      + (reversed ? ",\"bit-order\":\"\(isLastFirst ? "last-to-first" : "first-to-last")\"" : "")
  }

  private func fieldClass(_ kind: Kind) -> String {
    switch kind {
    case .number(let size, let alignment, let signed, let base, let order, let reversed, let labels):
      "{\"type\":\"fixed-length-\(signed ? "" : "un")signed-integer\",\(fixed(size, alignment, order, reversed)),"
        + "\"preferred-display-base\":\(base)\(labels ? "," + Self.labels : "")}"
    case .variable(let signed, let base, let labels):
      "{\"type\":\"variable-length-\(signed ? "" : "un")signed-integer\",\"preferred-display-base\":\(base)"
        + "\(labels ? "," + Self.labels : "")}"
    case .bits(let size, let order, let reversed, let isBoolean):
      "{\"type\":\"fixed-length-\(isBoolean ? "boolean" : "bit-array")\",\(fixed(size, 1, order, reversed))}"
    case .text(let encoding, let length):
      if let (kind, text) = length.map({ self.length($0) }) {
        "{\"type\":\"\(kind)-length-string\",\"encoding\":\"\(encoding)\",\(text)}"
      } else {
        "{\"type\":\"null-terminated-string\",\"encoding\":\"\(encoding)\"}"
      }
    case .blob(let length):
      "{\"type\":\"\(self.length(length).kind)-length-blob\",\(self.length(length).text)}"
    case .array(let element, let length, let alignment):
      "{\"type\":\"\(self.length(length).kind)-length-array\",\(self.length(length).text),"
        + "\"minimum-alignment\":\(alignment),\"element-field-class\":\(fieldClass(element))}"
    case .structure(let members, let alignment):
      "{\"type\":\"structure\",\"minimum-alignment\":\(alignment),\"member-classes\":["
        + members.map { "{\"name\":\"\($0.0)\",\"field-class\":\(fieldClass($0.1))}" }.joined(separator: ",")
        + "]}"
    case .optional(let content, let selector, let isBoolean):
      "{\"type\":\"optional\",\"selector-field-location\":\(absolute(selector)),"
        + (isBoolean ? "" : "\"selector-field-ranges\":[[-5,-1],[3,3]],")
        + "\"field-class\":\(fieldClass(content))}"
    case .variant(let options, let selector):
      "{\"type\":\"variant\",\"selector-field-location\":\(absolute(selector)),\"options\":["
        + options.enumerated().map {
          "{\"selector-field-ranges\":[[\($0 * 10),\($0 * 10)],[\($0 * 10 + 300),\($0 * 10 + 305)]],\"field-class\":\(fieldClass($1))}"
        }.joined(separator: ",") + "]}"
    }
  }

  // MARK: Values

  /// The alignment that the specification gives to a field (section 6.4.1).
  private func alignment(_ kind: Kind) -> Int {
    switch kind {
    case .number(_, let alignment, _, _, _, _, _): alignment
    case .variable, .text, .blob: 8
    case .bits, .optional, .variant: 1
    case .array(let element, _, let alignment): max(alignment, self.alignment(element))
    case .structure(let members, let alignment): members.reduce(alignment) { max($0, self.alignment($1.1)) }
    }
  }

  private mutating func leb128(_ value: UInt64, signed: Bool) {
    var rest = value
    while true {
      let low = rest & 0x7f
      rest = signed ? UInt64(bitPattern: Int64(bitPattern: rest) >> 7) : rest >> 7
      let isLast = signed ? (rest == 0 && low < 64) || (rest == UInt64.max && low >= 64) : rest == 0
      writer.integer(isLast ? low : low | 0x80, size: 8, .little)
      if isLast { return }
    }
  }

  private func label(_ text: String, _ value: Int64) -> String {
    let names =
      ((0...9).contains(value) ? ["\"small\""] : [])
      + ((5...20).contains(value) || (40...60).contains(value) ? ["\"some\""] : [])
    return "( \(names.isEmpty ? "<unknown>" : names.joined(separator: ", ")) : container = \(text) )"
  }

  private func shown(_ value: UInt64, _ size: Int, _ signed: Bool, _ base: Int) -> String {
    let masked = size == 64 ? value : value & (1 << UInt64(size) - 1)
    func digits(_ bitsPerDigit: Int) -> UInt64 {
      let bits = (size + bitsPerDigit - 1) / bitsPerDigit * bitsPerDigit
      return bits >= 64 ? value : value & (1 << UInt64(bits) - 1)
    }
    switch base {
    case 2:
      let text = String(masked, radix: 2)
      return "0b" + String(repeating: "0", count: size - text.utf8.count) + text
    case 8: return "0" + String(signed ? digits(3) : value, radix: 8)
    case 16: return "0x" + String(digits(4), radix: 16, uppercase: true)
    default: return signed ? "\(Int64(bitPattern: value))" : "\(value)"
    }
  }

  private func backwards(_ value: UInt64, _ size: Int) -> UInt64 {
    (0..<size).reduce(0) { $0 | (value >> UInt64($1) & 1) << UInt64(size - 1 - $1) }
  }

  /// A number of elements or bytes, and what was written for it before.
  private func count(_ length: Length) -> Int {
    switch length {
    case .constant(let count): count
    case .location(let path): values[path] ?? 0
    }
  }

  private mutating func write(_ kind: Kind, name: String = "", wanted: Int? = nil) -> String {
    writer.align(alignment(kind))
    switch kind {
    case .number(let size, _, let signed, let base, let order, let reversed, let labels):
      var raw = wanted.map { UInt64($0) } ?? random.next() >> UInt64(random.below(64))
      if size < 64 { raw &= 1 << UInt64(size) - 1 }
      writer.integer(reversed ? backwards(raw, size) : raw, size: size, order)
      let isNegative = signed && raw >> UInt64(size - 1) & 1 == 1
      let value = isNegative && size < 64 ? raw | UInt64.max << UInt64(size) : raw
      let text = shown(value, size, signed, base)
      return labels ? label(text, !signed && value > UInt64(Int64.max) ? -1 : Int64(bitPattern: value)) : text
    case .variable(let signed, let base, let labels):
      var value = wanted.map { UInt64(bitPattern: Int64($0)) } ?? random.next() >> UInt64(random.below(64))
      if wanted == nil, signed, random.below(2) == 0 { value = 0 &- value }
      leb128(value, signed: signed)
      let text = shown(value, 64, signed, base)
      return labels ? label(text, !signed && value > UInt64(Int64.max) ? -1 : Int64(bitPattern: value)) : text
    case .bits(let size, let order, let reversed, let isBoolean):
      var raw = wanted.map { UInt64($0) } ?? random.next() >> UInt64(random.below(64))
      if size < 64 { raw &= 1 << UInt64(size) - 1 }
      writer.integer(reversed ? backwards(raw, size) : raw, size: size, order)
      return isBoolean ? (raw == 0 ? "false" : "true") : "0x" + String(raw, radix: 16, uppercase: true)
    case .text(let encoding, let length): return text(encoding, length)
    case .blob(let length):
      let bytes = (0..<count(length)).map { _ in UInt64(random.below(256)) }
      for byte in bytes { writer.integer(byte, size: 8, .little) }
      return "0x" + bytes.map { shown($0 | 0x100, 64, false, 16).suffix(2) }.joined()
    case .array(let element, let length, _):
      let texts = (0..<count(length)).map { "[\($0)] = \(write(element))" }
      return texts.isEmpty ? "[ ]" : "[ " + texts.joined(separator: ", ") + " ]"
    case .structure(let members, _):
      var texts: [String] = []
      for (index, member) in members.enumerated() {
        let wanted = self.wanted(member.0, members[(index + 1)...])
        if let wanted { values[member.0] = wanted }
        texts.append("\(member.0) = \(write(member.1, name: member.0, wanted: wanted))")
      }
      return "{ " + texts.joined(separator: ", ") + " }"
    case .optional(let content, let selector, let isBoolean):
      let value = values[selector] ?? 0
      let isThere = isBoolean ? value != 0 : (-5 ... -1).contains(value) || value == 3
      return isThere ? "{ \(write(content)) }" : "<none>"
    case .variant(let options, let selector):
      let value = values[selector] ?? 0
      return "{ \(write(options[(value % 300) / 10])) }"
    }
  }

  /// The value for a field that others depend on; nil when none does.
  private mutating func wanted(_ name: String, _ later: ArraySlice<(String, Kind)>) -> Int? {
    for member in later { if let value = wanted(name, in: member.1) { return value } }
    return nil
  }

  private mutating func wanted(_ name: String, in kind: Kind) -> Int? {
    switch kind {
    case .text(let encoding, .location(path: name)?):
      return random.below(6) * (encoding == "utf-8" ? 1 : encoding.hasPrefix("utf-16") ? 2 : 4)
    case .blob(.location(path: name)): return random.below(6)
    case .array(_, .location(path: name), _): return random.below(5)
    case .array(let element, _, _): return wanted(name, in: element)
    case .optional(_, name, let isBoolean): return isBoolean ? random.below(3) : random.below(12) - 7
    case .optional(let content, _, _): return wanted(name, in: content)
    case .variant(let options, name):
      return random.below(options.count) * 10 + (random.below(2) == 0 ? 0 : 300 + random.below(6))
    case .variant(let options, _):
      for option in options { if let value = wanted(name, in: option) { return value } }
      return nil
    default: return nil
    }
  }

  private mutating func text(_ encoding: String, _ length: Length?) -> String {
    let unit = encoding == "utf-8" ? 1 : encoding.hasPrefix("utf-16") ? 2 : 4
    let room = length.map { count($0) }
    var shown = ""
    var units: [UInt64] = []
    let alphabet: [UnicodeScalar] = ["a", "Z", " ", "é", "€", "😀"]
    for _ in 0..<random.below(6) {
      let scalar = alphabet[random.below(alphabet.count)]
      let more: [UInt64] =
        switch unit {
        case 1: String(Character(scalar)).utf8.map { UInt64($0) }
        case 2: String(Character(scalar)).utf16.map { UInt64($0) }
        default: [UInt64(scalar.value)]
        }
      if let room, (units.count + more.count) * unit > room { break }
      units += more
      shown.unicodeScalars.append(scalar)
    }
    let order: ByteOrder = encoding.hasSuffix("le") ? .little : .big
    func put(_ value: UInt64, _ writer: inout BitWriter) {
      for index in 0..<unit {
        let place = order == .little ? index : unit - 1 - index
        writer.integer(value >> UInt64(8 * place) & 0xff, size: 8, .little)
      }
    }
    for value in units { put(value, &writer) }
    if let room {
      // A NUL ends it, and garbage follows.
      for index in units.count..<max(units.count, room / unit) {
        put(index == units.count ? 0 : 0x41, &writer)
      }
    } else {
      put(0, &writer)
    }
    return "\"\(shown)\""
  }
}
