import Glibc
import Reports
import SyntheticRuns
import Testing

@testable import Reporting

/// What a sweep says of factors that depend on each other, and which configuration it recommends.
@Suite("Interactions and recommendations of a sweep")
struct SweepChoiceTests {
  /// Ten blocks of every combination of levels, in which each metric is a function of the levels.
  private static func report(
    _ factors: [(name: String, levels: [String])], noise: Double = 0.002, blocks: Int = 10,
    primary: [String] = ["elapsed", "cpu"], seed: UInt64 = 7,
    _ metrics: (_ levels: [String: String]) -> [String: Double]
  ) throws -> Report {
    let combinations = factors.reduce([[]] as [[String]]) { found, factor in
      found.flatMap { levels in factor.levels.map { levels + [$0] } }
    }
    let design = SweepDesign(
      question: nil, factors: factors.map(\.name),
      configurations: combinations.map { levels in
        .init(label: zip(factors, levels).map { "\($0.name)=\($1)" }.joined(separator: ","), levels: levels)
      }, planned: blocks * combinations.count)
    var random = SystemOfChance(state: seed)
    let runs = (0..<blocks).flatMap { block in
      let speed = exp(0.4 * sin(Double(block) * 2.3))
      return combinations.indices.map { index -> SweepRun in
        let levels = Dictionary(uniqueKeysWithValues: zip(factors.map(\.name), combinations[index]))
        let values = metrics(levels).sorted { $0.key < $1.key }.map {
          ($0.key, 1000 * $0.value * speed * exp(noise * random.next()))
        }
        return .synthetic(
          number: block * combinations.count + index, block: block, configuration: index,
          Dictionary(uniqueKeysWithValues: values))
      }
    }
    var plan = ComparisonPlan()
    plan.primary = primary
    return try #require(Report.comparing(design, runs, plan))
  }

  private static let factors = [
    (name: "cpus", levels: ["1", "4"]), (name: "lock", levels: ["device", "global"]),
    (name: "pin", levels: ["off", "on"]),
  ]

  /// Many metrics take more evidence than two: what the picture says is beaten is so by the recommendation's measure.
  @Test("the frontier says that nothing is beaten of which the recommendation says that there is no evidence")
  func agreement() throws {
    let levels = [(name: "wait", levels: ["epoll", "select", "io_uring"])]
    var beaten = 0
    for seed in 1...12 as ClosedRange<UInt64> {
      let report = try Self.report(
        levels, noise: 0.02, primary: ["elapsed", "cpu"] + (0..<12).map { "other\($0)" }, seed: seed
      ) { levels in
        var values = Dictionary(uniqueKeysWithValues: (0..<12).map { ("other\($0)", 1.0) })
        // From too little to be seen to plain.
        values["elapsed"] = levels["wait"] == "select" ? 1 + 0.008 * Double(seed) : 1
        values["cpu"] = 1
        return values
      }
      let sweep = try #require(report.sweep)
      let (choice, frontier) = (try #require(sweep.choices?.first), try #require(sweep.frontiers?.first))
      for point in frontier.points where !point.beatenBy.isEmpty {
        beaten += 1
        #expect(choice.verdict != "no_evidence", "seed \(seed)")
        for other in point.beatenBy {
          let pair = choice.pairs.first { Set([$0.a, $0.b]) == [point.label, other] }
          #expect(
            pair?.metrics.contains { ["better", "worse"].contains($0.verdict) } == true, "seed \(seed)")
        }
      }
    }
    #expect(beaten > 0)
  }

