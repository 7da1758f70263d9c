import CTF
import Foundation
import TestSupport

@testable import Analysis
@testable import Pages

/// A run with its timeline, and what the models say of it.
struct TimelineRun {
  let section: TimelineSection
  let reader: TimelineReader
  let items: [ModelItem]
  /// The first event, ns since the clock's origin.
  let begin: Int64
  let analysis: TraceAnalysis

  static let recorded = [
    "mixed", "doorbell-ioeventfd", "doorbell-exits", "polling-loop", "lossy", "whole", "overlapping",
  ]

  init(_ path: String, _ options: TimelineSection.Options = .init()) throws {
    let trace = try Trace(opening: [path])
    analysis = TraceAnalysis.read(trace)
    begin = analysis.begin
    var items: [ModelItem] = []
    var models = ModelReader(trace, analysis)
    while models.next({ items += $0 }) {}
    self.items = items
    section = TimelineSection(number: 1, trace: trace, analysis: analysis, options: options)
    reader = try TimelineReader(section.html)
  }

  /// One of those in `traces`.
  init(recorded name: String, _ options: TimelineSection.Options = .init()) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    try self.init(root.appendingPathComponent("traces/\(name)").path, options)
  }

  /// One that is made up.
  init(_ recording: SyntheticRecording, _ options: TimelineSection.Options = .init()) throws {
    self = try withTemporaryDirectory {
      try recording.write(to: $0)
      return try TimelineRun($0, options)
    }
  }

  /// The data of a run of which nothing is known but gaps, each of a stream of its own.
  ///
  /// - Parameter gaps: ns since its first event, as is its length.
  static func data(gaps: [(Int64, Int64)], span: Int64) throws -> (header: String, data: String) {
    let budget = TimelineBudget(items: 1000, estimate: 0, moments: [])
    var collector = TimelineCollector(StateDump(), begin: 1000, span: span, window: 0..<span + 1, budget)
    collector.add(gaps.enumerated().map { .gap(ModelGap(stream: $0, begin: 1000 + $1.0, end: 1000 + $1.1)) })
    collector.finish()
    return (
      TimelineHeader.json(1, collector, span: span, 0..<span),
      String(decoding: collector.data.characters, as: UTF8.self)
    )
  }
}
