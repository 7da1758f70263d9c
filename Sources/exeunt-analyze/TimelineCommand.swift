import Analysis
import ArgumentParser
import CTF
import Reporting

/// `exeunt-analyze timeline`: states of vCPUs and loops over time.
struct TimelineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timeline",
    abstract: "Draw what vCPUs and event loops did over time.",
    discussion: """
      Times are seconds from the first event, or have a suffix: 1500ms, 20us.

      EXAMPLES:
        exeunt-analyze timeline run1
        exeunt-analyze timeline --from 1.2 --to 1.3 run1
        exeunt-analyze timeline --around 2.113409 --window 200us run1
        exeunt-analyze timeline --around slowest run1        the exit that took longest
        exeunt-analyze timeline --around mark=3 run1         where the guest wrote 3 to the marker port
        exeunt-analyze timeline --around vcpu0:1234 run1     exit number 1234 of vCPU 0
        exeunt-analyze timeline --around interrupt run1      the first event of this name
      """)

  @OptionGroup var options: AnalysisOptions

  @Option(help: ArgumentHelp("First moment shown.", valueName: "time"))
  var from: TimeArgument?

  @Option(help: ArgumentHelp("Last moment shown.", valueName: "time"))
  var to: TimeArgument?

  @Option(
    help: ArgumentHelp(
      "A moment to look at: a time, slowest, mark=VALUE, vcpuN:SEQ, or an event's name.", valueName: "moment")
  )
  var around: String?

  @Option(help: ArgumentHelp("How much to show around it (default: 1ms).", valueName: "time"))
  var window: TimeArgument?

  func validate() throws {
    if around != nil && (from != nil || to != nil) {
      throw ValidationError("--around cannot be combined with --from and --to")
    }
    if window != nil && around == nil { throw ValidationError("--window needs --around") }
    if let window, window.nanoseconds <= 0 { throw ValidationError("--window has to be longer than 0") }
  }

  func run() throws {
    let trace = try options.open()
    guard let begin = TraceSpan.begin(of: trace), let end = TraceSpan.end(of: trace) else {
      let analysis = options.analyse(trace)
      let builder = ReportBuilder(trace, paths: options.directories, analysis: analysis)
      return try options.finish(builder.timeline(Timeline.none, window: 0..<1))
    }
    let shown = try span(trace, begin, end)
    // Names come from the state dump, which may be anywhere.
    let analysis = options.analyse(trace)
    let builder = ReportBuilder(trace, paths: options.directories, analysis: analysis)
    let timeline = Timeline.read(
      trace, window: shown, traceBegin: begin, threads: builder.threadNames.count,
      cells: TextRenderer.timelineCells(threads: builder.threadNames, style: options.style),
      isDoubtful: analysis.isDoubtful)
    try options.finish(builder.timeline(timeline, window: shown))
  }

  private func span(_ trace: Trace, _ begin: Int64, _ end: Int64) throws -> Range<Int64> {
    guard let around else {
      let part = try TimeWindow.make(from: from, to: to, in: trace)?.part
      return max(part?.lowerBound ?? begin, begin)..<min(part?.upperBound ?? end + 1, end + 1)
    }
    let moment = try find(around, trace, begin)
    guard moment >= begin, moment <= end else {
      throw Terminal.mistake(
        "the recording is \(Double(end - begin) / 1e9) s long; --around \(around) is outside")
    }
    let half = max(1, min((window?.nanoseconds ?? 1_000_000) / 2, Int64.max / 4))
    // Beyond the last event nothing is known.
    return max(begin, moment - half)..<min(end + 1, moment + half)
  }

  private func find(_ name: String, _ trace: Trace, _ begin: Int64) throws -> Int64 {
    if let time = TimeArgument(argument: name) {
      let (moment, overflow) = begin.addingReportingOverflow(time.nanoseconds)
      if !overflow { return moment }
    }
    if name == "slowest" {
      guard let exemplar = options.analyse(trace).models.slowestExit()?.slowest.exemplar else {
        throw Terminal.mistake("no exit with its handling is in this trace")
      }
      return exemplar.timestamp
    }
    let target: MomentFinder.Target
    if name.hasPrefix("mark="), let value = NumberArgument(argument: String(name.dropFirst(5))) {
      target = .mark(value.value)
    } else if name.hasPrefix("vcpu"), let colon = name.firstIndex(of: ":"),
      let vcpu = UInt64(name[name.index(name.startIndex, offsetBy: 4)..<colon]),
      let seq = UInt64(name[name.index(after: colon)...])
    {
      target = .exit(vcpu: vcpu, seq: seq)
    } else if EventTag.allCases.contains(where: { $0.schema.name == name }) {
      target = .event(name)
    } else {
      throw Terminal.mistake(
        "--around \(name): not a time, slowest, mark=VALUE, vcpuN:SEQ or the name of an event such as guest_mark"
      )
    }
    guard let moment = MomentFinder.find(target, in: trace) else {
      throw Terminal.mistake("--around \(name): nothing like it is in this trace")
    }
    return moment
  }
}
