import Analysis
import ArgumentParser
import CTF
import Dump
import Glibc
import Reporting
import Spelling

/// `exeunt-analyze summary`: what was run and where its time went.
struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary",
    abstract: "What was run, where its time went, exits, I/O paths, event loops (the default).",
    discussion: """
      EXAMPLES:
        exeunt-analyze run1
        exeunt-analyze summary --from 1.5 --to 2 run1
        exeunt-analyze summary run1.state
        exeunt-analyze summary --fail-on-loss --fail-if-over reason=io,p99=20us run1
      """)

  @OptionGroup var options: AnalysisOptions

  @OptionGroup var following: FollowOption

  @OptionGroup var part: WindowOptions

  @Option(
    help: ArgumentHelp(
      "Order of exits: cost (the default), time, count, handling, kvm-run, average; p50, p90, p99, p99.9 or max of "
        + "handling.", valueName: "key"))
  var sort = ExitOrder.cost

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 when handling takes longer: \(LatencyThreshold.form). Start-up and power-off do not count. May "
        + "be repeated.", valueName: "reason=io,p99=20us"),
    transform: LatencyThreshold.parse)
  var failIfOver: [LatencyThreshold] = []

  func run() throws {
    try checkCommand()
    let reporter = try options.reporter(part, follow: following.follow)
    try options.check(devices: failIfOver.compactMap(\.device), among: reporter.exitDeviceNames)
    let report = reporter.summary(sortedBy: sort)
    try options.finish(report, limits: failIfOver.map { reporter.check($0, report) })
  }
  /// A word that is no directory but nearly a command was meant as one: this command runs when none is named.
  private func checkCommand() throws {
    guard let word = options.directories.first, !word.contains("/"),
      PathText.withBytes(word, { access($0, F_OK) }) != 0
    else { return }
    let commands = ExeuntAnalyze.configuration.subcommands.compactMap { $0.configuration.commandName }
    guard let meant = NearestWord.nearest(to: word, among: commands) else { return }
    throw Terminal.mistake("there is no command and no directory '\(word)'; did you mean '\(meant)'?")
  }
}
