import Analysis
import ArgumentParser
import CTF
import Dump
import Reporting
import Reports
import Statistics

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
        kick_to_interrupt.p50, kick_to_interrupt.p99. Others: elapsed, cpu,
        cpu_per_exit, kvm_run_per_exit, handling_per_exit, requests.rate, and
        those of exits and paths that the report lists.

      EXAMPLES:
        exeunt-analyze compare run1 run2
        exeunt-analyze compare old1 old2 old3 --against new1 new2 new3
        exeunt-analyze compare old? --against new? --fail-if 'handling.p99 > +10%'
      """)

  @OptionGroup var options: AnalysisOptions

  @Option(
    name: .customLong("against"), parsing: .upToNextOption,
    help: ArgumentHelp("The runs of B.", valueName: "dir"), completion: .directory)
  var against: [String] = []

  @Flag(
    help: "The first run of A with the first of B, and so on; by default where runs were recorded in turns.")
  var paired = false

  @Flag(help: "Runs have nothing to do with each other, even if they were recorded in turns.")
  var unpaired = false

  @Option(
    help: ArgumentHelp("What counts as the same: up to so much more or less.", valueName: "percent"),
    transform: Self.percent)
  var equivalence: Double?

  @Option(
    help: ArgumentHelp(
      "Metrics that are judged, instead of the default ones. May be repeated.", valueName: "metric"))
  var primary: [String] = []

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 when runs prove that a metric of B is beyond this; of too few runs nothing is. May be repeated.",
      valueName: "metric > +n%"),
    transform: Self.limit)
  var failIf: [MetricLimit] = []

  func validate() throws {
    if against.isEmpty, options.directories.count != 2 {
      throw ValidationError(
        "compare takes two recordings, or several --against others; not \(options.directories.count)")
    }
    if paired, unpaired { throw ValidationError("--paired and --unpaired exclude each other") }
    if paired, options.directories.count != against.count, !against.isEmpty {
      throw ValidationError(
        "--paired needs as many runs of A as of B, not \(options.directories.count) and \(against.count)")
    }
    if max(options.directories.count, against.count) > Samples.mostRuns {
      throw ValidationError("compare takes at most \(Samples.mostRuns) runs of each side")
    }
    if Set(primary).count < primary.count { throw ValidationError("--primary names a metric twice") }
  }

  func run() throws {
    let all = options.directories
    let (a, b) = against.isEmpty ? ([all[0]], [all[1]]) : (all, against)
    var plan = ComparisonPlan()
    if !primary.isEmpty { plan.primary = primary }
    if paired { plan.pairing = .paired } else if unpaired { plan.pairing = .unpaired }
    if let equivalence { plan.judgement.equivalence = equivalence }
    plan.limits = failIf
    let runs = (try a.map(compared), try b.map(compared))
    try refuseRepetition(runs.0 + runs.1)
    var report = Report.comparing(runs.0, with: runs.1, plan)
    try refuseUnknown(report.compare?.evidence)
    // The first of each side are in the report; of the others it is said here.
    let others = (runs.0.dropFirst() + runs.1.dropFirst()).map(\.summary.trace)
    for trace in others where options.failOnLoss && (trace.isPartial || trace.check?.isWhole != true) {
      report.findings.append("the trace \(trace.paths.joined(separator: " ")) is not complete")
    }
    try options.finish(report)
    try AnalysisOptions.checkDamage(others)
  }

  private func compared(_ directory: String) throws -> ComparedRun {
    var options = options
    options.directories = [directory]
    guard let run = try options.reporter().compared() else {
      throw Terminal.mistake("compare takes recordings; \(directory) is the state of several machines")
    }
    return run
  }

  /// A test takes runs for independent. One run beside itself is put side by side and judged by nothing.
  private func refuseRepetition(_ runs: [ComparedRun]) throws {
    guard runs.count > 2 else { return }
    var seen: [[Int64]: String] = [:]
    for trace in runs.map(\.summary.trace) {
      guard let begin = trace.begin, let end = trace.end else { continue }
      let path = trace.paths.joined(separator: " ")
      if let other = seen.updateValue(path, forKey: [begin, end, Int64(clamping: trace.events)]) {
        throw Terminal.mistake(
          "\(path) is the same run as \(other == path ? "before" : other): each counts once")
      }
    }
  }

  /// What was asked for by name, and is in none of the runs, was not judged.
  private func refuseUnknown(_ evidence: EvidenceReport?) throws {
    guard let evidence else { return }
    let known = Set(
      (evidence.primary + evidence.exploratory).filter { ($0.a + $0.b).contains { $0 != nil } }.map(\.name))
    for name in primary + failIf.map(\.metric) where !known.contains(name) {
      throw Terminal.mistake(
        "no run has the metric '\(name)'" + Suggestion.sentence(for: name, among: known.sorted()))
    }
  }

  private static func percent(_ text: String) throws -> Double {
    let number = text.hasSuffix("%") ? text.dropLast() : text[...]
    guard let value = Double(number), value > 0, value <= 100 else {
      throw ValidationError("'\(text)' is no percentage above 0 and up to 100")
    }
    return value / 100
  }

  private static func limit(_ text: String) throws -> MetricLimit {
    guard let limit = MetricLimit(text) else {
      throw ValidationError(
        "'\(text)' is no limit; one is a metric, > or <, and a percentage: 'handling.p99 > +10%'")
    }
    return limit
  }
}
