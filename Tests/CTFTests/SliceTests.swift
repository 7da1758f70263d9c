import CTF
import Foundation
import Testing

/// Slices side by side have each row of a stream once, in the stream's order, wherever the cuts are.
@Suite struct SliceTests {
  /// The rows of each stream, gaps among them.
  private func rows(
    _ trace: Trace, _ selection: FieldSelection, _ window: Range<Int64>? = nil
  ) -> (rows: [[[UInt64]]], others: UInt64) {
    var merged = MergedRows(trace, selection: selection, window: window, isSlice: window != nil)
    var result = [[[UInt64]]](repeating: [], count: trace.streams.count)
    while let run = merged.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        let words = Row.tag(row) == Row.gapTag ? 6 : Row.tag(row) == 1 ? 4 : 3
        result[run.stream].append((0..<words).map { row[$0] })
      }
    }
    return (result, merged.otherEvents.reduce(0, +))
  }

  private func check(_ trace: Trace, _ selection: FieldSelection, _ cuts: [Int64]) {
    let whole = rows(trace, selection)
    var parts = [[[UInt64]]](repeating: [], count: trace.streams.count)
    var others: UInt64 = 0
    let bounds = [Int64.min] + Set(cuts).sorted() + [Int64.max]
    for (from, to) in zip(bounds, bounds.dropFirst()) {
      let part = rows(trace, selection, from..<to)
      for stream in parts.indices { parts[stream] += part.rows[stream] }
      others += part.others
    }
    #expect(parts == whole.rows, "cut at \(cuts)")
    #expect(others == whole.others, "cut at \(cuts)")
  }

  @Test(arguments: ["lossy", "rotated-files", "chunks"])
  func slicesOfRecordedTracesAreTheWhole(name: String) throws {
    let trace = try Trace(opening: [fixture(name)])
    var selection = FieldSelection()
    selection.select(event: "exeunt:vcpu_run_enter", tag: 1, fields: ["seq", "vcpu"])
    selection.countOthers()
    let stamps = rows(trace, selection).rows.flatMap { $0.map { Int64(bitPattern: $0[0]) } }
    let begin = try #require(stamps.min())
    let end = try #require(stamps.max())
    for round in 0..<6 {
      // At events, just behind them, and anywhere.
      var cuts = (0..<round).map { _ in Int64.random(in: begin...end) }
      cuts += (0..<3).compactMap { _ in stamps.randomElement() }
      cuts += (0..<3).compactMap { _ in stamps.randomElement().map { $0 + 1 } }
      check(trace, selection, cuts)
    }
  }

  /// Timestamps that run backwards, in packets that say their times, wrong ones, or none.
  @Test(arguments: [true, false])
  func slicesOfUnorderedTracesAreTheWhole(packetsSayTheirTime: Bool) throws {
    let context =
      packetsSayTheirTime
      ? "packet.context := struct { stamp timestamp_begin; stamp timestamp_end; u32 content_size; };"
      : "packet.context := struct { u32 content_size; };"
    let metadata = """
      /* CTF 1.8 */
      trace { major = 1; minor = 8; byte_order = le; };
      clock { name = c; };
      typealias integer { size = 64; map = clock.c.value; } := stamp;
      typealias integer { size = 32; } := u32;
      stream { \(context) event.header := struct { stamp t; u32 id; }; };
      event { id = 0; name = e; fields := struct { u32 n; }; };
      event { id = 1; name = other; fields := struct { u32 n; }; };
      """
    for _ in 0..<8 {
      var bytes: [UInt8] = []
      func put(_ value: UInt64, _ size: Int) {
        for byte in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))) }
      }
      var time: UInt64 = 1000
      var count: UInt64 = 0
      for _ in 0..<5 {
        let events = Int.random(in: 0...20)
        var times: [UInt64] = []
        for _ in 0..<events {
          time += UInt64.random(in: 0...9)
          if Int.random(in: 0...3) == 0 { time -= UInt64.random(in: 0...40) }
          times.append(time)
        }
        if packetsSayTheirTime {
          put(times.first ?? time, 8)
          put(times.last ?? time, 8)
        }
        put(UInt64((packetsSayTheirTime ? 20 : 4) + events * 16) * 8, 4)
        for time in times {
          put(time, 8)
          put(UInt64.random(in: 0...1), 4)
          put(count, 4)
          count += 1
        }
      }
      let written = try TemporaryTrace(metadata: metadata, stream: bytes)
      let trace = try Trace(opening: [written.path])
      var selection = FieldSelection()
      selection.select(event: "e", tag: 0, fields: ["n"])
      selection.countOthers()
      for cuts in 1...5 {
        check(trace, selection, (0..<cuts).map { _ in Int64.random(in: 800...2000) })
      }
    }
  }
}
