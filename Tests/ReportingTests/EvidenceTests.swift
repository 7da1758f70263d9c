import Glibc
import Reports
import Statistics
import Testing

@testable import Reporting

/// Several runs of two configurations.
@Suite("Evidence about configurations")
struct EvidenceTests {
  /// A run of one second at a time, with values that vary by less than 1 %.
  private static func run(
    _ number: Int, isB: Bool = false, at second: Int, p99: Double = 1, configuration: String = "{}",
    isPartial: Bool = false, leavesOut: String? = nil
  ) -> ComparedRun {
    let begin = Int64(second) * 1_000_000_000
    let trace = TraceReport(
      paths: ["\(isB ? "b" : "a")\(number)"], begin: begin, end: begin + 900_000_000, duration: 900_000_000,
      isUnixTime: true, events: 1, otherEvents: 0, discardedEvents: 0, lostPackets: 0, isPartial: isPartial,
      streams: [], eventsByName: [], diagnostics: [], notes: [])
    var report = Report(command: "summary", trace: trace)
    report.machine = MachineReport(
      version: "1", guest: "doorbell", kvm: "vmx", kernel: "6.1", ramBytes: 1, vcpus: 1, loops: 1, pid: 1,
      tscKHz: 1, configuration: configuration)
    let noise = 1 + Double((number * 7 + (isB ? 3 : 0)) % 11) / 2000
    let metrics = ComparisonPlan.defaultPrimary.filter { $0 != leavesOut }.map { name in
      RunMetric(
        name: name, unit: name == "exits.rate" ? "per_second" : "ns", isLessBetter: name != "exits.rate",
        value: 1000 * noise * (isB && name == "handling.p99" ? p99 : 1), weight: 1)
    }
    let others = ["exits/short.p50", "exits/long.p50"].map {
      RunMetric(name: $0, unit: "ns", value: 10 * noise, weight: $0.contains("long") ? 1000 : 1)
    }
    return ComparedRun(summary: report, metrics: metrics + others)
  }

  /// A run whose vCPU recording took a part of its time of.
  private static func run(_ number: Int, isB: Bool = false, recording: Double) -> ComparedRun {
    let run = run(number, isB: isB, at: 2 * number + (isB ? 1 : 0))
    var report = run.summary
    let time = Int64(recording * 1e9)
    report.summary = SummaryReport(
      vcpus: [
        VcpuReport(
          id: 0, name: "vcpu0", span: 1_000_000_000, inKvmRun: 1_000_000_000, dispatch: 0, devices: [],
          lockWait: 0,
          other: 0, unknown: 0, outside: 0,
          recording: RecordingCostReport(events: 1000, time: time, atLeast: time / 2), reasons: [],
          pairing: PairingReport(
            exits: 0, enters: 0, missingExits: 0, exitsWithoutEnter: 0, exitsWithoutReentry: 0,
            entersWithoutExit: 0,
            brokenHandlers: 0, unmatchedRequests: 0, unexplained: 0, restarts: 0))
      ], loops: [], exits: [], paths: [], interrupts: [], requests: [], locks: [], kvm: [], phases: [],
      marks: 0)
    return ComparedRun(summary: report, metrics: run.metrics)
  }

  @Test("what recording took is told where it differs by more than one part of a hundred")
  func recordingCost() throws {
    for (one, two, isTold) in [(0.031, 0.115, true), (0.05, 0.02, true), (0.031, 0.036, false)] {
      let runs = (
        a: (0..<10).map { Self.run($0, recording: one) },
        b: (0..<10).map { Self.run($0, isB: true, recording: two) }
      )
      let warnings = try Self.evidence(runs).warnings.filter { $0.contains("recording took about") }
      #expect(warnings.count == (isTold ? 1 : 0))
      let words =
        "about \(Text.fixed(one * 100, 1))\(Text.space)% of A's vCPUs' time and \(Text.fixed(two * 100, 1))\(Text.space)% of B's"
      #expect(warnings.allSatisfy { $0.contains(words) })
    }
  }

  /// Runs made in turns.
  private static func turns(_ pairs: Int, p99: Double = 1) -> (a: [ComparedRun], b: [ComparedRun]) {
    let a = (0..<pairs).map { run($0, at: 2 * $0 + $0 % 2) }
    return (a, (0..<pairs).map { run($0, isB: true, at: 2 * $0 + 1 - $0 % 2, p99: p99) })
  }

