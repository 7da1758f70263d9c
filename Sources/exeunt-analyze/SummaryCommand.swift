import Analysis
import ArgumentParser
import CTF
import Reporting

/// `exeunt-analyze summary`: what was run and where its time went.
struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary",
    abstract: "What was run, where its time went, exits, I/O paths, event loops (the default).",
    discussion: """
      EXAMPLES:
        exeunt-analyze run1
        exeunt-analyze summary --from 1.5 --to 2 run1
        exeunt-analyze summary --fail-on-loss --fail-if-over reason=io,p99=20us run1
      """)

  @OptionGroup var options: AnalysisOptions

  @Option(help: ArgumentHelp("Only from here on: seconds from the start, or 1500ms.", valueName: "time"))
  var from: TimeArgument?

  @Option(help: ArgumentHelp("Only up to here.", valueName: "time"))
  var to: TimeArgument?

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 when handling takes longer: reason=R, device=D, vcpu is not told apart; p50, p90, p99, "
        + "p99.9 or max=TIME. May be repeated.", valueName: "reason=io,p99=20us"))
  var failIfOver: [LatencyThreshold] = []

  func run() throws {
    let trace = try options.open()
    let window = try TimeWindow.make(from: from, to: to, in: trace)
    let analysis = options.analyse(trace, window: window?.part)
    let builder = ReportBuilder(trace, paths: options.directories, analysis: analysis, window: window)
    for limit in failIfOver { try options.check(device: limit.device, among: builder.exitDeviceNames) }
    try options.finish(builder.summary(), thresholds: failIfOver)
  }
}

/// Parts of a trace by seconds from its start.
enum TimeWindow {
  /// The window that `--from` and `--to` mean; nil when neither is given.
  static func make(from: TimeArgument?, to: TimeArgument?, in trace: Trace) throws -> TraceWindow? {
    guard from != nil || to != nil else { return nil }
    guard let begin = TraceSpan.begin(of: trace), let end = TraceSpan.end(of: trace) else {
      throw Terminal.mistake("this trace has no events of exeunt, so no times can be chosen")
    }
    let lower = from.map { begin.addingReportingOverflow($0.nanoseconds) }
    let upper = to.map { begin.addingReportingOverflow($0.nanoseconds) }
    if lower?.overflow == true || upper?.overflow == true {
      throw Terminal.mistake("--from or --to is out of range")
    }
    let (first, last) = (lower?.partialValue ?? .min, upper?.partialValue ?? .max)
    guard first < last else { throw Terminal.mistake("--to has to be later than --from") }
    guard let window = TraceWindow(first..<last, of: begin...end) else { throw outside(begin...end) }
    return window
  }

  /// Nothing was recorded at the time asked for.
  static func outside(_ recording: ClosedRange<Int64>) -> ExitCode {
    let length = Double(recording.upperBound &- recording.lowerBound) / 1e9
    return Terminal.mistake("the recording is \(length) s long; there is nothing in this window")
  }
}
