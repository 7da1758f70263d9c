import Glibc

/// What a set of runs says about one metric.
package struct Finding: Sendable, Equatable {
  /// What can be said.
  package enum Verdict: String, Sendable, CaseIterable {
    /// No difference, however large, could be proven with so few runs.
    case tooFew = "too_few_runs"
    /// B is larger than A, and not shown to be the same.
    case higher
    /// B is smaller than A, and not shown to be the same.
    case lower
    /// Whatever the difference is, it is within what counts as the same.
    case same
    /// Neither a difference nor that there is none is shown.
    case noEvidence = "no_evidence"
  }

  /// The verdict.
  package let verdict: Verdict
  /// B ÷ A.
  package let ratio: Double
  /// Where the ratio is; nil: too few runs. Of this metric by itself.
  package let interval: ConfidenceInterval?
  /// B ÷ A that these runs could just have shown, larger than 1; nil: none. See ``Judgement``.
  package let detectable: Double?
  /// Of the rank test of no difference, by itself.
  package let p: Double
  /// That of all metrics that are judged together; nil: this one is judged by itself.
  package let familyP: Double?
  /// Of the two one-sided tests, that of all metrics judged together.
  package let equivalenceP: Double
}

/// Judges metrics of the same runs together.
///
/// The smallest ratio that could have been shown is that with which the interval, as wide as it is, would just leave 1 out:
/// the farther of its ends from the estimate.
package struct Judgement: Sendable {
  /// The chance of a wrong verdict about a difference, in the whole family, and of one that something is the same.
  package var level: Double
  /// Ratios from 1 ÷ (1 + this) to 1 + this are the same.
  package var equivalence: Double

  /// How to judge.
  package init(level: Double = 0.01, equivalence: Double = 0.02) {
    self.level = level
    self.equivalence = equivalence
  }

  /// Judges metrics that were declared beforehand, together.
  package func family(_ metrics: [Samples]) -> [Finding] {
    let differences = FamilyWise.stepDown(metrics)
    let same = FamilyWise.holm(metrics.map(equivalenceP))
    return metrics.indices.map { finding(metrics[$0], familyP: differences[$0], equivalenceP: same[$0]) }
  }

  /// Judges several comparisons of the same blocks together, each in some metrics, and all of them as pairs.
  ///
  /// What is said of differences is one family. Each arrangement exchanges the signs of a block's differences in all comparisons at once, so
  /// that the level is exact where what chance does to a block, in all configurations together, is as likely with the opposite sign. Of
  /// two configurations that are alike this holds whatever is distributed how; of more it takes logarithms that are distributed symmetrically.
  ///
  /// A comparison is the same as a whole or not at all: all its metrics have to be, which makes the largest of their p-values that of the
  /// comparison, corrected by Holm for the number of comparisons.
  ///
  /// - Returns: In the order of `comparisons`.
  package func comparisons(_ comparisons: [[Samples]]) -> [[Finding]] {
    let all = comparisons.flatMap { $0 }
    let differences = FamilyWise.stepDown(all, limit: Self.arrangements(all))
    let same = FamilyWise.holm(comparisons.map { $0.map(equivalenceP).max() ?? 1 })
    var place = 0
    return zip(comparisons, same).map { metrics, same in
      metrics.map { metric in
        defer { place += 1 }
        return finding(metric, familyP: differences[place], equivalenceP: same)
      }
    }
  }

  /// As many arrangements as take seconds, and enough for p-values far below the level.
  private static func arrangements(_ metrics: [Samples]) -> Int {
    guard case .pairs(let first)? = metrics.first else { return 1 << 18 }
    let most = 400_000_000 / max(1, metrics.count * first.count)
    return min(1 << 18, max(1 << 12, most))
  }

  /// What runs say of a metric that nobody declared: its numbers, as if it were the only one.
  package func alone(_ metric: Samples) -> Finding {
    finding(metric, familyP: nil, equivalenceP: equivalenceP(metric))
  }

  /// Two one-sided tests (Schuirmann 1987): the larger p-value of those of a ratio at either end of what is the same.
  private func equivalenceP(_ metric: Samples) -> Double {
    let margin = log1p(equivalence)
    return max(
      metric.shifted(by: -margin).pValue(.greater), metric.shifted(by: margin).pValue(.less))
  }

  private func finding(_ metric: Samples, familyP: Double?, equivalenceP: Double) -> Finding {
    let p = metric.pValue(.twoSided)
    let shift = metric.shift
    let interval = metric.interval(level: level)
    return Finding(
      verdict: verdict(interval, p: max(p, familyP ?? p), equivalenceP: equivalenceP),
      ratio: exp(shift),
      interval: interval.map {
        ConfidenceInterval(lower: exp($0.lower), upper: exp($0.upper), coverage: $0.coverage)
      },
      detectable: interval.map { exp(max($0.upper - shift, shift - $0.lower)) }, p: p, familyP: familyP,
      equivalenceP: equivalenceP)
  }

  private func verdict(
    _ interval: ConfidenceInterval?, p: Double, equivalenceP: Double
  ) -> Finding.Verdict {
    guard let interval else { return .tooFew }
    if equivalenceP <= level { return .same }
    guard p <= level else { return .noEvidence }
    if interval.lower > 0 { return .higher }
    return interval.upper < 0 ? .lower : .noEvidence
  }
}

/// A limit on how much larger or smaller B may be.
extension Judgement {
  /// The p-values that a ratio is beyond a limit, and that it is not.
  ///
  /// - Parameters:
  ///   - ratio: The limit, B ÷ A.
  ///   - isUpper: Beyond is above it, else below.
  package static func limit(_ metric: Samples, ratio: Double, isUpper: Bool) -> (
    beyond: Double, within: Double
  ) {
    let moved = metric.shifted(by: log(ratio))
    let (above, below) = (moved.pValue(.greater), moved.pValue(.less))
    return isUpper ? (above, below) : (below, above)
  }
}

/// Whether there are enough events for a percentile.
package enum Percentile {
  /// So many durations have to be beyond it: p99.9 takes 10 000.
  package static let fewestBeyond: UInt64 = 10

  /// The fewest durations that a percentile of them says something of.
  ///
  /// - Parameter permille: 500 for the median; below 1000.
  package static func fewestEvents(permille: UInt64) -> UInt64 {
    let beyond = 1000 - permille
    return (fewestBeyond * 1000 + beyond - 1) / beyond
  }
}
