import Analysis
import ArgumentParser
import CTF
import Reporting

/// The part of a recording that a command is asked about.
struct WindowOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Only from here on: seconds from the start, or 1500ms.", valueName: "time"))
  var from: TimeArgument?

  @Option(help: ArgumentHelp("Only up to here.", valueName: "time"))
  var to: TimeArgument?

  /// The window that is meant; nil: all of the recording. Ends the program with status 2 when there is no such part.
  func window(in trace: Trace) throws -> TraceWindow? { try TimeWindow.make(from: from, to: to, in: trace) }
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