  @Test("an effect that depends on another factor is told at each of its levels, and not on average")
  func interaction() throws {
    // The lock costs 40 % with four vCPUs, and 1 % with one; pinning saves a tenth wherever it is.
    func metrics(_ levels: [String: String]) -> [String: Double] {
      let lock = levels["lock"] == "device" ? 1 : levels["cpus"] == "4" ? 1.4 : 1.01
      return ["elapsed": lock * (levels["pin"] == "on" ? 0.9 : 1), "cpu": 1]
    }
    let report = try Self.report(Self.factors, metrics)
    let sweep = try #require(report.sweep)
    let depending = (sweep.interactions ?? []).filter { $0.metrics.contains { $0.verdict == "depends" } }
    #expect(depending.map { [$0.factor, $0.other] } == [["cpus", "lock"]])
    let elapsed = try #require(depending.first?.metrics.first { $0.name == "elapsed" })
    #expect(abs(elapsed.ratio / (1.4 / 1.01) - 1) < 0.01)
    #expect(try #require(elapsed.lower) < 1.4 / 1.01 && 1.4 / 1.01 < #require(elapsed.upper))
    // The other way round it is the same one.
    for factor in ["cpus", "lock"] {
      let average = try #require(sweep.effects.first { $0.factor == factor && $0.at == nil })
      #expect(average.dependsOn == [factor == "lock" ? "cpus" : "lock"])
    }
    #expect(sweep.effects.first { $0.factor == "pin" }?.dependsOn == nil)
    for (level, expected) in [("1", 1.01), ("4", 1.4)] {
      let effect = try #require(
        sweep.effects.first { $0.factor == "lock" && $0.at == [.init(factor: "cpus", level: level)] })
      #expect(effect.over == ["pin"])
      let ratio = try #require(effect.evidence.primary.first { $0.name == "elapsed" }?.ratio)
      #expect(abs(ratio / expected - 1) < 0.005)
    }
    let text = TextRenderer.render(report)
    #expect(text.contains("lock: B global against A device, at cpus 4, averaged over pin"))
    #expect(text.contains("pin: B on against A off, averaged over cpus, lock"))
    #expect(!text.contains("lock: B global against A device, averaged"))
    #expect(text.contains("depends on cpus"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    #expect(try Report(json: report.json()) == report)
  }

  @Test("factors that multiply do not depend on each other, however large their effects")
  func independent() throws {
    let report = try Self.report(Self.factors) { levels in
      [
        "elapsed": (levels["cpus"] == "4" ? 3 : 1) * (levels["lock"] == "global" ? 1.5 : 1)
          * (levels["pin"] == "on" ? 0.5 : 1), "cpu": levels["cpus"] == "4" ? 2 : 1,
      ]
    }
    let sweep = try #require(report.sweep)
    let verdicts = (sweep.interactions ?? []).flatMap { $0.metrics.map(\.verdict) }
    #expect(verdicts.count == 6 && !verdicts.contains("depends"))
    #expect(sweep.effects.allSatisfy { $0.at == nil && $0.dependsOn == nil } && sweep.effects.count == 3)
  }

  @Test(
    "what is recommended is what the metrics are made to say",
    arguments: [
      // Where neither end of the range is better in both there is a trade, and what is worse in both is beaten.
      ("trade", ["a", "b"], ["a": (1, 2), "b": (2, 1), "c": (2.2, 2.2)], 0.002),
      ("one", ["b"], ["a": (1, 2), "b": (0.9, 1), "c": (2, 1.5)], 0.002),
      ("same", ["a", "b", "c"], ["a": (1, 1), "b": (1, 1), "c": (1, 1)], 0.002),
      ("same", ["a", "c"], ["a": (1, 1), "b": (1.3, 1), "c": (1, 1)], 0.002),
      ("no_evidence", ["a", "b", "c"], ["a": (1, 1), "b": (1.02, 1), "c": (1, 1)], 0.3),
      ("several", ["a", "c"], ["a": (1, 1), "b": (30, 1), "c": (1.01, 1)], 0.3),
    ] as [(String, [String], [String: (Double, Double)], Double)])
  func choices(
    _ verdict: String, _ unbeaten: [String], _ metrics: [String: (Double, Double)], _ noise: Double
  ) throws {
    let report = try Self.report([(name: "x", levels: ["a", "b", "c"])], noise: noise) { levels in
      let (elapsed, cpu) = metrics[levels["x"] ?? ""] ?? (1, 1)
      return ["elapsed": elapsed, "cpu": cpu]
    }
    let choice = try #require(report.sweep?.choices?.first)
    #expect(choice.verdict == verdict && choice.unbeaten == unbeaten.map { "x=" + $0 }, "\(choice)")
    #expect(choice.judged == ["elapsed", "cpu"] && choice.notJudged == [] && choice.pairs.count == 3)
    let text = TextRenderer.render(report)
    let advice = try #require(text.components(separatedBy: "Recommendation").dropFirst().first)
    #expect(advice.contains("none is recommended") == (verdict == "no_evidence"))
    #expect(advice.contains("it depends on what counts") == (verdict == "trade"))
    #expect(advice.contains("x=a beats x=c") == (verdict == "trade"))
    #expect(
      !HTMLRenderer.render(report).isEmpty && text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  @Test("nothing is recommended with too few blocks, nor by metrics that have no better end")
  func nothing() throws {
    let few = try Self.report([(name: "x", levels: ["a", "b"])], blocks: 7) {
      ["elapsed": $0["x"] == "a" ? 1 : 9, "cpu": 1]
    }
    #expect(few.sweep?.choices?.first?.verdict == "too_few_runs")
    #expect(few.sweep?.choices?.first?.unbeaten == [])
    #expect(TextRenderer.render(few).contains("none is recommended: too few blocks"))
    let none = try Self.report([(name: "x", levels: ["a", "b"])]) { _ in ["other": 1] }
    let choice = try #require(none.sweep?.choices?.first)
    #expect(choice.verdict == "nothing_judged" && choice.notJudged == ["elapsed", "cpu"])
    #expect(TextRenderer.render(none).contains("none is recommended: no primary metric"))
  }

  @Test("guests are not beaten by other guests, and each has its own recommendation")
  func guests() throws {
    let report = try Self.report([(name: "guest", levels: ["g", "h"]), (name: "x", levels: ["a", "b"])]) {
      // The one is better on one guest, the other on the other.
      let isLess = ($0["guest"] == "g") == ($0["x"] == "a")
      return ["elapsed": ($0["guest"] == "g" ? 1 : 50) * (isLess ? 1 : 1.2), "cpu": 1]
    }
    let choices = try #require(report.sweep?.choices)
    #expect(choices.map(\.guest) == ["g", "h"] && choices.allSatisfy { $0.verdict == "one" })
    #expect(choices.map(\.unbeaten) == [["guest=g,x=a"], ["guest=h,x=b"]])
    #expect(choices.allSatisfy { $0.pairs.count == 1 })
  }

  @Test(
    "on the frontier less latency takes more processor time, and what is off it is beaten by something on it")
  func frontier() {
    var random = SystemOfChance(state: 9)
    for _ in 0..<300 {
      let points = SweepFrontiers.marked(
        (0..<(1 + Int(random.bits() % 12))).map {
          SweepPointReport(
            label: "c\($0)", latency: Double(random.bits() % 8), cpu: Double(random.bits() % 8),
            isOnFrontier: false,
            beatenBy: [], runs: [])
        })
      let on = points.filter(\.isOnFrontier).sorted { ($0.cpu, $0.latency) < ($1.cpu, $1.latency) }
      #expect(!on.isEmpty)
      for (one, two) in zip(on, on.dropFirst()) {
        #expect(
          one.cpu < two.cpu && one.latency > two.latency || one.cpu == two.cpu && one.latency == two.latency)
      }
      for point in points where !point.isOnFrontier {
        #expect(on.contains { $0.cpu <= point.cpu && $0.latency <= point.latency })
      }
    }
  }

  @Test("a configuration that is beaten is never among those recommended, whatever verdicts there are")
  func consistency() {
    var random = SystemOfChance(state: 3)
    let verdicts = ["better", "worse", "same", "no_evidence"]
    for _ in 0..<2000 {
      let labels = (0..<(2 + Int(random.bits() % 4))).map { "c\($0)" }
      let pairs = labels.indices.flatMap { one in
        labels[(one + 1)...].map { two in
          SweepPairReport(
            a: labels[one], b: two,
            metrics: (0..<2).map {
              SweepContrastReport(
                name: "m\($0)", verdict: verdicts[Int(random.bits() % 4)], ratio: 1, equivalenceP: 1)
            })
        }
      }
      let choice = SweepChoices.choice(nil, labels, pairs, judged: [], notJudged: [], level: 0.01)
      // Told by the definition.
      func beats(_ one: String, _ two: String) -> Bool {
        pairs.contains { pair in
          guard Set([pair.a, pair.b]) == [one, two] else { return false }
          let (good, bad) = pair.b == one ? ("better", "worse") : ("worse", "better")
          let all = pair.metrics.map(\.verdict)
          return all.contains(good) && !all.contains(bad)
        }
      }
      let expected = labels.filter { label in !labels.contains { beats($0, label) } }
      #expect(choice.unbeaten == expected)
      #expect((choice.verdict == "one") == (expected.count == 1))
      if choice.verdict == "no_evidence" { #expect(expected == labels) }
      #expect(SweepChoiceText.sentence(choice).isEmpty == false)
    }
  }
}

/// Normally distributed numbers (Box and Muller), the same for the same state.
private struct SystemOfChance {
  var state: UInt64

  mutating func bits() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33
  }

  private mutating func uniform() -> Double { (Double(bits()) + 0.5) / 2_147_483_648 }

  mutating func next() -> Double { (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }
}
