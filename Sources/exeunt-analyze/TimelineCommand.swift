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
      With --around, the moment is marked and the events next to it are listed. An exit (slowest, vcpuN:SEQ) takes the
      middle third of the page unless --window says how much to show.

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

  @OptionGroup var part: WindowOptions

  func run() throws {
    let trace = try options.open()
    guard let begin = TraceSpan.begin(of: trace), let end = TraceSpan.end(of: trace) else {
      let analysis = options.analyse(trace)
      let builder = ReportBuilder(trace, paths: options.directories, analysis: analysis)
      return try options.finish(builder.timeline(Timeline.none, window: 0..<1))
    }
    // Names come from the state dump, which may be anywhere; the slowest exit, too.
    let analysis = options.analyse(trace)
    let search = MomentSearch(trace) { analysis.models.slowestExit()?.slowest.exemplar.timestamp }
    let choice = try part.choose(search)
    let wanted = choice.part ?? begin..<(end == .max ? .max : end + 1)
    guard let focus = choice.focus?.timestamp ?? .some(wanted.lowerBound), wanted.overlaps(begin..<end + 1),
      choice.focus == nil || (begin...end).contains(focus)
    else {
      throw Terminal.mistake(
        "the recording is \(Double(end - begin) / 1e9) s long; "
          + (part.around.map { "--around \($0.text) is outside" } ?? "there is nothing in this window"))
    }
    // Beyond the last event nothing is known.
    let shown = max(begin, wanted.lowerBound)..<min(end + 1, wanted.upperBound)
    let builder = ReportBuilder(trace, paths: options.directories, analysis: analysis)
    let timeline = Timeline.read(
      trace, window: shown, traceBegin: begin, threads: builder.threadNames.count,
      cells: TextRenderer.timelineCells(threads: builder.threadNames, style: options.style),
      doubtFrom: analysis.doubtFrom)
    try options.finish(
      builder.timeline(timeline, window: shown, around: choice.focus, named: part.around?.text))
  }
}
