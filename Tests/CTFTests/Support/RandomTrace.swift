@testable import CTF
@testable import Dump
@testable import Reporting

/// A trace with random types and random values: its metadata, its bytes and what a dump has to print.
///
/// The generator knows nothing of the reader: it writes bit by bit and makes the expected text on the way.
struct RandomTrace {
  private(set) var metadata = ""
  private(set) var stream: [UInt8] = []
  private(set) var lines: [String] = []

  private indirect enum Kind {
    case integer(size: Int, alignment: Int, signed: Bool, base: Int, order: ByteOrder?)
    case float(size: Int, alignment: Int, order: ByteOrder?)
    case enumeration(size: Int, signed: Bool)
    case string
    case text(Int)
    case textSequence(String)
    case array(Kind, Int)
    case sequence(Kind, String)
    case structure([(String, Kind)], alignment: Int)
    case variant(tag: String, [(String, Kind)])
  }

  private var random: Random
  private let order: ByteOrder
  private var names = 0
  private var writer = BitWriter()
  private var values: [String: UInt64] = [:]

  init(seed: UInt64) {
    random = Random(seed: seed)
    order = random.below(2) == 0 ? .little : .big
    let events = (0..<1 + random.below(4)).map { _ in structure(depth: 0) }
    let context = random.below(2) == 0 ? structure(depth: 2) : nil
    let header = ["compact", "large", "plain"][random.below(3)]
    metadata = """
      /* CTF 1.8 */
      typealias integer { size = 32; align = 8; } := uint32_t;
      trace {
        major = 1; minor = 8; byte_order = \(order == .little ? "le" : "be");
        packet.header := struct { uint32_t magic; };
      };
      env { hostname = "random"; };
      clock { name = c; freq = 1000000000; offset_s = 1000; };
      stream {
        packet.context := struct { uint32_t content_size; uint32_t packet_size; uint32_t cpu_id;
          integer { size = 64; align = 8; map = clock.c.value; } timestamp_begin;
          integer { size = 64; align = 8; map = clock.c.value; } timestamp_end; };
        event.header := \(Self.header(header));
        \(context.map { "event.context := \(declaration($0));" } ?? "")
      };

      """
    for (id, event) in events.enumerated() {
      metadata += "event { name = \"e\(id)\"; id = \(id); fields := \(declaration(event)); };\n"
    }
    var time: UInt64 = random.next() >> 30
    for packet in 0..<1 + random.below(3) {
      writePacket(packet, header, context, events, &time)
    }
  }

  private static func header(_ shape: String) -> String {
    switch shape {
    case "compact":
      """
      struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id;
        variant <id> { struct { integer { size = 27; align = 1; map = clock.c.value; } timestamp; } compact;
          struct { uint32_t id; integer { size = 64; align = 8; map = clock.c.value; } timestamp; } extended; } v;
      } align(8)
      """
    case "large":
      """
      struct { enum : integer { size = 16; align = 8; } { compact = 0 ... 65534, extended = 65535 } id;
        variant <id> { struct { integer { size = 32; align = 8; map = clock.c.value; } timestamp; } compact;
          struct { uint32_t id; integer { size = 64; align = 8; map = clock.c.value; } timestamp; } extended; } v;
      } align(8)
      """
    default:
      "struct { integer { size = 3; align = 1; } id; integer { size = 33; align = 1; map = clock.c.value; } timestamp; }"
    }
  }

  // MARK: Types

  private mutating func name() -> String {
    names += 1
    return "f\(names)"
  }

  private mutating func structure(depth: Int) -> Kind {
    var fields: [(String, Kind)] = []
    for _ in 0..<random.below(depth == 0 ? 7 : 4) {
      let name = name()
      switch random.below(9) {
      case 0:
        fields.append(("n\(name)", .integer(size: 3, alignment: 1, signed: false, base: 10, order: nil)))
        fields.append((name, .sequence(kind(depth: depth + 1), "n\(name)")))
      case 1:
        fields.append(("n\(name)", .integer(size: 5, alignment: 8, signed: false, base: 10, order: nil)))
        fields.append((name, .textSequence("n\(name)")))
      case 2:
        let signed = random.below(2) == 0
        fields.append(("n\(name)", .enumeration(size: 16, signed: signed)))
        fields.append(
          (name, .variant(tag: "n\(name)", ["low", "mid", "high"].map { ($0, kind(depth: depth + 1)) })))
      default: fields.append((name, kind(depth: depth + 1)))
      }
    }
    return .structure(fields, alignment: 1 << random.below(7))
  }

