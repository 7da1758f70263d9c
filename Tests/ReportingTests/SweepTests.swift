import Glibc
import Reports
import SyntheticRuns
import Testing

@testable import Reporting

/// What blocks of a sweep say of each factor.
@Suite("Factors of a sweep")
struct SweepTests {
  /// Two factors of which each multiplies a metric, whatever the other one is.
  private static let design = SweepDesign(
    question: "Which?", factors: ["pause", "lock"],
    configurations: ["none", "some", "long"].flatMap { pause in
      ["device", "global"].map { .init(label: "pause=\(pause),lock=\($0)", levels: [pause, $0]) }
    }, planned: 60)
  private static let effects = ["some": 1.1, "long": 0.7, "global": 1.05]

  /// Runs of ten blocks, between which the machine's speed changes by much, and runs of one block by less than 1 %.
  private static func runs(without missing: Set<Int> = []) -> [SweepRun] {
    (0..<10).flatMap { block in
      design.configurations.indices.compactMap { index -> SweepRun? in
        let number = block * 6 + index
        guard !missing.contains(number) else { return nil }
        let speed = exp(0.4 * sin(Double(block) * 2.3))
        let noise = 1 + 0.002 * sin(Double(number) * 1.7)
        let factor = design.configurations[index].levels.reduce(1) { $0 * (effects[$1] ?? 1) }
        return .synthetic(
          number: number, block: block, configuration: index, isDisturbed: number == 7,
          ["elapsed": 1000 * speed * noise * factor, "cpu": 500 * speed * noise])
      }
    }
  }

  private static var plan: ComparisonPlan {
    var plan = ComparisonPlan()
    plan.primary = ["elapsed", "cpu"]
    return plan
  }

  @Test("each effect is found by itself, whatever the other factor and the block do")
  func effects() throws {
    let report = try #require(Report.comparing(Self.design, Self.runs(), Self.plan))
    let sweep = try #require(report.sweep)
    #expect(try Report(json: try report.json()) == report)
    #expect(
      sweep.blocks == 10 && sweep.missing == 0 && sweep.configurations.map(\.disturbed).reduce(0, +) == 1)
    #expect(
      sweep.effects.map { [$0.factor, $0.from, $0.to] } == [
        ["pause", "none", "some"], ["pause", "none", "long"], ["lock", "device", "global"],
      ])
    for (effect, verdict) in zip(sweep.effects, ["worse", "better", "worse"]) {
      #expect(effect.over == [effect.factor == "lock" ? "pause" : "lock"])
      let elapsed = try #require(effect.evidence.primary.first { $0.name == "elapsed" })
      let ratio = try #require(elapsed.ratio), expected = try #require(Self.effects[effect.to])
      #expect(abs(ratio / expected - 1) < 0.003 && elapsed.verdict == verdict)
      #expect(try #require(elapsed.lower) <= expected && expected <= #require(elapsed.upper))
      let cpu = try #require(effect.evidence.primary.first { $0.name == "cpu" })
      #expect(cpu.verdict == "same")
      #expect(effect.evidence.design == "pairs" && effect.evidence.a.count == 10)
    }
    let text = TextRenderer.render(report)
    #expect(text.contains("pause: B long against A none, averaged over lock"))
    #expect(
      text.contains("long is better: elapsed −30.0 %") || text.contains("long is better: elapsed −29.9 %"))
    #expect(text.contains("device is better: global has elapsed +5.0"))
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("disturbed by other programs: 1 of 10 runs of pause=none,lock=global "))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    #expect(!HTMLRenderer.render(report).isEmpty)
  }

  @Test("only blocks in which everything ran count, and without one there is no report")
  func incomplete() throws {
    let report = try #require(Report.comparing(Self.design, Self.runs(without: [3, 8, 20]), Self.plan))
    #expect(report.sweep?.blocks == 7 && report.sweep?.missing == 3)
    let verdicts = report.sweep?.effects.flatMap { $0.evidence.primary.map(\.verdict) } ?? []
    #expect(!verdicts.isEmpty && verdicts.allSatisfy { $0 == "too_few_runs" })
    #expect(TextRenderer.render(report).contains("too few blocks to tell: it takes 8"))
    #expect(Report.comparing(Self.design, Self.runs(without: Set((0..<10).map { $0 * 6 })), Self.plan) == nil)
    #expect(Report.comparing(Self.design, [], Self.plan) == nil)
    let single = SweepDesign(
      question: nil, factors: [], configurations: [.init(label: "g", levels: [])], planned: 10)
    let runs = Self.runs().filter { $0.configuration == 0 }
    let alone = TextRenderer.render(try #require(Report.comparing(single, runs, Self.plan)))
    #expect(alone.contains("nothing to compare it with") && !alone.contains("%"))
  }
}
