import Analysis
import CTF
import Glibc
import Pages
import Reporting
import Reports

/// Everything that the analyzer's commands do with a trace of `exeunt`.
enum AnalysisTarget {
  /// The metadata of a recorded trace, kept apart from `traces/` because the inputs have its UUID and event ids.
  private static let metadata: [UInt8] = {
    let root = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let descriptor = open("/\(root)/exeunt.metadata", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(0, count)))
  }()

  static func run(_ input: [UInt8]) -> String? {
    if metadata.isEmpty { return "Tests/Fuzz/exeunt.metadata cannot be read" }
    let directory = TraceInput.write(metadata: metadata, files: TraceInput.split(input))
    do throws(TraceError) {
      // Both kinds of questions take about as long; a mutation of the input's length asks the other one.
      return explain(try Trace(opening: [directory]), directory, isShared: input.count % 2 == 0)
    } catch {
      return OneLine.complaint(error)
    }
  }

  private static func explain(_ trace: Trace, _ directory: String, isShared: Bool) -> String? {
    let analysis = TraceAnalysis.read(trace, workers: 1)
    if let complaint = closes(analysis.models.result()) { return complaint }
    let builder = ReportBuilder(trace, paths: [directory], analysis: analysis)
    let summary = builder.summary()
    for report in [summary, Report.comparing(summary, with: summary)] {
      if let complaint = render(report) { return complaint }
    }
    if isShared {
      let shared = ReportBuilder(
        trace, paths: [directory], analysis: TraceAnalysis.read(trace, workers: 2)
      ).summary()
      if summary.trace != shared.trace { return "two threads find other events than one" }
      // Where packets are damaged as well, the gaps of slices may differ from those of the whole.
      guard summary.trace.diagnostics.isEmpty else { return nil }
      return difference(summary, shared).map { "two threads find something else than one: \($0)" }
    }
    for report in [
      builder.exits(by: .address), builder.exits(by: .reason),
      builder.paths(),
    ] {
      if let complaint = render(report) { return complaint }
    }
    if builder.hasInstructions, let complaint = render(builder.exits(by: .symbol)) { return complaint }
    return drawTimeline(trace, builder) ?? drawPage(trace, analysis, builder)
  }

  /// A page with a timeline that has a part of the trace one by one.
  private static func drawPage(
    _ trace: Trace, _ analysis: TraceAnalysis, _ builder: ReportBuilder
  ) -> String? {
    var options = TimelineSection.Options()
    var run = ReportedRun(name: "a trace", builder)
    (options.items, options.moments) = (2000, run.moments)
    run.timeline = TimelineSection(number: 1, trace: trace, analysis: analysis, options: options).html
    let parts = ReportPage(run).html.split(separator: "<script", omittingEmptySubsequences: false).count
    // The timeline's data, where there is some, and its script.
    return parts == 2 || parts == 4 ? nil : "a page of \(parts) scripts"
  }

  /// The first line in which two reports differ.
  private static func difference(_ left: Report, _ right: Report) -> String? {
    if left == right { return nil }
    let lines = [left, right].map { ((try? $0.json()) ?? "").split(separator: "\n") }
    for (number, pair) in zip(lines[0], lines[1]).enumerated() where pair.0 != pair.1 {
      let before = lines[0][max(0, number - 4)..<number].joined(separator: " ")
      return "after \(before): \(pair.0) and \(pair.1)"
    }
    return "one is longer"
  }

  private static func drawTimeline(_ trace: Trace, _ builder: ReportBuilder) -> String? {
    guard let begin = TraceSpan.begin(of: trace), let end = TraceSpan.end(of: trace) else { return nil }
    if begin > end { return "the trace begins at \(begin) and ends at \(end)" }
    guard end < Int64.max else { return nil }
    let window = begin..<end + 1
    let timeline = Timeline.read(
      trace, window: window, traceBegin: begin, threads: builder.threadNames.count, cells: 60)
    return render(builder.timeline(timeline, window: window))
  }

  private static func render(_ report: Report) -> String? {
    if TextRenderer.render(report).isEmpty { return "an empty report of \(report.command)" }
    do {
      _ = try report.json()
    } catch {
      return "the report of \(report.command) cannot be written as JSON: \(error)"
    }
    return nil
  }

  /// Wall time closes: the parts of a thread's time add up to its span, and none is negative.
  private static func closes(_ result: AnalysisResult) -> String? {
    for times in result.vcpus.map(\.times) + result.loops.map(\.times) {
      if times.times.contains(where: { $0 < 0 }) { return "thread \(times.id): \(times.times) ns" }
      let sum = times.times.reduce(0, &+)
      if sum != times.last &- times.first {
        return "thread \(times.id): \(times.times) ns in \(times.first)–\(times.last)"
      }
    }
    return nil
  }
}
