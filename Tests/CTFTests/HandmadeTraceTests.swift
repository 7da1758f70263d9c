import CTF
import Testing

@testable import CTF

/// Small traces by hand that golden case files cannot describe: timestamps as numbers, very large fields.
@Suite struct HandmadeTraceTests {
  static let head = """
    /* CTF 1.8 */
    typealias integer { size = 8; } := u8;
    typealias integer { size = 16; } := u16;
    typealias integer { size = 32; } := u32;
    typealias integer { size = 8; signed = true; } := s8;

    """
  static let little = head + "trace { major = 1; minor = 8; byte_order = le; };\n"

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
