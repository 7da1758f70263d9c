import Foundation
import Testing

@testable import Analysis
@testable import CTF
@testable import Reporting

/// What a state says is what the recording says, to the last byte of the report.
@Suite("States that leave their process")
struct StateTests {
  static let names = ReportTests.names + ["overlapping"]

  static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("traces/\(name)").path
  }

  static func trace(_ name: String) throws -> Trace { try Trace(opening: [Self.path(name)]) }

  /// Through bytes, as between processes.
  static func sent(_ recording: SavedRecording) throws -> SavedRecording {
    try StateFile.read(try StateFile.bytes(of: [recording]))[0]
  }

  static func reports(_ builder: ReportBuilder) throws -> [String] {
    var paths = builder.paths()
    // What needs the files again.
    for index in paths.paths?.paths.indices ?? 0..<0 { paths.paths?.paths[index].slowest = nil }
    return try [
      builder.summary(), builder.exits(by: .address), builder.exits(by: .reason), builder.exits(by: .device),
      builder.check(), paths,
    ].map { try $0.json() }
  }

  static func expectSame(_ found: [String], _ expected: [String], _ comment: String) {
    for (one, other) in zip(found, expected) where one != other {
      let lines = zip(one.split(separator: "\n"), other.split(separator: "\n"))
      let line = lines.first { $0 != $1 }
      Issue.record("\(comment): \(line?.0 ?? "shorter") instead of \(line?.1 ?? "more")")
      return
    }
  }

  /// A small reproducible generator (SplitMix64).
  struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
  }

  @Test("hold all that a report of the recording says", arguments: names)
  func whole(_ name: String) throws {
    let trace = try Self.trace(name)
    let paths = [Self.path(name)]
    let analysis = TraceAnalysis.read(trace)
    let expected = try Self.reports(ReportBuilder(trace, paths: paths, analysis: analysis))
    let kept = try SavedRecording(trace, paths: paths, analysis: analysis)
    let sent = try Self.sent(kept)
    Self.expectSame(try Self.reports(ReportBuilder(sent)), expected, name)
    let bytes = try StateFile.bytes(of: [sent])
    #expect(try StateFile.bytes(of: [kept]) == bytes)
    #expect(bytes.count < 1 << 20)
    print(
      name, bytes.count,
      try FileManager.default.subpathsOfDirectory(atPath: paths[0]).reduce(0) {
        $0 + ((try FileManager.default.attributesOfItem(atPath: paths[0] + "/" + $1)[.size] as? Int) ?? 0)
      })
  }

  @Test("of parts merge to that of the whole, wherever the cuts are", arguments: names)
  func parts(_ name: String) throws {
    let trace = try Self.trace(name)
    let paths = [Self.path(name)]
    let analysis = TraceAnalysis.read(trace)
    let expected = try Self.reports(ReportBuilder(trace, paths: paths, analysis: analysis))
    let (begin, end) = (try #require(TraceSpan.begin(of: trace)), try #require(TraceSpan.end(of: trace)))
    var random = Random(UInt64(name.count))
    for count in [1, 1, 3, 7] {
      let cuts = Set((0..<count).map { _ in Int64.random(in: begin...end, using: &random) }).sorted()
      let bounds = [Int64.min] + cuts + [Int64.max]
      var parts = try zip(bounds, bounds.dropFirst()).map { from, to in
        let part = from..<to
        return try Self.sent(
          SavedRecording(
            trace, paths: paths, analysis: TraceAnalysis.read(trace, part: part, workers: 2), part: part))
      }
      // Neighbours in any order.
      while parts.count > 1 {
        let place = Int.random(in: 0..<parts.count - 1, using: &random)
        try parts[place].append(parts.remove(at: place + 1))
        parts[place] = try Self.sent(parts[place])
      }
      #expect(parts[0].isWhole)
      Self.expectSame(
        try Self.reports(ReportBuilder(parts[0])), expected, "\(name), cuts \(cuts.map { $0 - begin })")
    }
  }
}
