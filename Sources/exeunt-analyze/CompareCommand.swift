import Analysis
import ArgumentParser
import CTF
import Reporting
import Reports

/// `exeunt-analyze compare`: which of two configurations is better, and how sure that is.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare runs of two configurations, A and B: which is better, and how sure is that?",
    discussion: """
      Takes runs of A, then --against runs of B, recorded in turns; each is a
      directory or a state. A verdict takes 8 pairs, or 5 runs of both; two runs
      alone are put side by side. docs/comparison.md has the method.

      METRICS:
        Primary: exits.rate, handling.p50, handling.p99, cpu_per_request,
        kick_to_interrupt.p50, kick_to_interrupt.p99 (where interrupts tell of
        some requests only, kick_to_pushed). Others: elapsed, cpu,
        cpu_per_exit, kvm_run_per_exit, handling_per_exit, accesses,
        kick_to_pushed.p50, requests.rate, and those of exits and paths that
        the report lists.

      EXAMPLES:
        exeunt-analyze compare run1 run2
        exeunt-analyze compare old1 old2 old3 --against new1 new2 new3
        exeunt-analyze compare old? --against new? --fail-if 'handling.p99 > +10%'
        exeunt-analyze compare locks        the factors of a sweep (exeunt sweep)
      """)

  @OptionGroup var options: AnalysisOptions

  @OptionGroup var comparison: ComparisonOptions

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 when runs prove that a metric of B is beyond this; of too few runs nothing is. May be repeated.",
      valueName: "metric > +n%"),
    transform: Self.limit)
  var failIf: [MetricLimit] = []

  func validate() throws { try comparison.validate("compare", options.directories) }

  func run() throws {
    if comparison.against.isEmpty, options.directories.count == 1 {
      return try compareSweep(options.directories[0])
    }
    try SweepInput.refuse(options.directories + comparison.against)
    let (a, b) = comparison.sides(options.directories)
    let runs = (try a.map(compared), try b.map(compared))
    var report = try comparison.compare(runs.0, with: runs.1, limits: failIf)
    // The first of each side are in the report; of the others it is said here.
    let others = (runs.0.dropFirst() + runs.1.dropFirst()).map(\.summary.trace)
    for trace in others where options.failOnLoss && (trace.isPartial || trace.check?.isWhole != true) {
      report.findings.append("the trace \(trace.paths.joined(separator: " ")) is not complete")
    }
    try options.finish(report)
    try AnalysisOptions.checkDamage(others)
  }

  /// Compares the levels of a sweep's factors.
  private func compareSweep(_ path: String) throws {
    guard SweepInput.isSweep(path) else {
      throw Terminal.mistake(
        "compare takes two recordings, or several --against others, or the directory of a sweep; \(PathText.shown(path)) is none"
      )
    }
    if !failIf.isEmpty { throw Terminal.mistake("--fail-if is for runs that are named, not for a sweep") }
    var traces: [TraceReport] = []
    let report = try SweepInput(path).report(comparison) { trace in
      let run = try compared(trace)
      traces.append(run.summary.trace)
      return run
    }
    try options.finish(report)
    try AnalysisOptions.checkDamage(traces)
  }

  private func compared(_ directory: String) throws -> ComparedRun {
    var options = options
    options.directories = [directory]
    guard let run = try options.reporter().compared() else {
      throw Terminal.mistake("compare takes recordings; \(directory) is the state of several machines")
    }
    return run
  }

  private static func limit(_ text: String) throws -> MetricLimit {
    guard let limit = MetricLimit(text) else {
      throw ValidationError(
        "'\(text)' is no limit; one is a metric, > or <, and a percentage: 'handling.p99 > +10%'")
    }
    return limit
  }
}
