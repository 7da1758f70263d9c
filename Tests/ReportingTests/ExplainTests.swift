import Analysis
import CTF
import Reports
import Testing

@testable import Reporting

/// What is a finding and in which order, by made-up runs.
@Suite("Findings")
struct ExplainTests {
  static let second: Int64 = 1_000_000_000

  /// A run of one second in which nothing happens.
  static func run(vcpus: Int = 1) -> ExplainedRun {
    var run = ExplainedRun(elapsed: second)
    run.vcpus = (0..<vcpus).map(vcpu)
    return run
  }

  static func vcpu(_ id: Int) -> VcpuReport {
    VcpuReport(
      id: id, name: "vcpu\(id)", span: second, inKvmRun: second, dispatch: 0, devices: [], lockWait: 0,
      other: 0,
      unknown: 0, outside: 0, reasons: [],
      pairing: PairingReport(
        exits: 0, enters: 0, missingExits: 0, exitsWithoutEnter: 0, exitsWithoutReentry: 0,
        entersWithoutExit: 0, brokenHandlers: 0, unmatchedRequests: 0, unexplained: 0, restarts: 0))
  }

  static func latency(_ count: UInt64, _ each: Int64) -> LatencyReport {
    LatencyReport(
      count: count, total: Int64(count) * each, minimum: each, p50: each, p90: each, p99: each, p999: each,
      maximum: each)
  }

  /// Exits that likely cost so much, of which half is handling.
  static func exits(
    _ count: UInt64, costing cost: Int64, device: String? = nil, address: UInt64 = 0x100
  ) -> ExplainedRun.Accesses {
    let handling = latency(count, cost / Int64(count) / 2)
    let exits = ExitReport(
      reason: "io", device: device, address: address, addresses: 1, count: count, inKvmRun: handling,
      handling: handling,
      cost: ExitCostReport(
        atLeast: cost / 2, likely: cost, atMost: cost * 2, average: cost / Int64(count)))
    return ExplainedRun.Accesses(device: device, exits: exits, parts: [exits])
  }

  @Test("nothing, of a run in which nothing happens")
  func nothing() {
    var run = Self.run()
    run.vcpus[0].scheduling = ThreadFindingTests.scheduling(waiting: 0)
    run.registers = [Self.exits(1, costing: 0, device: "serial0")]
    #expect(Findings.find(in: run).isEmpty)
    #expect(Findings.find(in: ExplainedRun(elapsed: 0)).isEmpty)
  }

  @Test(
    "severity is by the part of the vCPUs' time, and one thread's counts a fifth",
    arguments: [
      (1, 0.0199, nil), (1, 0.0201, "low"), (1, 0.0499, "low"), (1, 0.0501, "medium"), (1, 0.1999, "medium"),
      (1, 0.2001, "high"), (4, 0.0799, nil), (4, 0.0801, "low"), (16, 0.0999, nil), (16, 0.1001, "low"),
      (16, 0.2501, "medium"), (16, 1.01, "high"),
    ] as [(Int, Double, String?)])
  func thresholds(vcpus: Int, part: Double, severity: String?) {
    var run = Self.run(vcpus: vcpus)
    run.registers = [Self.exits(100, costing: Int64(part * 1e9), device: "serial0")]
    let found = Findings.find(in: run)
    #expect(found.first?.severity == severity)
    #expect(found.count == (severity == nil ? 0 : 1))
  }

