import Glibc
import Statistics
import TestSupport
import Testing

/// What verdicts are made of, and how often they are wrong.
@Suite("Verdicts about metrics")
struct JudgementTests {
  /// Normally distributed.
  private static func normal(_ random: inout SeededGenerator) -> Double {
    let (radius, angle) = (
      Double.random(in: 0.000_001..<1, using: &random), Double.random(in: 0..<1, using: &random)
    )
    return (-2 * log(radius)).squareRoot() * cos(2 * .pi * angle)
  }

  /// What six metrics of ten pairs differ by: what runs have in common, what each metric has of its own.
  ///
  /// - Parameters:
  ///   - noise: Standard deviation of a run's logarithm.
  ///   - shift: What B is larger by, in the second and the third.
  ///   - disturbed: The part of runs that something else disturbed.
  private static func family(
    noise: Double, shared: Double, shift: Double = 0, pairs: Int = 10, disturbed: Double = 0,
    _ random: inout SeededGenerator
  ) -> [Samples] {
    let runs = (0..<pairs).map { _ -> [Double] in
      func run() -> [Double] {
        let common = normal(&random)
        let disturbance = Double.random(in: 0..<1, using: &random) < disturbed ? 20 * noise : 0
        return (0..<6).map { _ in
          disturbance + noise * (shared.squareRoot() * common + (1 - shared).squareRoot() * normal(&random))
        }
      }
      let (a, b) = (run(), run())
      return zip(a, b).enumerated().map { $1.1 - $1.0 + (1...2 ~= $0 ? shift : 0) }
    }
    return (0..<6).map { metric in .pairs(runs.map { $0[metric] }) }
  }

  @Test(
    "of one configuration with itself, at most 1 % of ten pairs' comparisons have any metric differ",
    arguments: [0.0, 0.5, 0.95])
  func falseVerdicts(_ shared: Double) {
    var random = SeededGenerator(seed: 11)
    let tries = 2000
    var wrong = 0
    for _ in 0..<tries {
      let metrics = Self.family(noise: 0.01, shared: shared, disturbed: 0.03, &random)
      // All that takes more time is about those few.
      guard FamilyWise.stepDown(metrics).contains(where: { $0 <= 0.01 }) else { continue }
      let findings = Judgement().family(metrics)
      if findings.contains(where: { $0.verdict == .higher || $0.verdict == .lower }) { wrong += 1 }
    }
    // 1 % and three standard deviations of so many tries.
    let most = 0.01 + 3 * (0.01 * 0.99 / Double(tries)).squareRoot()
    #expect(Double(wrong) / Double(tries) <= most, "\(wrong) of \(tries)")
    // And the level is made use of, or the method would find less than it can.
    #expect(wrong > 0)
  }

  @Test("3 % more is found in ten pairs whose runs vary by 1 %, in at least 90 % of all tries")
  func power() {
    var random = SeededGenerator(seed: 12)
    let tries = 400
    var found = [0, 0]
    for _ in 0..<tries {
      let findings = Judgement().family(Self.family(noise: 0.01, shared: 0.5, shift: log(1.03), &random))
      for metric in 1...2 where findings[metric].verdict == .higher { found[metric - 1] += 1 }
      #expect(!findings.contains { $0.verdict == .tooFew })
      // What stands by itself may still be chance among six.
      let proven = findings.filter { $0.verdict == .higher || $0.verdict == .lower }
      #expect(proven.allSatisfy { $0.p <= 0.01 && ($0.familyP ?? 1) <= 0.01 })
    }
    #expect(found.allSatisfy { Double($0) >= 0.9 * Double(tries) }, "\(found) of \(tries)")
  }

  @Test("the same is said where runs hardly vary, and never of what differs by more")
  func same() {
    var random = SeededGenerator(seed: 13)
    var (found, wrong) = (0, 0)
    for _ in 0..<300 {
      let findings = Judgement().family(Self.family(noise: 0.004, shared: 0.3, shift: log(1.021), &random))
      if findings[0].verdict == .same { found += 1 }
      if findings[1...2].contains(where: { $0.verdict == .same }) { wrong += 1 }
    }
    #expect(found >= 270, "\(found) of 300")
    #expect(wrong <= 8, "\(wrong) of 300")
  }

