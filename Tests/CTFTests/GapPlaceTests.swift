import CTF
import Foundation
import Testing

/// A loss is told with the file that it shows in, of a stream that is in several.
@Suite struct GapPlaceTests {
  @Test func lossesOfChunksNameTheirChunk() throws {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("traces/lossy/ust/uid/0/64-bit")
    let whole = try Trace(opening: [source.path])
    let stream = try #require(
      whole.streams.indices.max { whole.streams[$0].packetCount < whole.streams[$1].packetCount })
    let middle = try #require(
      whole.location(stream: stream, packet: whole.streams[stream].packetCount / 2))
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gap-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    let data = try Data(contentsOf: URL(fileURLWithPath: middle.file))
    for (name, part) in [("1", data.prefix(middle.byteOffset)), ("2", data.dropFirst(middle.byteOffset))] {
      let chunk = directory.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: chunk, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: source.appendingPathComponent("metadata"), to: chunk.appendingPathComponent("metadata"))
      try Data(part).write(to: chunk.appendingPathComponent("stream"))
    }
    let trace = try Trace(opening: [directory.path])
    #expect(trace.streams[0].files.count == 2)
    var seen: [Int: UInt64] = [:]
    var events = MergedEvents(trace)
    while let event = events.next() {
      for gap in events.takeGaps() {
        seen[gap.file, default: 0] += gap.count
        #expect(gap.file == (event.packet >= middle.packet ? 1 : 0))
      }
    }
    for gap in events.takeGaps() { seen[gap.file, default: 0] += gap.count }
    #expect(seen[0] ?? 0 > 0 && seen[1] ?? 0 > 0)
    #expect((seen[0] ?? 0) + (seen[1] ?? 0) == whole.streams[stream].discardedEvents)
  }
}
