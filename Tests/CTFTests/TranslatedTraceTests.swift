import Analysis
import Foundation
import Testing

@testable import CTF
@testable import Dump
@testable import Reporting

/// Traces of CTF 1.8 whose metadata is written again, in CTF 2 or as LTTng 2.14 lays it out: with the same data files
/// everything has to be the same.
@Suite struct TranslatedTraceTests {
  static let recorded = ["mixed", "doorbell-ioeventfd", "doorbell-exits", "polling-loop", "lossy"]

  /// What metadata is written in.
  enum Layout: CaseIterable {
    case ctf2, lttng214

    func metadata(_ model: TraceModel) -> [UInt8] {
      switch self {
      case .ctf2: FragmentWriter.metadata(model)
      case .lttng214: Array(TSDLWriter.metadata(model).utf8)
      }
    }
  }

  private static func recordedPath(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("traces/\(name)").path
  }

  /// A copy of a directory of traces with other metadata.
  private final class Translation {
    let path: String

    init(of original: String, to layout: Layout) throws {
      path =
        FileManager.default.temporaryDirectory.appendingPathComponent("translated-\(UUID().uuidString)").path
      try FileManager.default.copyItem(atPath: original, toPath: path)
      let names = (FileManager.default.enumerator(atPath: path)?.allObjects ?? []).compactMap {
        $0 as? String
      }
      var count = 0
      for name in names where name.hasSuffix("metadata") {
        let model = try MetadataReader.read(path: "\(path)/\(name)").model
        try Data(layout.metadata(model)).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        let read = try MetadataReader.read(path: "\(path)/\(name)", isStrict: true)
        #expect(read.model.format == (layout == .ctf2 ? .ctf2 : .ctf1))
        count += 1
      }
      #expect(count > 0)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func isSame(_ original: String, in layout: Layout) throws {
    let translation = try Translation(of: original, to: layout)
    for format in [TraceDump.Format.text, .json] {
      let (expected, problems) = try dump([original], format: format)
      let (lines, diagnostics) = try dump([translation.path], format: format)
      #expect(lines == expected)
      #expect(diagnostics.count == problems.count)
    }
    let (before, after) = (try Trace(opening: [original]), try Trace(opening: [translation.path]))
    #expect(after.members.count == before.members.count)
    for (stream, other) in zip(after.streams, before.streams) {
      #expect(stream.begin == other.begin && stream.end == other.end && stream.cpu == other.cpu)
      #expect(stream.discardedEvents == other.discardedEvents && stream.lostPackets == other.lostPackets)
      #expect(stream.instanceID == other.instanceID && stream.packetCount == other.packetCount)
    }
    // The compact and large headers of LTTng are decoded without the interpreter whatever the spelling.
    #expect(after.records.map(\.plan.header.shape) == before.records.map(\.plan.header.shape))
    #expect(after.decodeAll(threads: 2).events == before.decodeAll(threads: 2).events)
  }

  @Test(arguments: RecordedTraceTests.names)
  func fixturesAreTheSame(_ name: String) throws {
    try isSame(fixture(name), in: .ctf2)
    // barectf gives structures alignments that LTTng 2.14 never writes.
    if !name.hasPrefix("barectf") { try isSame(fixture(name), in: .lttng214) }
  }

  @Test(arguments: recorded, Layout.allCases)
  func recordingsAreTheSame(_ name: String, _ layout: Layout) throws {
    try isSame(Self.recordedPath(name), in: layout)
    let translation = try Translation(of: Self.recordedPath(name), to: layout)
    let shapes = try Trace(opening: [translation.path]).records.map(\.plan.header.shape)
    #expect(!shapes.contains(.general))
    func summary(_ path: String) throws -> String {
      let trace = try Trace(opening: [path])
      let text = try ReportBuilder(trace, paths: [name], analysis: TraceAnalysis.read(trace)).summary().json()
      return text.replacingOccurrences(of: path.replacingOccurrences(of: "/", with: "\\/"), with: "")
        .replacingOccurrences(of: path, with: "")
    }
    #expect(try summary(translation.path) == summary(Self.recordedPath(name)))
  }

  @Test(arguments: 0..<150)
  func randomTracesAreTheSame(_ seed: Int) throws {
    let random = RandomTrace(seed: UInt64(seed))
    let original = try TemporaryTrace(metadata: random.metadata, stream: random.stream)
    try isSame(original.path, in: .ctf2)
  }
}