  private static func evidence(
    _ runs: (a: [ComparedRun], b: [ComparedRun]), _ plan: ComparisonPlan = ComparisonPlan()
  ) throws -> EvidenceReport {
    let report = Report.comparing(runs.a, with: runs.b, plan)
    #expect(try Report(json: try report.json()) == report)
    let text = TextRenderer.render(report)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 }, "\(text)")
    #expect(!HTMLRenderer.render(report).isEmpty)
    return try #require(report.compare?.evidence)
  }

  @Test("ten pairs: what differs by 5 % is worse, what does not is the same, what takes longest is first")
  func pairs() throws {
    var runs = Self.turns(10, p99: 1.05)
    // The order in which they are named does not matter: they tell when they were made.
    runs.a.reverse()
    let evidence = try Self.evidence(runs)
    #expect(evidence.design == "pairs" && evidence.warnings.isEmpty)
    #expect(evidence.a.map(\.path) == (0..<10).map { "a\($0)" })
    #expect(evidence.primary.map(\.name) == ComparisonPlan.defaultPrimary)
    for metric in evidence.primary {
      #expect(metric.verdict == (metric.name == "handling.p99" ? "worse" : "same"), "\(metric)")
      let ratio = try #require(metric.ratio)
      #expect(abs(ratio - (metric.name == "handling.p99" ? 1.05 : 1)) < 0.005)
      #expect(try #require(metric.lower) <= ratio && ratio <= #require(metric.upper))
      #expect(metric.familyP != nil && metric.smallestP == exp2(-9))
    }
    #expect(evidence.exploratory.map(\.name) == ["exits/long.p50", "exits/short.p50"])
    #expect(evidence.exploratory.allSatisfy { $0.familyP == nil && $0.verdict == "same" })
    let other = try Self.evidence((runs.b, runs.a))
    #expect(other.primary.first { $0.name == "handling.p99" }?.verdict == "better")
  }

  @Test("medians that contradict the estimate are told, as of runs that fall into groups")
  func groups() throws {
    // In each pair B is a little slower, but pairs are of two kinds, and the medians of A and of B fall into different ones.
    func with(_ run: ComparedRun, _ value: Double) -> ComparedRun {
      let metrics = run.metrics.map { metric in
        var metric = metric
        if metric.name == "handling.p99" { metric.value = value }
        return metric
      }
      return ComparedRun(summary: run.summary, metrics: metrics)
    }
    func runs(_ pairs: Int, slow: Int) -> (a: [ComparedRun], b: [ComparedRun]) {
      let turns = Self.turns(pairs)
      func base(_ pair: Int, _ slow: Int) -> Double { (pair < slow ? 1000 : 100) + Double(pair) }
      return (
        (0..<pairs).map { with(turns.a[$0], base($0, slow)) },
        (0..<pairs).map { with(turns.b[$0], 1.02 * base($0, slow + 1)) }
      )
    }
    let apart = runs(11, slow: 5)
    let metric = try #require(try Self.evidence(apart).primary.first { $0.name == "handling.p99" })
    let (a, b) = (try #require(metric.medianA), try #require(metric.medianB))
    try #require(b / a > 5 && metric.upper ?? .infinity < b / a)
    let note = "the medians say another ratio than"
    let text = TextRenderer.render(Report.comparing(apart.a, with: apart.b, ComparisonPlan()))
    let line = try #require(text.firstRange(of: note).map { text[$0.lowerBound...].prefix(120) })
    let ratio = EvidenceText.change(b / a).replacing(Text.space, with: " ")
    #expect(line.contains("handling.p99 (\(ratio))"))
    let alike = Self.turns(10, p99: 1.05)
    #expect(!TextRenderer.render(Report.comparing(alike.a, with: alike.b, ComparisonPlan())).contains(note))
  }

  @Test("runs that were not made in turns are no pairs, nor are few of them, unless that is said")
  func design() throws {
    let after = (0..<10).map { Self.run($0, isB: true, at: 100 + $0) }
    #expect(try Self.evidence((Self.turns(10).a, after)).design == "sides")
    #expect(try Self.evidence(Self.turns(7)).design == "sides")
    #expect(try Self.evidence(Self.turns(8)).design == "pairs")
    var plan = ComparisonPlan()
    plan.pairing = .paired
    #expect(try Self.evidence(Self.turns(7), plan).design == "pairs")
    plan.pairing = .unpaired
    #expect(try Self.evidence(Self.turns(8), plan).design == "sides")
  }

  @Test("one run each makes no statement, too few runs say that they are too few")
  func few() throws {
    let one = Self.turns(1, p99: 2)
    let single = try Self.evidence(one)
    #expect(single.design == "one_each")
    #expect(single.primary.allSatisfy { $0.verdict == "one_run_each" && $0.ratio == nil })
    let report = Report.comparing(one.a, with: one.b, ComparisonPlan())
    #expect(TextRenderer.render(report).contains("one run each: no statement about configurations"))
    let few = Self.turns(4, p99: 2)
    let evidence = try Self.evidence(few)
    #expect(
      evidence.primary.allSatisfy { $0.verdict == "too_few_runs" && $0.lower == nil && $0.ratio != nil })
    let text = TextRenderer.render(Report.comparing(few.a, with: few.b, ComparisonPlan()))
    #expect(text.contains("too few runs: no p-value below 0.0286 is possible"))
  }

  @Test("limits fail on evidence only, and say when there is too little")
  func limits() throws {
    func verdicts(_ runs: (a: [ComparedRun], b: [ComparedRun]), _ limits: [String]) throws -> [String] {
      var plan = ComparisonPlan()
      plan.limits = try limits.map { try #require(MetricLimit($0)) }
      let report = Report.comparing(runs.a, with: runs.b, plan)
      let found = try #require(report.compare?.evidence?.limits)
      #expect(report.findings.count == found.count { $0.verdict == "exceeded" })
      return found.map(\.verdict)
    }
    let runs = Self.turns(10, p99: 1.2)
    let limits = [
      "handling.p99 > +10%", "handling.p99>+30%", "handling.p99 < -5 %", "handling.p99 > +20%",
      "nothing > 1%",
    ]
    #expect(try verdicts(runs, limits) == ["exceeded", "kept", "kept", "undecided", "not_in_all_runs"])
    #expect(try verdicts(Self.turns(3, p99: 2), ["handling.p99 > +10%"]) == ["too_few_runs"])
    #expect(try verdicts(Self.turns(1, p99: 2), ["handling.p99 > +10%"]) == ["too_few_runs"])
    for text in ["", "p99", "handling.p99 > 10", "> 10%", "a > x%", "a < -100%", "a > nan%", "a > inf%"] {
      #expect(MetricLimit(text) == nil, "\(text)")
    }
  }

  @Test("what makes runs unfit is said, and a metric that a run lacks is not judged")
  func warnings() throws {
    var runs = Self.turns(9)
    runs.a[2] = Self.run(2, at: 4, configuration: #"{"ioeventfd": "off"}"#)
    runs.b[3] = Self.run(3, isB: true, at: 6, isPartial: true)
    runs.b[4] = Self.run(4, isB: true, at: 9, leavesOut: "handling.p50")
    let evidence = try Self.evidence(runs)
    #expect(evidence.warnings.contains { $0.contains("runs of A are not alike") && $0.contains("ioeventfd") })
    #expect(evidence.warnings.contains { $0.contains("not whole") && $0.hasSuffix("b3") })
    #expect(!evidence.warnings.contains { $0.contains("runs of B are not alike") })
    let lacking = try #require(evidence.primary.first { $0.name == "handling.p50" })
    #expect(lacking.verdict == "not_in_all_runs" && lacking.ratio == nil && lacking.b[4] == nil)
  }

  @Test(
    "where exits of A and B are not the same ones, what is of all of them together is neither better nor worse"
  )
  func mixes() throws {
    let kinds = try ReportTests.builder("mixed").1.summary().summary?.exits ?? []
    try #require(kinds.count > 3)
    func runs(_ factor: UInt64) throws -> (a: [ComparedRun], b: [ComparedRun]) {
      let turns = Self.turns(10, p99: 1.05)
      func with(_ exits: [ExitReport], _ runs: [ComparedRun]) -> [ComparedRun] {
        runs.map { run in
          var summary = run.summary
          summary.summary = SummaryReport(
            vcpus: [], loops: [], exits: exits, paths: [], interrupts: [], requests: [], locks: [], kvm: [],
            phases: [], marks: 0)
          let metrics = run.metrics.map { metric in
            var metric = metric
            metric.isOfAllExits = metric.name.hasPrefix("handling.")
            return metric
          }
          return ComparedRun(summary: summary, metrics: metrics)
        }
      }
      var changed = kinds
      changed[0].count = kinds[0].count * factor / 10
      return (with(kinds, turns.a), with(changed, turns.b))
    }
    let alike = try Self.evidence(runs(10))
    #expect(alike.warnings.isEmpty)
    #expect(alike.primary.first { $0.name == "handling.p99" }?.verdict == "worse")
    for factor: UInt64 in [0, 5, 30] {
      let different = try Self.evidence(runs(factor))
      #expect(different.warnings.count == 1, "\(different.warnings)")
      #expect(different.warnings.first?.contains(Comparison.name(kinds[0])) == true)
      #expect(different.primary.first { $0.name == "handling.p99" }?.verdict == "higher")
      #expect(different.primary.filter { $0.isLessBetter }.count == 3)
    }
  }

  @Test("a run's metrics are those of its own reports", arguments: ReportTests.names)
  func metrics(_ name: String) throws {
    let builder = try ReportTests.builder(name).1
    let run = builder.compared()
    let summary = try #require(run.summary.summary)
    func value(_ name: String) -> Double? { run.metrics.first { $0.name == name }?.value }
    #expect(Set(run.metrics.map(\.name)).count == run.metrics.count)
    let ofAll = run.metrics.filter(\.isOfAllExits).map(\.name)
    #expect(ofAll.contains("handling_per_exit") && !ofAll.contains("elapsed"))
    #expect(ofAll.allSatisfy { !$0.contains("/") })
    #expect(value("exits.rate") == summary.allExits?.rate?.perSecond)
    #expect(value("elapsed") == Double(run.summary.trace.duration))
    // Of a run with losses nothing that counts what was recorded.
    let requests = summary.requests.reduce(0) { $0 + $1.count }
    let isWhole = !run.summary.trace.isPartial
    #expect(isWhole == (name != "lossy"))
    #expect((value("requests.rate") != nil) == (isWhole && requests > 0))
    #expect((value("handling_per_exit") != nil) == (isWhole && summary.allExits?.handling.count ?? 0 > 0))
    #expect(value("cpu_per_exit") == nil || isWhole && value("cpu_per_request") != nil || requests == 0)
    #expect(run.metrics.contains { $0.name.hasSuffix(".time") && $0.value != nil } == isWhole)
    let handling = try #require(summary.allExits).handling
    #expect(value("handling.p50") == (handling.count >= 20 ? Double(handling.p50) : nil))
    #expect(value("handling.p99") == (handling.count >= 1000 ? Double(handling.p99) : nil))
    #expect(value("handling.p99.9") == (handling.count >= 10_000 ? Double(handling.p999) : nil))
    let kicks = summary.paths.compactMap { $0.stage("kick_to_interrupt") }
    if kicks.count == 1, kicks[0].count >= 20 {
      #expect(value("kick_to_interrupt.p50") == Double(kicks[0].p50))
    }
    if kicks.contains(where: { $0.count >= 20 }), let found = value("kick_to_interrupt.p50") {
      // Of several queues, it is between theirs.
      #expect(
        found >= Double(kicks.map(\.minimum).min() ?? 0) && found <= Double(kicks.map(\.maximum).max() ?? 0))
    }
    for (place, path) in (summary.joinedPaths ?? []).enumerated() {
      let parts = summary.paths.filter { $0.device == path.device && $0.queue == path.queue }
      #expect(parts.count > 1 && path.kind == "any", "\(place)")
      #expect(
        path.kicks == parts.reduce(0) { $0 + $1.kicks }
          && path.handlers == parts.reduce(0) { $0 + $1.handlers })
      #expect(path.stage("handler")?.total == parts.reduce(0) { $0 + ($1.stage("handler")?.total ?? 0) })
    }
  }
}
