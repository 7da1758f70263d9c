/// An interval for a shift, from order statistics.
package struct ConfidenceInterval: Sendable, Equatable {
  /// From here.
  package let lower: Double
  /// To here, both included.
  package let upper: Double
  /// How often such intervals hold the shift: at least this, whatever is distributed how. No smaller than what was asked for.
  package let coverage: Double
}

extension Samples {
  /// Hodges and Lehmann's estimate of the shift from A to B: the median of the means of all pairs of differences, each with
  /// itself as well (Walsh averages), or of all differences between a run of B and one of A. NaN: there is none.
  package var shift: Double {
    let sorted = pairwise.sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// The exact interval: all shifts that the two-sided test does not reject at `level`.
  ///
  /// Where values are tied it holds the shift more often than `coverage` says.
  ///
  /// - Parameter level: 0.01 for an interval that holds the shift in 99 % of cases or more.
  /// - Returns: nil: with so few runs no interval but all numbers would.
  package func interval(level: Double) -> ConfidenceInterval? {
    let sorted = pairwise.sorted()
    let below: [Double]
    switch self {
    case .pairs(let differences):
      below = RankDistribution(signed: Array(1...max(1, differences.count))).probabilities
    case .sides(let a, let b): below = Self.mannWhitney(a.count, b.count)
    }
    // The k-th smallest and the k-th largest are the ends where the statistic is below k with no more than half the level.
    var (ends, tail) = (0, 0.0)
    while ends < sorted.count / 2 + 1, tail + below[ends] <= level / 2 {
      tail += below[ends]
      ends += 1
    }
    guard !sorted.isEmpty, ends > 0 else { return nil }
    return ConfidenceInterval(
      lower: sorted[ends - 1], upper: sorted[sorted.count - ends], coverage: 1 - 2 * tail)
  }

  /// What the shift is the median of.
  private var pairwise: [Double] {
    switch self {
    case .pairs(let differences):
      differences.indices.flatMap { one in differences[one...].map { (differences[one] + $0) / 2 } }
    case .sides(let a, let b): b.flatMap { b in a.map { b - $0 } }
    }
  }

  /// Probabilities of Mann and Whitney's U, from 0, without ties: a coefficient of the Gaussian binomial over all choices.
  private static func mannWhitney(_ a: Int, _ b: Int) -> [Double] {
    guard a > 0, b > 0 else { return [1] }
    var ways = [Double](repeating: 0, count: a * b + 1)
    ways[0] = 1
    for factor in 1...a {
      // Each step multiplies by (1 − xᵇ⁺ᶠ) ÷ (1 − xᶠ); dividing afterwards keeps all terms whole numbers.
      for sum in stride(from: a * b, through: b + factor, by: -1) where b + factor <= a * b {
        ways[sum] -= ways[sum - b - factor]
      }
      for sum in factor...(a * b) { ways[sum] += ways[sum - factor] }
    }
    let total = ways.reduce(0, +)
    return ways.map { $0 / total }
  }
}
