@testable import CTF

/// Writes the metadata of a trace of CTF 1.8 in the layout of LTTng 2.14 and 2.15: every type is spelled out where it is
/// used, no structure but empty ones has an alignment of its own, labels are strings, and those of the event header's
/// enumeration come in the order of a hash table. The same data files can be read with either.
struct TSDLWriter {
  private let model: TraceModel
  /// Whether labels come in the opposite order.
  private var isReversed = false

  static func metadata(_ model: TraceModel) -> String {
    var writer = TSDLWriter(model: model)
    return writer.text()
  }

  private init(model: TraceModel) { self.model = model }

  private func quoted(_ text: String) -> String {
    "\""
      + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
  }

  private func uuid(_ bytes: [UInt8]) -> String {
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    let groups = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16]
    return quoted(groups.map { digits[$0].joined() }.joined(separator: "-"))
  }

  private mutating func text() -> String {
    var text = "/* CTF 1.8 */\n\ntrace {\n\tmajor = 1;\n\tminor = 8;\n"
    if let bytes = model.uuid { text += "\tuuid = \(uuid(bytes));\n" }
    text += "\tbyte_order = \(model.byteOrder == .little ? "le" : "be");\n"
    text += scope("packet.header", model.packetHeader) + "};\n\n"
    text += "env {\n"
    for (name, value) in model.environment {
      switch value {
      case .integer(let number): text += "\t\(name) = \(number);\n"
      case .string(let string): text += "\t\(name) = \(quoted(string));\n"
      }
    }
    text += "};\n\n"
    for clock in model.clocks {
      text += "clock {\n\tname = \(quoted(clock.name));\n"
      if let bytes = clock.uuid { text += "\tuuid = \(uuid(bytes));\n" }
      text += "\tfreq = \(clock.frequency);\n"
      if clock.offsetSeconds != 0 { text += "\toffset_s = \(clock.offsetSeconds);\n" }
      text += "\toffset = \(clock.offsetCycles);\n"
      if clock.isAbsolute { text += "\tabsolute = true;\n" }
      text += "};\n\n"
    }
    for stream in model.streamClasses {
      text += "stream {\n\tid = \(stream.id);\n"
      isReversed = true
      text += scope("event.header", stream.eventHeader)
      isReversed = false
      text += scope("packet.context", stream.packetContext) + scope("event.context", stream.eventContext)
      text += "};\n\n"
      for event in stream.events {
        text += "event {\n\tname = \(quoted(event.name));\n\tid = \(event.id);\n\tstream_id = \(stream.id);\n"
        text += "\tloglevel = 13;\n" + scope("context", event.context) + scope("fields", event.payload)
        text += "};\n\n"
      }
    }
    return text
  }

  private func scope(_ name: String, _ structure: StructureType?) -> String {
    structure.map { "\t\(name) := \(self.structure($0, 1));\n" } ?? ""
  }

  private func indent(_ depth: Int) -> String { String(repeating: "\t", count: depth) }

  private func structure(_ type: StructureType, _ depth: Int) -> String {
    if type.fields.isEmpty { return "struct { }" + (type.alignment > 1 ? " align(\(type.alignment))" : "") }
    let fields = type.fields.enumerated().map { index, field in
      "\n" + indent(depth + 1) + declaration(field.type, type.originalNames[index], depth + 1) + ";"
    }
    return "struct {" + fields.joined() + "\n" + indent(depth) + "}"
  }

  private func declaration(_ type: FieldType, _ name: String, _ depth: Int) -> String {
    var type = type
    var lengths = ""
    while case .array(let array) = type {
      switch array.length {
      case .constant(let count): lengths += "[\(count)]"
      case .reference(let path): lengths += "[\(path.joined(separator: "."))]"
      case .location: lengths += "[0]"
      }
      type = array.element
    }
    return "\(specifier(type, depth)) \(name)\(lengths)"
  }

  private func specifier(_ type: FieldType, _ depth: Int) -> String {
    switch type {
    case .integer(let integer): return self.integer(integer)
    case .enumeration(let enumeration):
      let mappings = isReversed ? enumeration.mappings.reversed() : enumeration.mappings
      let labels = mappings.map { mapping in
        let (low, high) =
          enumeration.container.isSigned
          ? ("\(Int64(bitPattern: mapping.low))", "\(Int64(bitPattern: mapping.high))")
          : ("\(mapping.low)", "\(mapping.high)")
        let range = low == high ? low : "\(low) ... \(high)"
        return indent(depth + 1) + "\(quoted(mapping.label)) = \(range),\n"
      }
      return "enum : \(self.integer(enumeration.container)) {\n" + labels.joined() + indent(depth) + "}"
    case .floatingPoint(let float):
      let exponent = FloatingPointType.exponentBits(float.size)
      return "floating_point { align = \(float.alignment); mant_dig = \(float.size - exponent); "
        + "exp_dig = \(exponent);\(byteOrder(float.byteOrder)) }"
    case .string: return "string"
    case .structure(let structure): return self.structure(structure, depth)
    case .variant(let variant):
      let options = variant.options.enumerated().map { index, option in
        indent(depth + 1) + declaration(option.type, variant.originalNames[index], depth + 1) + ";\n"
      }
      return "variant <\((variant.tag ?? []).joined(separator: "."))> {\n" + options.joined()
        + indent(depth) + "}"
    case .array, .boolean, .bitArray, .text, .blob, .selection: return "void"
    }
  }

  private func byteOrder(_ order: ByteOrder?) -> String {
    guard let order, order != model.byteOrder else { return "" }
    return " byte_order = \(order == .little ? "le" : "be");"
  }

  private func integer(_ type: IntegerType) -> String {
    var text = "integer { size = \(type.size); align = \(type.alignment);"
    if type.isSigned { text += " signed = true;" }
    if type.base != 10 { text += " base = \(type.base);" }
    text += byteOrder(type.byteOrder)
    if type.isText { text += " encoding = UTF8;" }
    if let clock = type.clock { text += " map = clock.\(clock).value;" }
    return text + " }"
  }
}