  private mutating func kind(depth: Int) -> Kind {
    switch random.below(depth > 3 ? 7 : 10) {
    case 0, 1, 2:
      let isByte = random.below(2) == 0
      // Not 61 to 63 bits: babeltrace2 2.0.4 shows those as 0 in base 16.
      let size = isByte ? 8 << random.below(4) : 1 + random.below(60)
      let alignment = isByte ? 8 << random.below(4) : 1 << random.below(6)
      // Another byte order than the trace's is only possible from byte to byte.
      let other: ByteOrder? = isByte && random.below(3) == 0 ? (random.below(2) == 0 ? .little : .big) : nil
      return .integer(
        size: size, alignment: alignment, signed: random.below(2) == 0,
        base: [2, 8, 10, 16][random.below(4)],
        order: other)
    case 3: return .float(size: 32 << random.below(2), alignment: 8, order: nil)
    // Labels go up to 1000, which has to fit.
    case 4: return .enumeration(size: 11 + random.below(54), signed: random.below(2) == 0)
    case 5: return .string
    case 6: return .text(1 + random.below(9))
    case 7: return .array(kind(depth: depth + 1), random.below(5))
    default: return structure(depth: depth)
    }
  }

  private func declaration(_ kind: Kind) -> String {
    switch kind {
    case .integer(let size, let alignment, let signed, let base, let order):
      let bytes = order.map { " byte_order = \($0 == .little ? "le" : "be");" } ?? ""
      return "integer { size = \(size); align = \(alignment); signed = \(signed); base = \(base);\(bytes) }"
    case .float(let size, let alignment, _):
      let digits = size == 32 ? (8, 24) : (11, 53)
      return "floating_point { exp_dig = \(digits.0); mant_dig = \(digits.1); align = \(alignment); }"
    case .enumeration(let size, let signed):
      let labels =
        signed ? "low = -1000 ... -1, mid, high = 1 ... 1000" : "low = 0 ... 9, mid, high = 11 ... 1000"
      return "enum : integer { size = \(size); align = 1; signed = \(signed); } { \(labels) }"
    case .string: return "string"
    case .structure(let fields, let alignment):
      let body = fields.map { member($0.0, $0.1) }.joined(separator: " ")
      return "struct { \(body) } align(\(alignment))"
    case .variant(let tag, let options):
      return "variant <\(tag)> { \(options.map { member($0.0, $0.1) }.joined(separator: " ")) }"
    default: return ""
    }
  }

  private func member(_ name: String, _ kind: Kind) -> String {
    var suffix = ""
    var kind = kind
    while true {
      switch kind {
      case .array(let element, let count):
        suffix += "[\(count)]"
        kind = element
      case .sequence(let element, let length):
        suffix += "[\(length)]"
        kind = element
      case .text(let count): return "integer { size = 8; encoding = UTF8; } \(name)\(suffix)[\(count)];"
      case .textSequence(let length):
        return "integer { size = 8; encoding = UTF8; } \(name)\(suffix)[\(length)];"
      default: return "\(declaration(kind)) \(name)\(suffix);"
      }
    }
  }

  private func alignment(_ kind: Kind) -> Int {
    switch kind {
    case .integer(_, let alignment, _, _, _), .float(_, let alignment, _): alignment
    case .enumeration, .variant: 1
    case .string, .text, .textSequence: 8
    case .array(let element, _), .sequence(let element, _): alignment(element)
    case .structure(let fields, let minimum): fields.reduce(minimum) { max($0, alignment($1.1)) }
    }
  }

  // MARK: Values

  private mutating func writePacket(
    _ number: Int, _ header: String, _ context: Kind?, _ events: [Kind], _ time: inout UInt64
  ) {
    let start = writer.bytes.count
    precondition(writer.count % 8 == 0)
    var packet = BitWriter()
    packet.integer(0xc1fc_1fc1, size: 32, order)
    packet.integer(0, size: 32, order)
    packet.integer(0, size: 32, order)
    packet.integer(UInt64(number), size: 32, order)
    packet.integer(time, size: 64, order)
    packet.integer(0, size: 64, order)
    let whole = writer
    writer = packet
    for _ in 0..<random.below(12) {
      time += UInt64(random.below(1 << 20))
      let id = random.below(events.count)
      writeHeader(header, UInt64(id), time)
      var line = "\(Self.timestamp(time)) random e\(id): { cpu_id = \(number) }"
      values = [:]
      if let context { line += ", " + write(context) }
      line += ", " + write(events[id])
      lines.append(line)
    }
    packet = writer
    let content = packet.count
    packet.align(64)
    packet.patch(4, UInt32(content), order)
    packet.patch(8, UInt32(packet.count), order)
    packet.patch(order == .little ? 24 : 28, UInt32(truncatingIfNeeded: time), order)
    packet.patch(order == .little ? 28 : 24, UInt32(time >> 32), order)
    writer = whole
    for byte in packet.bytes { writer.integer(UInt64(byte), size: 8, .little) }
    stream = writer.bytes
    precondition(stream.count == start + packet.bytes.count)
  }

  /// The part of the line that does not depend on the time zone or the line before.
  private static func timestamp(_ time: UInt64) -> String {
    let text = "\(time % 1_000_000_000)"
    return String(repeating: "0", count: 9 - text.count) + text
  }

