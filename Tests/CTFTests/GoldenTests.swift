import CTF
import Testing

@testable import CTF

/// Small traces by hand: metadata, bytes, expected lines. babeltrace2 has to agree where it can read them.
@Suite struct GoldenTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let metadata: String
    let bytes: [UInt8]
    let lines: [String]
    var oracle = true

    var testDescription: String { name }
  }

  static let head = """
    /* CTF 1.8 */
    typealias integer { size = 8; } := u8;
    typealias integer { size = 16; } := u16;
    typealias integer { size = 32; } := u32;
    typealias integer { size = 8; signed = true; } := s8;

    """
  static let little = head + "trace { major = 1; minor = 8; byte_order = le; };\n"
  static let big = head + "trace { major = 1; minor = 8; byte_order = be; };\n"

  static let cases: [Case] = [
    Case(
      name: "no headers at all: the file is one packet of one kind of event",
      metadata: little + "event { name = e; fields := struct { u16 a; u8 b; }; };",
      bytes: [1, 2, 3, 4, 5, 6], lines: ["e: { a = 513, b = 3 }", "e: { a = 1284, b = 6 }"]),
    Case(
      name: "big endian",
      metadata: big + "event { name = e; fields := struct { u16 a; u32 b; }; };",
      bytes: [1, 2, 3, 4, 5, 6], lines: ["e: { a = 258, b = 50595078 }"]),
    Case(
      name: "bits, little endian",
      metadata: little + """
        event { name = e; fields := struct { integer { size = 3; } a; integer { size = 7; signed = true; } b;
          integer { size = 6; base = 2; } c; }; };
        """,
      bytes: [0b10110_101, 0b010110_11], lines: ["e: { a = 5, b = -10, c = 0b010110 }"]),
    Case(
      name: "bits, big endian",
      metadata: big + """
        event { name = e; fields := struct { integer { size = 3; } a; integer { size = 7; signed = true; } b;
          integer { size = 6; base = 2; } c; }; };
        """,
      bytes: [0b101_11101, 0b10_010110], lines: ["e: { a = 5, b = -10, c = 0b010110 }"]),
    Case(
      name: "event ids choose events",
      metadata: little + """
        stream { event.header := struct { u8 id; }; };
        event { name = one; id = 1; fields := struct { u8 x; }; };
        event { name = "two:2"; id = 2; fields := struct { s8 y; }; };
        """,
      bytes: [1, 7, 2, 0xff, 1, 8], lines: ["one: { x = 7 }", "two:2: { y = -1 }", "one: { x = 8 }"]),
    Case(
      name: "a variant, a sequence of structures and a text",
      metadata: little + """
        event { name = e; fields := struct {
          enum : u8 { small, large = 5 ... 9, "a b" } tag;
          variant <tag> { u8 small; struct { u8 n; struct { u8 p; u8 q; } all[n]; } large; } value;
          integer { size = 8; encoding = ASCII; } text[4];
        }; };
        """,
      bytes: [0, 3, 65, 66, 0, 67, 7, 2, 1, 2, 3, 4, 88, 89, 90, 33],
      lines: [
        "e: { tag = ( \"small\" : container = 0 ), value = { 3 }, text = \"AB\" }",
        "e: { tag = ( \"large\" : container = 7 ), value = { { n = 2, "
          + "all = [ [0] = { p = 1, q = 2 }, [1] = { p = 3, q = 4 } ] } }, text = \"XYZ!\" }",
      ]),
    Case(
      name: "lengths and tags from other scopes",
      metadata: little + """
        stream { packet.context := struct { u8 n; u8 m; };
          event.header := struct { u8 id; };
          event.context := struct { enum : u8 { a, b } kind; }; };
        event { name = e; context := struct { u8 k; }; fields := struct {
          u8 x[stream.packet.context.n]; u8 y[event.context.k];
          variant <stream.event.context.kind> { u8 a; string b; } v; u8 z[m];
        }; };
        """,
      bytes: [2, 1, 0, 1, 0, 10, 11, 72, 105, 0, 9, 0, 0, 2, 20, 21, 30, 31, 40, 50],
      lines: [
        "e: { n = 2, m = 1 }, { kind = ( \"b\" : container = 1 ) }, { k = 0 }, "
          + "{ x = [ [0] = 10, [1] = 11 ], y = [ ], v = { \"Hi\" }, z = [ [0] = 9 ] }",
        "e: { n = 2, m = 1 }, { kind = ( \"a\" : container = 0 ) }, { k = 2 }, "
          + "{ x = [ [0] = 20, [1] = 21 ], y = [ [0] = 30, [1] = 31 ], v = { 40 }, z = [ [0] = 50 ] }",
      ],
      // Its grammar knows no absolute names but those of the event.
      oracle: false),
    Case(
      name: "typedefs, named types, nested scopes, comments, two dimensions",
      metadata: little + """
        // a named type, used by name; an inner typedef hides the outer one
        struct point { u8 x, y; };
        typedef u8 pair[2];
        enum colour : u8 { RED, GREEN = 4, BLUE };
        event { name = e; fields := struct { typedef u16 u24; struct point p; pair q; /* inline */ enum colour c;
          u24 big; u8 grid[2][3]; }; };
        """,
      bytes: [1, 2, 3, 4, 5, 0, 1, 1, 2, 3, 4, 5, 6],
      lines: [
        "e: { p = { x = 1, y = 2 }, q = [ [0] = 3, [1] = 4 ], c = ( \"BLUE\" : container = 5 ), big = 256, "
          + "grid = [ [0] = [ [0] = 1, [1] = 2, [2] = 3 ], [1] = [ [0] = 4, [1] = 5, [2] = 6 ] ] }"
      ]),
    Case(
      name: "alignment of structures and empty sequences",
      metadata: little + """
        event { name = e; fields := struct { u8 n; integer { size = 32; align = 32; } s[n]; u8 last; } align(32); };
        """,
      bytes: [0, 9, 9, 9, 1, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2],
      lines: ["e: { n = 0, s = [ ], last = 1 }", "e: { n = 1, s = [ [0] = 5 ], last = 2 }"]),
    Case(
      name: "names lose one underscore",
      metadata: little + "event { name = e; fields := struct { u8 _a; u8 __b; u8 _; }; };",
      bytes: [1, 2, 3], lines: ["e: { a = 1, _b = 2, _ = 3 }"], oracle: false),
    Case(
      name: "labels that overlap, and none",
      metadata: little + """
        event { name = e; fields := struct { enum : s8 { a = -5 ... 5, b = 0, "c\\"d" = 5 } x; }; };
        """,
      bytes: [0, 5, 0xfb, 6],
      lines: [
        "e: { x = ( \"a\", \"b\" : container = 0 ) }", "e: { x = ( \"a\", \"c\\\"d\" : container = 5 ) }",
        "e: { x = ( \"a\" : container = -5 ) }", "e: { x = ( <unknown> : container = 6 ) }",
      ]),
    Case(
      name: "host, process and environment",
      metadata: little + """
        env { hostname = "h"; procname = "p"; vpid = 42; other = -7; };
        event { name = e; fields := struct { u8 a; }; };
        """,
      bytes: [1], lines: ["h:p:(42) e: { a = 1 }"]),
    Case(
      name: "floating point",
      metadata: little + """
        event { name = e; fields := struct { floating_point { exp_dig = 8; mant_dig = 24; } f;
          floating_point { exp_dig = 11; mant_dig = 53; byte_order = be; } d; }; };
        """,
      bytes: [0, 0, 0x20, 0x41, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
      lines: ["e: { f = 10, d = 0.1 }"]),
    Case(
      name: "bases",
      metadata: little + """
        event { name = e; fields := struct { integer { size = 8; base = hex; } a; integer { size = 8; base = o; } b;
          integer { size = 8; signed = 1; base = 16; } c; integer { size = 8; signed = 1; base = 8; } d; }; };
        """,
      bytes: [0xab, 8, 0xfe, 0xff], lines: ["e: { a = 0xAB, b = 010, c = 0xFE, d = 0777 }"]),
    Case(
      name: "packets with sizes and padding",
      metadata: little + """
        stream { packet.context := struct { u16 content_size; u16 packet_size; }; };
        event { name = e; fields := struct { u8 a; }; };
        """,
      bytes: [48, 0, 64, 0, 1, 2, 0xee, 0xee, 40, 0, 40, 0, 3],
      lines: ["e: { a = 1 }", "e: { a = 2 }", "e: { a = 3 }"]),
  ]

  @Test(arguments: cases)
  func isPrinted(_ golden: Case) throws {
    let trace = try TemporaryTrace(metadata: golden.metadata, stream: golden.bytes)
    let (lines, diagnostics) = try trace.dump()
    #expect(diagnostics == [])
    #expect(lines == golden.lines)
  }

  @Test(
    .enabled(if: Babeltrace.path != nil, "babeltrace2 is not installed"), arguments: cases.filter(\.oracle))
  func babeltraceAgrees(_ golden: Case) throws {
    let trace = try TemporaryTrace(metadata: golden.metadata, stream: golden.bytes)
    #expect(try Babeltrace.lines(trace.path) == golden.lines)
  }

  /// A clock of 8 bits that wraps, with an offset and a frequency that is no power of ten.
  @Test func clocksWrapAndConvert() throws {
    let metadata =
      Self.head + """
        trace { major = 1; minor = 8; byte_order = le; };
        clock { name = c; freq = 3; offset_s = 10; offset = 6; };
        stream { event.header := struct { integer { size = 8; map = clock.c.value; } t; }; };
        event { name = e; fields := struct { }; };
        """
    let trace = try TemporaryTrace(metadata: metadata, stream: [3, 4, 2, 2, 1])
    var events = MergedEvents(try Trace(opening: [trace.path]))
    var times: [Int64] = []
    while let event = events.next() { times.append(event.timestamp) }
    func nanoseconds(_ cycles: Double) -> Int64 { 12_000_000_000 + Int64(1e9 * cycles / 3) }
    #expect(times == [3, 4, 258, 258, 513].map(nanoseconds))
    if Babeltrace.path != nil { #expect(try Babeltrace.lines(trace.path) == dump([trace.path]).lines) }
  }

  @Test func fieldsBeyondTheFirstWindowAreRead() throws {
    // Larger than any window at first: the buffer has to grow, and the events around it stay whole.
    let metadata =
      Self.little + "event { name = e; fields := struct { u32 n; u8 bytes[n]; string s; }; };"
    var bytes: [UInt8] = []
    for size in [3, 300_000, 5, 1_000_000, 0] {
      bytes += (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
      bytes += [UInt8](repeating: 7, count: size) + Array("end\(size)".utf8) + [0]
    }
    let directory = try TemporaryTrace(metadata: metadata, stream: bytes)
    let trace = try Trace(opening: [directory.path])
    #expect(trace.decodeAll(threads: 1).events == 5)
    var selection = FieldSelection()
    selection.select(event: "e", tag: 0, fields: ["s", "n"])
    var rows = MergedRows(trace, selection: selection)
    var texts: [String] = []
    while let run = rows.nextRun() {
      for index in 0..<run.count { texts.append(run.text((run.base + index * run.stride)[2])) }
    }
    #expect(texts == ["end3", "end300000", "end5", "end1000000", "end0"])
    #expect(rows.diagnostics == [])
  }
}
