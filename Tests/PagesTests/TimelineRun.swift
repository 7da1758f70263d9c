import Analysis
import CTF
import Foundation
import Pages
import TestSupport

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
}
