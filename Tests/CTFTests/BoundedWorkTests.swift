import Foundation
import Testing

@testable import CTF

/// Few descriptors, many files, many elements of nothing: what reading takes is bounded by what there is to read.
@Suite struct BoundedWorkTests {
  @Test(
    "More files than there may be descriptors are read, each where it is; a file that was replaced is not")
  func descriptors() throws {
    let directory = try TemporaryTrace(metadata: nil, files: [:])
    let pool = DescriptorPool(limit: 3)
    for number in 0..<20 { try directory.write("f\(number)", (0..<50).map { UInt8(number * 10 + $0) }) }
    let files = try (0..<20).map { try DataFile(path: "\(directory.path)/f\($0)", pool: pool) }
    var random = Random(seed: 3)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 5, alignment: 8)
    defer { buffer.deallocate() }
    for _ in 0..<500 {
      let (number, offset) = (random.below(20), random.below(50))
      let count = try files[number].read(into: buffer, at: offset)
      #expect(count == min(5, 50 - offset))
      #expect(Array(buffer.prefix(count)) == (offset..<offset + count).map { UInt8(number * 10 + $0) })
      #expect(pool.openCount <= 3)
    }
    for number in 0..<3 { _ = try files[number].read(into: buffer, at: 0) }
    rename("\(directory.path)/f9", "\(directory.path)/f10")
    #expect(throws: TraceError.self) { try files[10].read(into: buffer, at: 0) }
    withExtendedLifetime(files) {}
  }

  @Test("Rows of more streams than are open at once come as the events do", arguments: [40, 600])
  func manyStreams(_ count: Int) throws {
    let metadata =
      HandmadeTraceTests.head + """
        trace { major = 1; minor = 8; byte_order = le; };
        clock { name = c; freq = 1000000000; };
        typealias integer { size = 64; map = clock.c.value; } := t64;
        stream { packet.context := struct { u16 content_size; u16 packet_size; t64 timestamp_begin; t64 timestamp_end; };
          event.header := struct { t64 t; }; };
        event { name = e; fields := struct { u16 number; string s; }; };
        """
    func bytes(_ value: Int, _ size: Int) -> [UInt8] {
      (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var random = Random(seed: 8)
    let directory = try TemporaryTrace(metadata: Array(metadata.utf8), files: [:])
    for stream in 0..<count {
      var file: [UInt8] = []
      var time = random.below(3000)
      for _ in 0..<1 + random.below(3) {
        let begin = time
        var body: [UInt8] = []
        for _ in 0..<random.below(6) {
          time += random.below(300)
          body += bytes(time, 8) + bytes(stream, 2) + Array("s\(stream)".utf8) + [0]
        }
        let size = (20 + body.count) * 8
        file += bytes(size, 2) + bytes(size, 2) + bytes(begin, 8) + bytes(time, 8) + body
        time += 1
      }
      try directory.write("s\(stream)", file)
    }
    let trace = try Trace(opening: [directory.path])
    var expected: [[UInt64]] = []
    var events = MergedEvents(trace)
    while let event = events.next() { expected.append([UInt64(event.timestamp), event.values[0]]) }
    var selection = FieldSelection()
    selection.select(event: "e", tag: 1, fields: ["number", "s"])
    for window in [nil, 1000..<2000, Int64.min..<1500, 2500..<Int64.max] {
      var rows = MergedRows(trace, selection: selection, window: window)
      var found: [[UInt64]] = []
      while let run = rows.nextRun() {
        for index in 0..<run.count {
          let row = run.base + index * run.stride
          found.append([row[0], row[2]])
          #expect(run.text(row[3]) == "s\(row[2])")
        }
      }
      let wanted = expected.filter { window?.contains(Int64($0[0])) ?? true }
      #expect((found == wanted) == true, "\(String(describing: window))")
      let (delivered, problems) = (rows.deliveredEvents.reduce(0, +), rows.diagnostics)
      #expect(delivered == UInt64(wanted.count) && problems == [])
    }
  }

  @Test("Elements without a single bit are bounded by the bits of the packets, not only for each event")
  func emptyElements() throws {
    let metadata =
      HandmadeTraceTests.little + "event { name = e; fields := struct { u16 n; struct { } a[n]; }; };"
    let hostile = try TemporaryTrace(
      metadata: metadata, stream: [UInt8](repeating: 0xff, count: 40_000))
    let (events, problems) = try Trace(opening: [hostile.path]).decodeAll(threads: 1)
    #expect(problems.map(\.message) == ["too many array elements without a single bit"])
    #expect(events < 200)
    let few = (0..<20_000).flatMap { _ in [100, 0] as [UInt8] }
    let sound = try TemporaryTrace(metadata: metadata, stream: few)
    #expect(try Trace(opening: [sound.path]).decodeAll(threads: 1).events == 20_000)
  }
}