  private mutating func writeHeader(_ shape: String, _ id: UInt64, _ time: UInt64) {
    let extended = random.below(4) == 0
    switch shape {
    case "compact", "large":
      writer.align(8)
      let size = shape == "compact" ? 5 : 16
      writer.integer(extended ? UInt64(1) << UInt64(size) - 1 : id, size: size, order)
      if extended {
        writer.align(8)
        writer.integer(id, size: 32, order)
        writer.integer(time, size: 64, order)
      } else {
        writer.integer(time, size: shape == "compact" ? 27 : 32, order)
      }
    default:
      writer.integer(id, size: 3, order)
      writer.integer(time, size: 33, order)
    }
  }

  /// Writes a random value and returns how it is printed.
  private mutating func write(_ kind: Kind, _ name: String = "") -> String {
    writer.align(alignment(kind))
    switch kind {
    case .integer(let size, _, let signed, let base, let order):
      var value = random.next() >> UInt64(random.below(64))
      if size < 64 { value &= 1 << UInt64(size) - 1 }
      // The length of a text: babeltrace2 2.0.4 shows an earlier event's string for an empty one.
      if size == 5, name.hasPrefix("n") { value |= 1 }
      writer.integer(value, size: size, order ?? self.order)
      values[name] = value
      return Self.number(value, size, signed, base)
    case .float(let size, _, let order):
      let value = Double(Int64(bitPattern: random.next()) >> 40) / 64
      let bits = size == 32 ? UInt64(Float(value).bitPattern) : value.bitPattern
      writer.integer(bits, size: size, order ?? self.order)
      var sink = ByteSink.inMemory()
      sink.float(size == 32 ? Double(Float(value)) : value)
      return String(decoding: sink.take(), as: UTF8.self)
    case .enumeration(let size, let signed): return writeEnumeration(size, signed, name)
    case .string:
      let text = (0..<1 + random.below(12)).map { _ in UInt8(0x61 + random.below(26)) }
      writer.string(text)
      return "\"\(String(decoding: text, as: UTF8.self))\""
    case .text(let count): return writeText(count)
    case .textSequence(let length): return writeText(Int(values[length] ?? 0))
    case .array(let element, let count): return writeElements(element, count)
    case .sequence(let element, let length): return writeElements(element, Int(values[length] ?? 0))
    case .structure(let fields, _):
      var shown: [String] = []
      for (name, kind) in fields { shown.append("\(name) = \(write(kind, name))") }
      return shown.isEmpty ? "{ }" : "{ \(shown.joined(separator: ", ")) }"
    case .variant(let tag, let options):
      return "{ \(write(options[Int(values[tag] ?? 0)].1)) }"
    }
  }

  private mutating func writeText(_ count: Int) -> String {
    let text = (0..<count).map { _ in UInt8(0x61 + random.below(26)) }
    for byte in text { writer.integer(UInt64(byte), size: 8, .little) }
    return "\"\(String(decoding: text, as: UTF8.self))\""
  }

  private mutating func writeElements(_ element: Kind, _ count: Int) -> String {
    var shown: [String] = []
    for index in 0..<count { shown.append("[\(index)] = \(write(element))") }
    return shown.isEmpty ? "[ ]" : "[ \(shown.joined(separator: ", ")) ]"
  }

  /// `values` keeps 0 for the label low, 1 for mid, 2 for high.
  private mutating func writeEnumeration(_ size: Int, _ signed: Bool, _ name: String) -> String {
    let option = random.below(3)
    var value: Int64 =
      switch (option, signed) {
      case (0, true): -1 - Int64(random.below(1000))
      case (1, true): 0
      case (2, true): 1 + Int64(random.below(1000))
      case (0, false): Int64(random.below(10))
      case (1, false): 10
      default: 11 + Int64(random.below(990))
      }
    // Narrow enumerations hold what fits.
    let bits = UInt64(bitPattern: value) & (size == 64 ? UInt64.max : 1 << UInt64(size) - 1)
    value = Int64(bitPattern: signed ? Bits.signed(bits, size) : bits)
    let label: String?
    let index: UInt64
    switch value {
    case signed ? -1000...(-1) : 0...9: (label, index) = ("\"low\"", 0)
    case signed ? 0...0 : 10...10: (label, index) = ("\"mid\"", 1)
    case signed ? 1...1000 : 11...1000: (label, index) = ("\"high\"", 2)
    default: (label, index) = (nil, 0)
    }
    writer.integer(bits, size: size, order)
    values[name] = index
    return "( \(label ?? "<unknown>") : container = \(value) )"
  }

  private static func number(_ value: UInt64, _ size: Int, _ signed: Bool, _ base: Int) -> String {
    let extended =
      signed && value >> UInt64(size - 1) == 1 && size < 64 ? value | ~(1 << UInt64(size) - 1) : value
    func masked(_ bits: Int) -> UInt64 { bits >= 64 ? extended : extended & (1 << UInt64(bits) - 1) }
    switch base {
    case 2:
      let digits = String(value, radix: 2)
      return "0b" + String(repeating: "0", count: size - digits.count) + digits
    case 8: return "0" + String(signed ? masked((size + 2) / 3 * 3) : value, radix: 8)
    case 16: return "0x" + String(masked((size + 3) / 4 * 4), radix: 16, uppercase: true)
    default: return signed ? "\(Int64(bitPattern: extended))" : "\(value)"
    }
  }
}
