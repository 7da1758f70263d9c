import CTF
import Foundation
import Testing

@testable import CTF
@testable import Reporting

/// Events larger than the window and the tape, and more streams than there could be files open.
@Suite struct LargeTraceTests {
  private func number(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static let metadata =
    HandmadeTraceTests.little + """
      event { name = e; fields := struct { u8 kind; u32 n; u16 numbers[n]; u32 m;
        struct { u8 a; string s; integer { size = 8; encoding = UTF8; } t[3]; } all[m];
        string tale; u32 k; integer { size = 8; encoding = UTF8; } text[k]; u8 last; }; };
      """

  /// An event and what is printed of it, as text and as JSON.
  private func event(
    numbers: Int, structures: Int, long: String, text: String, textSize: Int
  ) -> (bytes: [UInt8], text: String, json: String) {
    var bytes: [UInt8] = [7] + number(numbers, 4)
    var shown: [String] = []
    for index in 0..<numbers {
      bytes += number(index, 2)
      shown.append("\(index & 0xffff)")
    }
    bytes += number(structures, 4)
    var structs: (text: [String], json: [String]) = ([], [])
    for index in 0..<structures {
      bytes += [UInt8(index & 0xff)] + Array("s\(index)".utf8) + [0, 97, 98, 99]
      structs.text.append("[\(index)] = { a = \(index & 0xff), s = \"s\(index)\", t = \"abc\" }")
      structs.json.append("{\"a\":\(index & 0xff),\"s\":\"s\(index)\",\"t\":\"abc\"}")
    }
    bytes += Array(long.utf8) + [0] + number(textSize, 4) + Array(text.utf8)
    bytes += [UInt8](repeating: 0, count: textSize - text.utf8.count) + [9]
    func list(_ items: [String]) -> String { items.isEmpty ? "[ ]" : "[ \(items.joined(separator: ", ")) ]" }
    let elements = list(shown.enumerated().map { "[\($0)] = \($1)" })
    return (
      bytes,
      "e: { kind = 7, n = \(numbers), numbers = \(elements), m = \(structures), all = \(list(structs.text)), "
        + "tale = \"\(long)\", k = \(textSize), text = \"\(text)\", last = 9 }",
      "\"fields\":{\"kind\":7,\"n\":\(numbers),\"numbers\":[\(shown.joined(separator: ","))],\"m\":\(structures),"
        + "\"all\":[\(structs.json.joined(separator: ","))],\"tale\":\"\(long)\",\"k\":\(textSize),"
        + "\"text\":\"\(text)\",\"last\":9}}"
    )
  }

  /// Windows of 16 KiB that grow up to 256 KiB: what is larger than a window need not be large.
  private static let bufferMemory = 16 << 10
  private static let euros = String(repeating: "a€", count: 80_000)

  @Test func largeEventsAreRead() throws {
    let small = event(numbers: 2, structures: 1, long: "l", text: "t", textSize: 5)
    let events = [
      small, event(numbers: 270_000, structures: 0, long: "", text: "", textSize: 0), small,
      event(numbers: 3, structures: 60_000, long: Self.euros, text: "x", textSize: 360_000), small,
      event(numbers: 0, structures: 2, long: "short", text: Self.euros, textSize: 320_000),
      event(numbers: 0, structures: 0, long: Self.euros, text: Self.euros, textSize: 320_001), small,
    ]
    let directory = try TemporaryTrace(metadata: Self.metadata, stream: events.flatMap(\.bytes))
    let (lines, diagnostics) = try directory.dump(bufferMemory: Self.bufferMemory)
    #expect(diagnostics == [])
    // Not in one expectation: a failure would print megabytes.
    #expect(lines.count == events.count)
    for (line, expected) in zip(lines, events) { #expect((line == expected.text) == true) }
    let objects = try directory.dump(.json, bufferMemory: Self.bufferMemory).lines
    for (line, expected) in zip(objects, events) { #expect(line.hasSuffix(expected.json) == true) }
    let trace = try Trace(
      opening: [directory.path], manyBeyond: Int.max, bufferMemory: Self.bufferMemory)
    #expect(largeEvents(trace) == 4)
    #expect(trace.decodeAll(threads: 2).events == UInt64(events.count))
    var selection = FieldSelection()
    selection.select(event: "e", tag: 0, fields: ["last", "m"])
    var rows = MergedRows(trace, selection: selection)
    var values: [UInt64] = []
    while let run = rows.nextRun() {
      for index in 0..<run.count { values.append((run.base + index * run.stride)[3]) }
    }
    #expect(values == [1, 0, 1, 60_000, 1, 2, 0, 1])
    #expect(rows.diagnostics == [])
  }

  @Test func ofALargeEventWithoutEndNothingIsPrinted() throws {
    let small = event(numbers: 2, structures: 1, long: "l", text: "t", textSize: 5)
    let large = event(numbers: 270_000, structures: 9, long: Self.euros, text: "", textSize: 5)
    for cut in [1, 9, 20, 100_000, 500_000] {
      let directory = try TemporaryTrace(
        metadata: Self.metadata, stream: small.bytes + large.bytes.dropLast(cut))
      let (lines, diagnostics) = try directory.dump(bufferMemory: Self.bufferMemory)
      #expect(lines == [small.text])
      #expect(diagnostics.count == 1)
      let trace = try Trace(
        opening: [directory.path], manyBeyond: Int.max, bufferMemory: Self.bufferMemory)
      #expect(trace.decodeAll(threads: 1).events == 1)
    }
  }

  /// Streams that all overlap, so that each is opened, loses its buffer and gets it again.
  @Test func thousandsOfStreamsAreMerged() throws {
    let metadata =
      HandmadeTraceTests.head + """
        trace { major = 1; minor = 8; byte_order = le; };
        clock { name = c; freq = 1000000000; };
        typealias integer { size = 64; map = clock.c.value; } := t64;
        stream { packet.context := struct { u16 content_size; u16 packet_size; t64 timestamp_begin; t64 timestamp_end; };
          event.header := struct { t64 t; }; };
        event { name = e; fields := struct { u16 number; u8 packet; }; };
        """
    var random = Random(seed: 77)
    let directory = try TemporaryTrace(metadata: Array(metadata.utf8), files: [:])
    // More than have buffers at once.
    let count = 700
    for stream in 0..<count {
      var bytes: [UInt8] = []
      var time = random.below(1000)
      for packet in 0..<2 {
        let size = (20 + 2 * 11) * 8
        bytes += number(size, 2) + number(size, 2) + number(time, 8) + number(time + 4000, 8)
        for _ in 0..<2 {
          bytes += number(time, 8) + number(stream, 2) + [UInt8(packet)]
          time += 1 + random.below(2000)
        }
        time += 2000
      }
      try directory.write("s\(100_000 + stream)", bytes)
    }
    let few = try Trace(opening: [directory.path])
    let many = try Trace(opening: [directory.path], manyBeyond: 0)
    #expect(few.streams.count == count && many.streams.isEmpty && many.streamCount == count)
    let whole = try dump([directory.path])
    let placed = try dump([directory.path], manyBeyond: 0)
    #expect(whole.diagnostics == [] && placed.diagnostics == [])
    #expect(whole.lines.count == count * 4)
    #expect((whole.lines == placed.lines) == true)
    #expect(many.decodeAll(threads: 3).events == UInt64(count * 4))
    #expect(many.stream(5)?.files == few.streams[5].files)
    #expect(many.stream(count) == nil)
  }
}
