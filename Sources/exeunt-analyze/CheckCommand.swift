import Analysis
import ArgumentParser
import CTF
import Reporting

/// `exeunt-analyze check`: whether a recording is whole.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Tell whether a recording has all events that the program emitted.",
    discussion: """
      Compares what each thread of the program counted, which a recording ends with, with the events that are there.
      The status is 0 when nothing is missing, 1 when something is or when it cannot be known, 3 when the trace is
      damaged or cannot be read.

      EXAMPLES:
        exeunt-analyze check run1
        exeunt-analyze check --format json run1 | jq .check.missing
      """)

  @OptionGroup var options: AnalysisOptions

  @OptionGroup var following: FollowOption

  func run() throws {
    let report = try options.reporter(follow: following.follow).check()
    try options.show(report)
    try AnalysisOptions.checkDamage([report.trace])
    if report.check?.isWhole != true { throw ExitCode(1) }
  }
}
