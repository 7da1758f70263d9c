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

  @OptionGroup var part: WindowOptions

  @Option(
    help: ArgumentHelp(
      "Order of exits: cost (the default), time, count, handling, kvm-run, average; p50, p90, p99, p99.9 or max of "
        + "handling.", valueName: "key"))
  var sort = ExitOrder.cost

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 when handling takes longer: reason=R, device=D, vcpu is not told apart; p50, p90, p99, "
        + "p99.9 or max=TIME. May be repeated.", valueName: "reason=io,p99=20us"))
  var failIfOver: [LatencyThreshold] = []

  func run() throws {
    let trace = try options.open()
    let window = try part.window(in: trace)
    let analysis = options.analyse(trace, window: window?.part)
    let builder = ReportBuilder(
      trace, paths: options.directories, analysis: analysis, window: window,
      whole: options.whole(trace, analysis, window: window))
    for limit in failIfOver { try options.check(device: limit.device, among: builder.exitDeviceNames) }
    try options.finish(builder.summary(sortedBy: sort), thresholds: failIfOver)
  }
}