  @Test("two sides are judged alike, and in either direction")
  func sides() {
    var random = SeededGenerator(seed: 14)
    var (higher, lower, wrong) = (0, 0, 0)
    for _ in 0..<30 {
      func values(_ shift: Double) -> [Double] { (0..<7).map { _ in shift + 0.005 * Self.normal(&random) } }
      let findings = Judgement().family([
        .sides(a: values(0), b: values(0.04)), .sides(a: values(0.04), b: values(0)),
        .sides(a: values(0), b: values(0)),
      ])
      if findings[0].verdict == .higher { higher += 1 }
      if findings[1].verdict == .lower { lower += 1 }
      if [.higher, .lower].contains(findings[2].verdict) { wrong += 1 }
    }
    #expect(higher >= 28 && lower >= 28 && wrong <= 1, "\(higher), \(lower), \(wrong) of 30")
  }

  @Test("with too few runs the verdict is that, however much differs")
  func tooFew() {
    for pairs in 1...9 {
      let finding = Judgement().family([.pairs((0..<pairs).map { 1 + Double($0) / 100 })])[0]
      #expect((finding.verdict == .tooFew) == (pairs < 8), "\(pairs) pairs: \(finding)")
      #expect((finding.interval == nil) == (pairs < 8))
      #expect((finding.detectable == nil) == (pairs < 8))
      #expect(finding.p == exp2(1 - Double(pairs)))
    }
    for runs in 1...6 {
      let values = (0..<runs).map { Double($0) / 100 }
      let finding = Judgement().family([.sides(a: values, b: values.map { $0 + 1 })])[0]
      #expect((finding.verdict == .tooFew) == (runs < 5), "\(runs) runs a side: \(finding)")
    }
  }

  @Test("the smallest difference that can be shown is shown, and no smaller one")
  func detectable() throws {
    for seed in 1...30 {
      var random = SeededGenerator(seed: UInt64(seed))
      let metric = Self.family(noise: 0.01, shared: 0, &random)[0]
      let finding = Judgement().alone(metric)
      let detectable = log(try #require(finding.detectable))
      let centred = metric.shifted(by: metric.shift)
      func excludes(_ shift: Double) -> Bool {
        guard let interval = centred.shifted(by: shift).interval(level: 0.01) else { return false }
        return interval.lower > 0 || interval.upper < 0
      }
      #expect(excludes(detectable * 1.000_1) && excludes(-detectable * 1.000_1))
      #expect(!excludes(detectable * 0.999) || !excludes(-detectable * 0.999))
    }
  }

  @Test("arrangements that are drawn say what all of them say")
  func drawn() {
    var random = SeededGenerator(seed: 15)
    for shift in [0.0, 0.003, 0.006] {
      let pairs = Self.family(noise: 0.01, shared: 0.5, shift: shift, pairs: 14, &random)
      let sides = pairs.map { metric -> Samples in
        guard case .pairs(let values) = metric else { return metric }
        return .sides(a: Array(values.prefix(7)), b: values.suffix(7).map { $0 + shift })
      }
      // All are 8192 and 3432.
      for metrics in [pairs, sides] {
        for (all, some) in zip(FamilyWise.stepDown(metrics), FamilyWise.stepDown(metrics, limit: 3000)) {
          #expect(abs(all - some) < 0.04, "\(all), \(some)")
          #expect(all != some || all == 1)
        }
      }
    }
  }

  @Test("a limit is passed, kept, or neither is known")
  func limits() {
    let metric = Samples.pairs((0..<10).map { 0.2 + Double($0) / 1000 })
    #expect(Judgement.limit(metric, ratio: 1.1, isUpper: true).beyond < 0.001)
    #expect(Judgement.limit(metric, ratio: 1.1, isUpper: false).within < 0.001)
    #expect(Judgement.limit(metric, ratio: 1.3, isUpper: true).within < 0.001)
    let between = Judgement.limit(metric, ratio: exp(0.2045), isUpper: true)
    #expect(between.beyond > 0.1 && between.within > 0.1)
  }

  @Test("a percentile takes ten events beyond it")
  func percentiles() {
    #expect(Percentile.fewestEvents(permille: 999) == 10_000)
    #expect(Percentile.fewestEvents(permille: 990) == 1000)
    #expect(Percentile.fewestEvents(permille: 900) == 100)
    #expect(Percentile.fewestEvents(permille: 500) == 20)
  }
}