  @Test("severities do not go up again, with many vCPUs either")
  func order() {
    var run = Self.run(vcpus: 3)
    run.kicks = [Self.exits(7, costing: Self.second / 2, device: "disk0")]
    run.requests = [
      RequestReport(
        device: "disk1", queue: 0, kind: "read", count: 100, bytes: 0, failed: 0,
        duration: Self.latency(100, 1000))
    ]
    run.requests[0].duration.maximum = Self.second / 4
    run.requests[0].duration.maximumExemplar = LocationReport(timestamp: 1)
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["slow_request", "exit_kicks"])
    #expect(found.map(\.severity) == ["high", "medium"])
    #expect(found[0].cost.time < found[1].cost.time)
  }

  @Test("the costliest comes first, whatever kind it is")
  func ranking() {
    var run = Self.run()
    run.registers = [
      Self.exits(10, costing: Self.second / 10, device: "serial0"),
      Self.exits(10, costing: Self.second / 1000, device: "rtc"),
    ]
    run.kicks = [Self.exits(7, costing: Self.second / 5, device: "disk0")]
    run.unclaimed = [Self.exits(5, costing: Self.second / 20, address: 0x80)]
    let found = Findings.find(in: run)
    #expect(found.map(\.kind) == ["exit_kicks", "small_accesses", "unclaimed_accesses"])
    #expect(found.map(\.subject) == ["disk0", "serial0", "port 0x80"])
    #expect(found[0].number("kicks") == 7 && found[2].number("exits") == 5)
    #expect(found.map(\.cost.time) == [Self.second / 5, Self.second / 10, Self.second / 20])
    #expect(found.allSatisfy { !$0.advice.isEmpty && $0.estimate?.saves == $0.cost.time })
  }

  @Test("a cost that may have waits for a CPU in it says so", arguments: [0.0, 0.09, 0.11])
  func waits(part: Double) throws {
    var run = Self.run(vcpus: 2)
    run.kicks = [Self.exits(10, costing: Self.second, device: "disk0")]
    run.vcpus[1].scheduling = ThreadFindingTests.scheduling(waiting: Int64(part * 2e9))
    let found = try #require(Findings.find(in: run).first { $0.kind == "exit_kicks" })
    #expect(
      found.title.hasSuffix(", with waits for a CPU but in the least") == (part > 0.1), "\(found.title)")
  }

  @Test("with one thread, or under the translator, kicks that exit are told as they are")
  func kicksElsewhere() throws {
    var run = Self.run()
    run.kicks = [Self.exits(1000, costing: Self.second, device: "disk0")]
    let usual = try #require(Findings.find(in: run).first { $0.kind == "exit_kicks" })
    #expect(usual.title.contains("in the kernel") && usual.estimate?.assumption.contains("KVM takes") == true)
    run.configuration["engine"] = "tcg"
    let translated = try #require(Findings.find(in: run).first { $0.kind == "exit_kicks" })
    #expect(
      !translated.title.contains("kernel") && translated.estimate?.assumption.contains("KVM takes") == false)
    run.configuration["threads"] = "single"
    #expect(!Findings.find(in: run).contains { $0.kind == "exit_kicks" })
  }

  @Test("addresses of which none costs much are one finding, where all together do")
  func scan() {
    var run = Self.run()
    run.unclaimed = (0..<100).map { Self.exits(2, costing: Self.second / 2000, address: 0x1000 + $0) }
    let found = Findings.find(in: run)
    #expect(found.map(\.subject) == ["100 addresses"])
    #expect(found.first?.number("exits") == 200 && found.first?.cost.time == Self.second / 20)
    run.unclaimed = Array(run.unclaimed.prefix(10))
    #expect(Findings.find(in: run).isEmpty)
  }

  @Test("kicks are told from other accesses, with ioeventfds and without", arguments: ["exits", "ioeventfd"])
  func kicks(_ ways: String) throws {
    let (_, builder) = try ReportTests.builder("doorbell-\(ways)")
    let report = builder.explain()
    let found = try #require(report.explain).findings
    let kicks = try #require(builder.summary().summary?.paths.first { $0.kind == "exit" || ways != "exits" })
    let finding = found.first { $0.kind == "exit_kicks" }
    #expect(finding?.number("kicks") == (ways == "exits" ? Int64(kicks.kicks) : nil))
    #expect(ways != "exits" || found.first?.kind == "exit_kicks")
    #expect(!found.contains { $0.kind == "small_accesses" })
    let text = TextRenderer.render(report)
    #expect(text.contains("1. HIGH: ") && text.contains("try: "))
    #expect(ways == "exits" || found.first?.kind == "single_kicks")
  }

  @Test(
    "what a trace does not tell is said",
    arguments: [
      ("lossy", ["events are missing", "what vCPUs did in"]), ("whole", []),
      ("mixed", ["whether events are missing", "whether threads waited for a CPU"]),
    ])
  func notKnown(_ name: String, _ words: [String]) throws {
    let report = try ReportTests.builder(name).1.explain()
    let sentences = try #require(report.explain).notKnown
    #expect(sentences.count == words.count)
    for (sentence, words) in zip(sentences, words) { #expect(sentence.hasPrefix(words)) }
    #expect(TextRenderer.render(report).contains("Not known") == !words.isEmpty)
  }

  @Test("numbers in sentences are not broken at the end of a line")
  func unbroken() {
    #expect(
      Text.unbroken("took 12.3 ms, 1 234 567 exits (4 %) in 10 places 5 s")
        == "took 12.3\u{a0}ms, 1\u{a0}234\u{a0}567 exits (4\u{a0}%) in 10 places 5\u{a0}s")
  }
}
