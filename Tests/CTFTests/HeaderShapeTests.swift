import Testing

@testable import CTF

/// Event headers that are read without the interpreter are known by what they mean, not by how the metadata spells them.
@Suite struct HeaderShapeTests {
  /// A header as metadata writes it, and what it has to be recognised as.
  struct Header: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let text: String
    let shape: EventHeaderPlan.Shape
    /// What it looks like in the stream.
    let layout: Layout
    /// The payload of events; whole bytes unless it says otherwise.
    var payload = "u8 a;"
    var payloadBits = 8

    init(
      _ name: String, _ shape: EventHeaderPlan.Shape, _ layout: Layout, _ text: String,
      payload: String = "u8 a;", payloadBits: Int = 8
    ) {
      testDescription = name
      self.shape = shape
      self.layout = layout
      self.text = text
      self.payload = payload
      self.payloadBits = payloadBits
    }
  }

  struct Layout: Sendable {
    var start = 8
    let idBits: Int
    let timeBits: Int
    var timeAlignment = 8
    /// The id that announces an extended header, with an id of 32 and a time of 64 bits at these alignments.
    var extended: UInt64?
    var extendedAlignments = (id: 8, time: 8)
    /// The largest id that the compact header may have.
    var largestID: UInt64 { (extended ?? 1 << UInt64(idBits)) - 1 }

    static let large = Layout(idBits: 16, timeBits: 32, extended: 65535)
    static let natural = Layout(
      start: 16, idBits: 16, timeBits: 32, timeAlignment: 32, extended: 65535, extendedAlignments: (32, 64))
    static let compact = Layout(idBits: 5, timeBits: 27, timeAlignment: 1, extended: 31)
  }

  private static let types = """
    typealias integer { size = 8; align = 8; } := u8;
    typealias integer { size = 16; align = 8; } := u16;
    typealias integer { size = 32; align = 8; } := u32;
    typealias integer { size = 27; align = 1; map = clock.c.value; } := t27;
    typealias integer { size = 32; align = 8; map = clock.c.value; } := t32;
    typealias integer { size = 64; align = 8; map = clock.c.value; } := t64;
    typealias integer { size = 32; align = 32; } := n32;
    typealias integer { size = 32; align = 32; map = clock.c.value; } := nt32;
    typealias integer { size = 64; align = 64; map = clock.c.value; } := nt64;

    """
  private static let options =
    "struct { t32 timestamp; } compact; struct { u32 id; t64 timestamp; } extended;"
  private static let bits = "struct { t27 timestamp; } compact; struct { u32 id; t64 timestamp; } extended;"

  static let headers: [Header] = [
    Header(
      "large, LTTng 2.13", .large(offset: 2), .large,
      "struct { enum : u16 { compact = 0 ... 65534, extended = 65535 } id; variant <id> { \(options) } v; } align(8)"
    ),
    Header(
      "large, LTTng 2.14", .large(offset: 2), .large,
      #"struct { enum : integer { size = 16; align = 8; } { "extended" = 65535, "compact" = 0 ... 65534, } id; "#
        + "variant <id> { \(options) } v; }"),
    Header(
      "large, other names, options the other way round", .large(offset: 2), .large,
      "struct { enum : u16 { b = 65535, a = 0 ... 65534 } id; "
        + "variant <id> { struct { u32 id; t64 timestamp; } b; struct { t32 low; } a; } rest; }"),
    Header(
      "large, several ranges", .large(offset: 2), .large,
      "struct { enum : u16 { a = 0 ... 9, a = 10 ... 65534, b = 65535 } id; "
        + "variant <id> { struct { t32 low; } a; struct { u32 id; t64 timestamp; } b; } rest; }"),
    Header(
      "compact, LTTng 2.13", .compact, .compact,
      "struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id; "
        + "variant <id> { \(bits) } v; } align(8)"),
    Header(
      "compact, LTTng 2.14: no alignment", .compact, .compact,
      #"struct { enum : integer { size = 5; align = 1; } { "extended" = 31, "compact" = 0 ... 30, } id; "#
        + "variant <id> { \(bits) } v; }"),
    Header(
      "compact without alignment, and events that end inside of bytes", .general,
      Layout(start: 1, idBits: 5, timeBits: 27, timeAlignment: 1, extended: 31),
      "struct { enum : integer { size = 5; align = 1; } { compact = 0 ... 30, extended = 31 } id; "
        + "variant <id> { \(bits) } v; }", payload: "integer { size = 3; } a;", payloadBits: 3),
    Header(
      "large, natural alignment", .padded(alignment: 32), .natural,
      "struct { enum : integer { size = 16; align = 16; } { compact = 0 ... 65534, extended = 65535 } id; "
        + "variant <id> { struct { nt32 timestamp; } compact; struct { n32 id; nt64 timestamp; } extended; } v; }"
    ),
    Header(
      "no variant", .large(offset: 2), Layout(idBits: 16, timeBits: 32),
      "struct { u16 id; t32 timestamp; }"),
    Header(
      "no variant, padding of a constant size", .large(offset: 4),
      Layout(start: 32, idBits: 16, timeBits: 32, timeAlignment: 32), "struct { u16 id; nt32 timestamp; }"),
    Header(
      "other sizes", .general, Layout(idBits: 8, timeBits: 32), "struct { u8 id; t32 timestamp; }"),
    Header(
      "a field in between", .general, Layout(idBits: 16, timeBits: 32, timeAlignment: 8),
      "struct { u16 id; struct { } align(8) none; t32 timestamp; integer { size = 1; } one; }",
      payload: "integer { size = 7; } a;", payloadBits: 7),
  ]

  private func metadata(_ header: Header, more: String = "") -> String {
    var text = "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; };\n"
    text += "clock { name = c; freq = 1000000000; };\n" + Self.types
    text += "stream { event.header := \(header.text); };\n"
    for id in Self.ids(header.layout) {
      text += "event { name = \"e\(id)\"; id = \(id); fields := struct { \(header.payload) \(more) }; };\n"
    }
    return text
  }

  private static func ids(_ layout: Layout) -> [UInt64] {
    var ids: [UInt64] = [0, 1, 7, layout.largestID]
    if let extended = layout.extended { ids += [extended, extended + 5] }
    return ids
  }

  /// Events with times that wrap around, and with both kinds of headers.
  private func stream(_ header: Header, seed: UInt64) -> (bytes: [UInt8], lines: [String]) {
    var (writer, random, time) = (BitWriter(), Random(seed: seed), UInt64(5))
    var lines: [String] = []
    let layout = header.layout
    for _ in 0..<500 {
      let id = Self.ids(layout)[random.below(Self.ids(layout).count)]
      let isExtended = layout.extended.map { id >= $0 || random.below(20) == 0 } ?? false
      time += isExtended ? random.next() % (1 << 40) : random.next() % (1 << UInt64(layout.timeBits))
      let value = random.next() & (1 << UInt64(header.payloadBits) - 1)
      writer.align(layout.start)
      if isExtended, let extended = layout.extended {
        writer.integer(extended, size: layout.idBits, .little)
        // A structure is aligned like the field of it that is most.
        writer.align(max(layout.extendedAlignments.id, layout.extendedAlignments.time))
        writer.integer(id, size: 32, .little)
        writer.align(layout.extendedAlignments.time)
        writer.integer(time, size: 64, .little)
      } else {
        writer.integer(id, size: layout.idBits, .little)
        writer.align(layout.timeAlignment)
        writer.integer(time & (1 << UInt64(layout.timeBits) - 1), size: layout.timeBits, .little)
      }
      if header.testDescription == "a field in between" { writer.integer(1, size: 1, .little) }
      if header.payloadBits == 8 { writer.align(8) }
      writer.integer(value, size: header.payloadBits, .little)
      lines.append(#"{"timestamp":\#(time),"stream":0,"trace":0,"name":"e\#(id)","fields":{"a":\#(value)}}"#)
    }
    return (writer.bytes, lines)
  }

  @Test(arguments: headers)
  func headersAreKnownByTheirMeaning(_ header: Header) throws {
    let (bytes, lines) = stream(header, seed: UInt64(header.text.utf8.count))
    let trace = try TemporaryTrace(metadata: metadata(header), stream: bytes)
    let opened = try Trace(opening: [trace.path])
    #expect(opened.records.map(\.plan.header.shape) == [header.shape])
    let (printed, problems) = try trace.dump(.json)
    // Bits that are left over in the last byte are the begin of an event.
    #expect(printed == lines && (problems == [] || header.payloadBits < 7))
    #expect(opened.decodeAll(threads: 1).events == UInt64(lines.count))
    var selection = FieldSelection()
    selection.select(event: "e7", tag: 7, fields: ["a"])
    var rows = MergedRows(opened, selection: selection)
    var values: [UInt64] = []
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        if Row.tag(row) == 7 { values.append(row[Row.firstField]) }
      }
    }
    let wanted = lines.filter { $0.contains(#""e7""#) }
    #expect(wanted.count == values.count)
    for (line, value) in zip(wanted, values) { #expect(line.contains(#""a":\#(value)}"#)) }
  }

  /// What the interpreter does not run it cannot keep for later.
  @Test(arguments: headers.filter { $0.payloadBits == 8 })
  func headersThatEventsReferToAreInterpreted(_ header: Header) throws {
    let text = metadata(header, more: "u8 x[stream.event.header.id];")
    let trace = try TemporaryTrace(metadata: text, stream: [UInt8](repeating: 0, count: 64))
    #expect(try Trace(opening: [trace.path]).records.map(\.plan.header.shape) == [.general])
  }
}
