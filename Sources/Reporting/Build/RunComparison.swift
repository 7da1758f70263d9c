import Glibc
import Reports
import Statistics

/// How runs are compared.
package struct ComparisonPlan: Sendable {
  /// Which runs belong together.
  package enum Pairing: String, Sendable {
    /// The n-th of A with the n-th of B.
    case paired
    case unpaired
  }

  /// The metrics that are declared beforehand, by default.
  package static let defaultPrimary = [
    "exits.rate", "handling.p50", "handling.p99", "kick_to_interrupt.p50", "kick_to_interrupt.p99",
    "cpu_per_request",
  ]
  /// Those declared.
  package var primary = ComparisonPlan.defaultPrimary
  /// nil: pairs where all runs were recorded in turns, and are enough.
  package var pairing: Pairing?
  /// The fewest pairs that a difference can be shown with.
  static let fewestPairs = 8
  /// Level and what counts as the same.
  package var judgement = Judgement()
  /// What must not be.
  package var limits: [MetricLimit] = []

  /// Of metrics as usual.
  package init() {}

  /// The metrics that are declared. By default, where drivers look for completions by themselves so that interrupts do not tell of
  /// all requests in all runs, it is their way to the used ring instead. Whether runs have a metric decides, not its value.
  ///
  /// - Parameter isInAll: Whether all runs have a metric.
  func primary(where isInAll: (String) -> Bool) -> [String] {
    guard primary == Self.defaultPrimary else { return primary }
    return primary.map { name in
      guard name.hasPrefix("kick_to_interrupt."), !isInAll(name) else { return name }
      let other = "kick_to_pushed." + name.dropFirst("kick_to_interrupt.".count)
      return isInAll(other) ? other : name
    }
  }
}

/// How much larger or smaller a metric of B may be.
package struct MetricLimit: Sendable, Equatable {
  /// As it was given.
  package let text: String
  /// The metric's name.
  package let metric: String
  /// B ÷ A that must not be passed.
  package let ratio: Double
  /// It is passed from below.
  package let isUpper: Bool

  /// Reads `handling.p99 > +10%` or `requests.rate < -5%`; nil: it is neither.
  package init?(_ text: String) {
    guard let sign = text.firstIndex(where: { $0 == ">" || $0 == "<" }) else { return nil }
    let name = text[..<sign].split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    let amount = String(text[text.index(after: sign)...].filter { $0 != " " })
    guard !name.isEmpty, amount.hasSuffix("%"), let percent = Double(amount.dropLast()), percent.isFinite,
      percent > -100
    else { return nil }
    (self.text, metric, ratio, isUpper) = (text, name, 1 + percent / 100, text[sign] == ">")
  }
}

extension Report {
  /// What runs say about two configurations. The side-by-side tables are those of two runs, and empty for more.
  ///
  /// - Parameters:
  ///   - a: Runs of A, at least one.
  ///   - b: Runs of B, at least one.
  package static func comparing(_ a: [ComparedRun], with b: [ComparedRun], _ plan: ComparisonPlan) -> Report {
    let isSingle = a.count == 1 && b.count == 1
    var report = Report.comparing(a[0].summary, with: b[0].summary)
    if !isSingle {
      report.compare?.threads = []
      report.compare?.exits = []
      report.compare?.paths = []
    }
    report.compare?.evidence = RunComparison(a, b, plan).report()
    report.findings = (report.compare?.evidence?.limits ?? []).filter { $0.verdict == "exceeded" }.map {
      "evidence that the limit is passed: \($0.limit)"
    }
    return report
  }
}

/// Compares two sets of runs.
private struct RunComparison {
  private let a: [ComparedRun]
  private let b: [ComparedRun]
  private let plan: ComparisonPlan
  private let isPaired: Bool
  private let isSingle: Bool
  /// Where exits of A and B are not the same ones: what differs most.
  private let mix: (kind: String, a: Double, b: Double)?

