import Foundation
import TestSupport
import Testing

/// A page that `exeunt-analyze report` wrote, and what the models say of its run.
struct TimelinePage {
  /// Where it is.
  let directory: String
  /// In the browser's address bar.
  var address: String { "file://\(directory)/page.html" }
  let run: TimelineRun
  /// The trace, where it stays while ``with(_:_:_:)`` runs.
  let trace: String

  /// Runs `body` with the page of a recording that is made up.
  static func with<Result>(
    _ recording: SyntheticRecording, _ arguments: [String] = [], _ body: (TimelinePage) throws -> Result
  ) throws -> Result {
    try withTemporaryDirectory { directory in
      let trace = directory + "/trace"
      try FileManager.default.createDirectory(atPath: trace, withIntermediateDirectories: true)
      try recording.write(to: trace)
      return try body(try TimelinePage(trace, in: directory, arguments))
    }
  }

  /// Runs `body` with the page of a trace of `traces`.
  static func with<Result>(
    recorded name: String, _ arguments: [String] = [], _ body: (TimelinePage) throws -> Result
  ) throws -> Result {
    try withTemporaryDirectory {
      let trace = Chromium.root.appendingPathComponent("traces/\(name)").path
      return try body(try TimelinePage(trace, in: $0, arguments))
    }
  }

  private init(_ trace: String, in directory: String, _ arguments: [String]) throws {
    self.trace = trace
    run = try TimelineRun(trace)
    self.directory = directory
    let output = try Self.analyze(["report", "-o", directory + "/page.html", trace] + arguments)
    try #require(output.status == 0, "\(output.error)")
  }

  /// Runs the analyzer.
  static func analyze(_ arguments: [String]) throws -> (status: Int32, output: Data, error: String) {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    let directory = URL(fileURLWithPath: bundle).deletingLastPathComponent()
    return try Chromium.run(directory.appendingPathComponent("exeunt-analyze"), arguments)
  }

  /// What a query counts.
  func count(_ sql: String) throws -> Int {
    let output = try Self.analyze(["query", "--format", "jsonl", sql, trace])
    let row = try JSONSerialization.jsonObject(with: output.output) as? [String: Any]
    return try #require(row?.values.first as? Int, "\(sql): \(output.error)")
  }

  /// What is done first.
  var opened: [Chromium.Step] {
    [
      .init("size", [1280, 900]), .init("open", address),
      .init("wait", "document.readyState == 'complete' && TimelineView.all.length == 1"),
      .value("globalThis.view = TimelineView.all[0], view.element.scrollIntoView(), 0"),
    ]
  }

  /// Does some steps, after which nothing may have been complained of, and nothing but the page asked for.
  func run(_ steps: [Chromium.Step]) throws -> Chromium.Answer {
    var answer = try Chromium.run(opened + steps)
    _ = try answer.next(Int.self)
    #expect(answer.complaints == [])
    #expect(answer.requests.allSatisfy { $0.prefix { $0 != "#" } == address }, "\(answer.requests)")
    return answer
  }
}
