import Analysis
import ArgumentParser
import CTF
import Reporting

/// A moment on the command line, in any of the forms of ``Moment``.
struct MomentArgument: ExpressibleByArgument {
  let text: String
  let moment: Moment

  init?(argument: String) {
    guard let moment = Moment(argument) else { return nil }
    text = argument
    self.moment = moment
  }
}

/// The part of a recording that a command is asked about.
struct WindowOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Only from this moment on: \(Moment.forms).", valueName: "moment"))
  var from: MomentArgument?

  @Option(help: ArgumentHelp("Only before this moment.", valueName: "moment"))
  var to: MomentArgument?

  @Option(help: ArgumentHelp("Only around this moment.", valueName: "moment"))
  var around: MomentArgument?

  @Option(
    help: ArgumentHelp(
      "How much around it, such as 200us. (default: 1ms; around an exit three times as long as its handling)",
      valueName: "time"))
  var window: TimeArgument?

  func validate() throws {
    if around != nil && (from != nil || to != nil) {
      throw ValidationError("--around cannot be combined with --from and --to")
    }
    if window != nil && around == nil { throw ValidationError("--window needs --around") }
    if let window, window.nanoseconds <= 0 { throw ValidationError("--window has to be longer than 0") }
  }

  /// Whether a part was chosen.
  var isChosen: Bool { from != nil || to != nil || around != nil }

  /// What was chosen of a trace.
  struct Choice {
    /// The instants asked for; nil: all.
    var part: Range<Int64>?
    /// What `--around` found.
    var focus: FoundMoment?
  }

  /// Finds what is meant. Ends the program with status 2 when there is no such moment.
  func choose(_ search: MomentSearch) throws -> Choice {
    if let around {
      let found = try find(around, "--around", search)
      return Choice(part: window(around: found), focus: found)
    }
    guard from != nil || to != nil else { return Choice() }
    let lower = try from.map { try find($0, "--from", search).timestamp } ?? .min
    let upper = try to.map { try find($0, "--to", search).timestamp } ?? .max
    guard lower < upper else { throw Terminal.mistake("--to has to be later than --from") }
    return Choice(part: lower..<upper)
  }

  private func find(_ argument: MomentArgument, _ option: String, _ search: MomentSearch) throws
    -> FoundMoment
  {
    do throws(MomentError) {
      return try search.find(argument.moment)
    } catch {
      throw Terminal.mistake("\(option) \(argument.text): \(error)")
    }
  }

  private func window(around found: FoundMoment) -> Range<Int64> {
    let begin = found.timestamp
    let end = window == nil ? found.exit?.reentry ?? begin : begin
    var margin = (window?.nanoseconds ?? 1_000_000) / 2
    // An exit stands in the middle third.
    if window == nil, found.exit?.reentry != nil { margin = max(end &- begin, 10_000) }
    margin = max(1, min(margin, .max / 4))
    let lower = begin.subtractingReportingOverflow(margin)
    let upper = end.addingReportingOverflow(margin)
    return (lower.overflow ? .min : lower.partialValue)..<(upper.overflow ? .max : upper.partialValue)
  }

  /// The window of a report; nil: all of the recording. Ends the program with status 2 when there is no such part.
  func window(in trace: Trace, _ options: AnalysisOptions) throws -> TraceWindow? {
    try Self.window(try choose(options.moments(in: trace)).part, in: trace)
  }

  /// A part of what was recorded of exeunt.
  static func window(_ part: Range<Int64>?, in trace: Trace) throws -> TraceWindow? {
    guard let part else { return nil }
    guard let begin = TraceSpan.begin(of: trace), let end = TraceSpan.end(of: trace) else {
      throw Terminal.mistake("this trace has no events of exeunt, so no times can be chosen")
    }
    guard let window = TraceWindow(part, of: begin...end) else {
      let length = Double(end &- begin) / 1e9
      throw Terminal.mistake("the recording is \(length) s long; there is nothing in this window")
    }
    return window
  }
}