  init(_ a: [ComparedRun], _ b: [ComparedRun], _ plan: ComparisonPlan) {
    let inTurns = Self.inTurns(a, b)
    self.plan = plan
    isSingle = a.count == 1 && b.count == 1
    mix = ExitMix.difference(ExitMix(a), ExitMix(b))
    isPaired =
      plan.pairing == .paired
      || (plan.pairing == nil && inTurns != nil && a.count >= ComparisonPlan.fewestPairs)
    (self.a, self.b) = plan.pairing == nil && isPaired ? inTurns ?? (a, b) : (a, b)
  }

  /// The runs by time, where of each two that follow each other one is of either side; nil: they are not so.
  private static func inTurns(_ a: [ComparedRun], _ b: [ComparedRun]) -> ([ComparedRun], [ComparedRun])? {
    guard a.count == b.count, (a + b).allSatisfy({ $0.summary.trace.isUnixTime }) else { return nil }
    func byTime(_ runs: [ComparedRun]) -> [ComparedRun] {
      runs.sorted { ($0.summary.trace.begin ?? 0) < ($1.summary.trace.begin ?? 0) }
    }
    let (a, b) = (byTime(a), byTime(b))
    var last = Int64.min
    for (one, two) in zip(a, b) {
      let begins = [one, two].compactMap(\.summary.trace.begin)
      let ends = [one, two].compactMap(\.summary.trace.end)
      guard begins.count == 2, ends.count == 2, begins.min() ?? 0 > last else { return nil }
      last = ends.max() ?? 0
    }
    return (a, b)
  }

  func report() -> EvidenceReport {
    let metrics = self.metrics()
    let named = Dictionary(metrics.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let declared = plan.primary(where: { named[$0].map { $0.verdict != "not_in_all_runs" } ?? false })
    let primary = declared.map { named[$0] ?? absent($0) }
    let judged = primary.indices.filter { primary[$0].verdict.isEmpty }
    var results = primary
    let findings = plan.judgement.family(judged.map { samples(primary[$0]) })
    for (index, finding) in zip(judged, findings) { results[index].take(finding, samples(primary[index])) }
    let others = metrics.filter { !declared.contains($0.name) }.map { metric in
      var metric = metric
      guard metric.verdict.isEmpty else { return metric }
      let samples = samples(metric)
      metric.take(plan.judgement.alone(samples), samples)
      return metric
    }
    return EvidenceReport(
      design: isSingle ? "one_each" : isPaired ? "pairs" : "sides", level: plan.judgement.level,
      equivalence: plan.judgement.equivalence, a: a.map(\.run), b: b.map(\.run), warnings: warnings(),
      primary: results, exploratory: others, limits: limits(named))
  }

  // MARK: Metrics

  private func absent(_ name: String) -> MetricReport {
    MetricReport(
      name: name, unit: "ns", isLessBetter: true, a: a.map { _ in nil }, b: b.map { _ in nil }, medianA: nil,
      medianB: nil, verdict: "not_in_all_runs")
  }

  /// All metrics of any run, what takes most time first; those that can be judged have no verdict yet.
  private func metrics() -> [MetricReport] {
    func tables(_ runs: [ComparedRun]) -> [[String: RunMetric]] {
      runs.map { Dictionary($0.metrics.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }) }
    }
    let (left, right) = (tables(a), tables(b))
    var order: [String: (metric: RunMetric, place: Int)] = [:]
    for run in a + b {
      for (place, metric) in run.metrics.enumerated() {
        if let known = order[metric.name], known.metric.weight >= metric.weight { continue }
        order[metric.name] = (metric, place)
      }
    }
    // Metrics of the whole run come first, then parts of it.
    let sorted = order.values.sorted {
      let (one, two) = ($0.metric.name.contains("/"), $1.metric.name.contains("/"))
      if one != two { return !one }
      if one, $0.metric.weight != $1.metric.weight { return $0.metric.weight > $1.metric.weight }
      return ($0.place, $0.metric.name) < ($1.place, $1.metric.name)
    }
    return sorted.map { entry in
      let name = entry.metric.name
      func values(_ tables: [[String: RunMetric]]) -> [Double?] { tables.map { $0[name]?.value } }
      let (one, two) = (values(left), values(right))
      let isComplete = (one + two).allSatisfy { ($0 ?? 0) > 0 }
      return MetricReport(
        name: name, unit: entry.metric.unit,
        isLessBetter: entry.metric.isLessBetter && !(entry.metric.isOfAllExits && mix != nil), a: one, b: two,
        medianA: Self.median(one), medianB: Self.median(two),
        verdict: !isComplete ? "not_in_all_runs" : isSingle ? "one_run_each" : "")
    }
  }

