import ArgumentParser
import Dump
import Glibc
import Reporting
import Reports
import Spelling
import Statistics

/// How runs of two configurations are compared.
struct ComparisonOptions: ParsableArguments {
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

  func validate() throws {
    if paired, unpaired { throw ValidationError("--paired and --unpaired exclude each other") }
    if against.count > Samples.mostRuns { throw Self.tooMany }
    if Set(primary).count < primary.count { throw ValidationError("--primary names a metric twice") }
  }

  /// Checks the runs of A beside those of B.
  ///
  /// - Parameters:
  ///   - command: The command's name, for messages.
  ///   - directories: Those given; two of them alone are one of each.
  func validate(_ command: String, _ directories: [String]) throws {
    // One alone may be a sweep's, which is seen when it is read.
    if against.isEmpty, directories.count != 2, command != "compare" || directories.count != 1 {
      throw ValidationError(
        "\(command) takes two recordings, or several --against others; not \(directories.count)")
    }
    if paired, directories.count != against.count, !against.isEmpty {
      throw ValidationError(
        "--paired needs as many runs of A as of B, not \(directories.count) and \(against.count)")
    }
    if directories.count > Samples.mostRuns { throw Self.tooMany }
  }

  private static let tooMany = ValidationError("compare takes at most \(Samples.mostRuns) runs of each side")

  /// The runs of both sides.
  func sides(_ directories: [String]) -> (a: [String], b: [String]) {
    against.isEmpty ? ([directories[0]], [directories[1]]) : (directories, against)
  }

  /// How these runs are judged.
  var plan: ComparisonPlan {
    var plan = ComparisonPlan()
    if !primary.isEmpty { plan.primary = primary }
    if paired { plan.pairing = .paired } else if unpaired { plan.pairing = .unpaired }
    if let equivalence { plan.judgement.equivalence = equivalence }
    return plan
  }

  /// Compares runs, or ends the program with status 2 where one is given twice or a metric is in none of them.
  func compare(_ a: [ComparedRun], with b: [ComparedRun], limits: [MetricLimit] = []) throws -> Report {
    try refuseRepetition(a + b)
    var plan = plan
    plan.limits = limits
    let report = Report.comparing(a, with: b, plan)
    try refuseUnknown(report.compare?.evidence, primary + limits.map(\.metric))
    return report
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
  func refuseUnknown(_ evidence: EvidenceReport?, _ names: [String]) throws {
    guard let evidence else { return }
    let known = Set(
      (evidence.primary + evidence.exploratory).filter { ($0.a + $0.b).contains { $0 != nil } }.map(\.name))
    for name in names where !known.contains(name) {
      throw Terminal.mistake(
        "no run has the metric '\(name)'" + NearestWord.sentence(for: name, among: known.sorted()))
    }
  }

  private static func percent(_ text: String) throws -> Double {
    let number = text.hasSuffix("%") ? text.dropLast() : text[...]
    guard let value = Double(number), value > 0, value <= 100 else {
      throw ValidationError("'\(text)' is no percentage above 0 and up to 100")
    }
    return value / 100
  }
}
