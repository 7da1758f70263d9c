import Glibc
import Statistics
import TestSupport
import Testing

/// How often statements about many configurations are wrong.
@Suite("Verdicts about many configurations")
struct ComparisonsTests {
  /// What chance does to a run.
  enum Noise: CaseIterable, Sendable {
    case normal
    /// Exponential: never less than the least, now and then much more.
    case skewed
    /// Of some runs much more, always upwards.
    case disturbed

    fileprivate func draw(_ random: inout SeededGenerator) -> Double {
      let uniform = Double.random(in: 1e-9..<1, using: &random)
      let angle = Double.random(in: 0..<1, using: &random)
      let normal = (-2 * log(uniform)).squareRoot() * cos(2 * .pi * angle)
      return switch self {
      case .normal: normal
      case .skewed: -log(uniform)
      case .disturbed: normal + (Double.random(in: 0..<1, using: &random) < 0.05 ? 20 : 0)
      }
    }
  }

  /// Every two of some configurations, each in three metrics, in ten blocks.
  private static func pairs(
    of shifts: [Double], _ noise: Noise, blocks: Int = 10, _ random: inout SeededGenerator
  ) -> [[Samples]] {
    let runs = (0..<blocks).map { _ in
      shifts.map { shift -> [Double] in
        let common = noise.draw(&random)
        return (0..<3).map { _ in 0.01 * (0.7 * common + 0.7 * noise.draw(&random)) + shift }
      }
    }
    return shifts.indices.flatMap { one in
      ((one + 1)..<shifts.count).map { two in
        (0..<3).map { metric in .pairs(runs.map { $0[two][metric] - $0[one][metric] }) }
      }
    }
  }

  @Test(
    "of configurations that are alike, at most 1 % of sweeps have any two differ", arguments: Noise.allCases)
  func alike(_ noise: Noise) {
    var random = SeededGenerator(seed: 21)
    let tries = 1500
    var wrong = 0
    for _ in 0..<tries {
      let pairs = Self.pairs(of: [0, 0, 0, 0], noise, &random)
      guard FamilyWise.stepDown(pairs.flatMap { $0 }).contains(where: { $0 <= 0.01 }) else { continue }
      let findings = Judgement().comparisons(pairs).flatMap { $0 }
      if findings.contains(where: { $0.verdict == .higher || $0.verdict == .lower }) { wrong += 1 }
    }
    let most = 0.01 + 3 * (0.01 * 0.99 / Double(tries)).squareRoot()
    #expect(Double(wrong) / Double(tries) <= most, "\(wrong) of \(tries)")
  }

  @Test("beside configurations that differ, those that are alike are not found to", arguments: Noise.allCases)
  func partly(_ noise: Noise) {
    var random = SeededGenerator(seed: 22)
    let tries = 600
    var (wrong, found) = (0, 0)
    for _ in 0..<tries {
      // Pairs are 0-1, 0-2, 0-3, 1-2, 1-3, 2-3: the second and the third are alike, the others are not.
      let findings = Judgement().comparisons(Self.pairs(of: [0, 0.3, 0.3, 0.6], noise, &random))
      if findings[3].contains(where: { $0.verdict == .higher || $0.verdict == .lower }) { wrong += 1 }
      if findings[2].allSatisfy({ $0.verdict == .higher }) { found += 1 }
    }
    let most = 0.01 + 3 * (0.01 * 0.99 / Double(tries)).squareRoot()
    #expect(Double(wrong) / Double(tries) <= most, "\(wrong) of \(tries)")
    // Nearly all, or all statements were safe because none was made.
    #expect(noise == .disturbed || Double(found) >= 0.95 * Double(tries), "\(found) of \(tries)")
  }

  @Test("a comparison is the same as a whole or not at all, and not when one of its metrics differs")
  func same() {
    var random = SeededGenerator(seed: 23)
    var (found, wrong) = (0, 0)
    for _ in 0..<100 {
      func metric(_ shift: Double) -> Samples {
        .pairs((0..<12).map { _ in 0.002 * Noise.normal.draw(&random) + shift })
      }
      let findings = Judgement().comparisons([
        [metric(0), metric(0.002)], [metric(0), metric(log(1.0205))],
      ])
      if findings[0].allSatisfy({ $0.verdict == .same }) { found += 1 }
      if findings[1].contains(where: { $0.verdict == .same }) { wrong += 1 }
    }
    #expect(found == 100 && wrong <= 4, "\(found), \(wrong) of 100")
  }

  @Test("looks that are declared keep the level, also of who ends at the first difference")
  func greedy() {
    let (looks, tries) = ([10, 20, 40], 2500)
    var random = SeededGenerator(seed: 24)
    var (spent, unspent) = (0, 0)
    for _ in 0..<tries {
      let blocks = (0..<40).map { _ in Noise.normal.draw(&random) - Noise.normal.draw(&random) }
      let least = looks.map { Samples.pairs(Array(blocks.prefix($0))).pValue(.twoSided) }.min() ?? 1
      if least <= 0.01 / Double(looks.count) { spent += 1 }
      if least <= 0.01 { unspent += 1 }
    }
    let spread = (0.01 * 0.99 / Double(tries)).squareRoot()
    #expect(Double(spent) / Double(tries) <= 0.01 + 3 * spread, "\(spent)")
    // With all of the level at each look it would not be kept.
    #expect(Double(unspent) / Double(tries) > 0.01 + 3 * spread, "\(unspent)")
  }

  @Test(
    "who ends when the interval is narrow enough states a difference no more often, and knows what it says it knows"
  )
  func narrow() {
    let (looks, tries, level) = ([10, 20, 40], 300, 0.01 / 3)
    var random = SeededGenerator(seed: 25)
    var (wrong, ends) = (0, [Int: Int]())
    for _ in 0..<tries {
      let blocks = (0..<40).map { _ in 0.1 * (Noise.normal.draw(&random) - Noise.normal.draw(&random)) }
      for look in looks {
        let finding = Judgement(level: level).alone(.pairs(Array(blocks.prefix(look))))
        guard look == looks.last || (finding.detectable ?? .infinity) < 1.12 else { continue }
        ends[look, default: 0] += 1
        if let interval = finding.interval, !(interval.lower...interval.upper).contains(1) { wrong += 1 }
        break
      }
    }
    #expect(
      Double(wrong) / Double(tries) <= 0.01 + 3 * (0.01 * 0.99 / Double(tries)).squareRoot(), "\(wrong)")
    // It does end early, or nothing was tried.
    #expect((ends[20] ?? 0) > 20 && (ends[40] ?? 0) > 20, "\(ends)")
  }
}