  private func samples(_ metric: MetricReport) -> Samples {
    let (left, right) = (metric.a.compactMap { $0 }, metric.b.compactMap { $0 })
    // A quotient first: equal values make exactly no difference.
    return isPaired
      ? .pairs(zip(left, right).map { log($1 / $0) })
      : .sides(a: left.map { log($0) }, b: right.map { log($0) })
  }

  private static func median(_ values: [Double?]) -> Double? {
    let sorted = values.compactMap { $0 }.sorted()
    guard !sorted.isEmpty else { return nil }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  // MARK: Limits

  private func limits(_ metrics: [String: MetricReport]) -> [MetricLimitReport]? {
    guard !plan.limits.isEmpty else { return nil }
    let tests = plan.limits.map { limit -> (beyond: Double, within: Double)? in
      guard let metric = metrics[limit.metric], metric.verdict.isEmpty else { return nil }
      return Judgement.limit(samples(metric), ratio: limit.ratio, isUpper: limit.isUpper)
    }
    // Of several limits, the chance that any is wrongly said to be passed is that of one.
    let exceeded = FamilyWise.holm(tests.map { $0?.beyond ?? 1 })
    let kept = FamilyWise.holm(tests.map { $0?.within ?? 1 })
    return plan.limits.indices.map { index in
      let limit = plan.limits[index]
      guard tests[index] != nil, let metric = metrics[limit.metric] else {
        let verdict = metrics[limit.metric]?.verdict ?? ""
        return MetricLimitReport(
          limit: limit.text, metric: limit.metric,
          verdict: verdict == "one_run_each" ? "too_few_runs" : "not_in_all_runs")
      }
      let level = plan.judgement.level
      let verdict =
        exceeded[index] <= level
        ? "exceeded"
        : kept[index] <= level
          ? "kept"
          : samples(metric).smallestP(.greater) * Double(plan.limits.count) > level
            ? "too_few_runs" : "undecided"
      return MetricLimitReport(
        limit: limit.text, metric: limit.metric, verdict: verdict, exceededP: exceeded[index],
        keptP: kept[index])
    }
  }

  // MARK: Warnings

  /// A vCPU that waited for a CPU for more than this part of the time was short of one.
  private static let mostWaiting = 0.02

  private func warnings() -> [String] {
    var warnings: [String] = []
    for (side, runs) in [("A", a), ("B", b)] {
      let settings = runs.map { Comparison.settings($0.summary) }
      let names = Set(settings.flatMap(\.keys)).sorted()
      for name in names {
        let values = Set(settings.map { $0[name] ?? "–" })
        guard values.count > 1 else { continue }
        warnings.append(
          "the runs of \(side) are not alike: \(name) is " + values.sorted().prefix(4).joined(separator: ", ")
            + (values.count > 4 ? ", …" : ""))
      }
    }
    if Set((a + b).map { Comparison.settings($0.summary)["engine"] ?? "kvm" }).count > 1 {
      warnings.append(
        "not all runs are of one engine: a translator's exits are calls out of translated code, and its times are not a processor's; what differs by that is no answer about configurations"
      )
    }
    let architectures = Set((a + b).map { Comparison.settings($0.summary)["architecture"] ?? "x86_64" })
    if architectures.count > 1 {
      warnings.append(
        "not all runs are of one architecture (\(architectures.sorted().joined(separator: ", "))): their guests are different programs, and what differs by that is no answer about configurations"
      )
    }
    if let mix {
      warnings.append(
        "the exits of A and B are not the same ones: of A's \(ExitMix.words(mix.a)) are \(mix.kind), of B's \(ExitMix.words(mix.b)); "
          + "handling.* and …_per_exit, which are of all exits together, differ for that alone, so neither is called better"
      )
    }
    let runs = a + b
    add(
      "not whole: events are missing or may be, so what counts them (rates, times for a request or an exit, sums) is not compared, and percentiles are of those recorded",
      runs.filter { $0.run.isPartial && !$0.summary.trace.isLimited }, &warnings)
    add(
      "limited: they went on when the trace was as large as it may be (--trace-limit), so neither how long they took nor what counts all that they did is compared",
      runs.filter(\.summary.trace.isLimited), &warnings)
    if let words = recordingDiffers() { warnings.append(words) }
    let short = runs.filter { ($0.run.waiting ?? 0) > Self.mostWaiting }
    add("short of a CPU: vCPUs waited for one more than 2 % of their time", short, &warnings)
    return warnings
  }

  /// From this part of vCPUs' time on, a difference between what recording took is told.
  private static let mostRecording = 0.01

  /// Where one side has more events for its time, recording takes more of it, which looks like a difference of configurations.
  private func recordingDiffers() -> String? {
    guard let left = Self.median(a.map(\.run.recording)), let right = Self.median(b.map(\.run.recording)),
      abs(left - right) > Self.mostRecording
    else { return nil }
    func percent(_ part: Double) -> String { Text.fixed(part * 100, 1) + Text.space + "%" }
    return
      "recording took about \(percent(left)) of A's vCPUs' time and \(percent(right)) of B's: their times differ by up to so much for that alone"
  }

  private func add(_ what: String, _ runs: [ComparedRun], _ warnings: inout [String]) {
    guard !runs.isEmpty else { return }
    let names = runs.prefix(3).map(\.run.path).joined(separator: ", ") + (runs.count > 3 ? ", …" : "")
    warnings.append("\(Text.number(UInt64(runs.count), "run")) \(what): \(names)")
  }
}

extension ComparedRun {
  fileprivate var run: RunReport {
    let trace = summary.trace
    let vcpus = summary.summary?.vcpus ?? []
    let waits = vcpus.compactMap(\.scheduling?.waiting)
    let costs = vcpus.compactMap(\.recording?.time)
    let span = vcpus.reduce(0) { $0 &+ $1.span }
    return RunReport(
      path: trace.paths.joined(separator: " "), begin: trace.begin, duration: trace.duration,
      isPartial: trace.mayLackEvents,
      waiting: waits.isEmpty || span <= 0 ? nil : Double(waits.reduce(0, &+)) / Double(span),
      recording: costs.isEmpty || span <= 0 ? nil : costs.reduce(0) { $0 + Double($1) } / Double(span))
  }
}

extension MetricReport {
  fileprivate mutating func take(_ finding: Finding, _ samples: Samples) {
    verdict =
      switch finding.verdict {
      case .higher: isLessBetter ? "worse" : "higher"
      case .lower: isLessBetter ? "better" : "lower"
      default: finding.verdict.rawValue
      }
    (ratio, detectable) = (finding.ratio, finding.detectable)
    (lower, upper, coverage) = (finding.interval?.lower, finding.interval?.upper, finding.interval?.coverage)
    (p, familyP, equivalenceP) = (finding.p, finding.familyP, finding.equivalenceP)
    smallestP = samples.smallestP()
  }
}
