/// What one metric was in the runs of two sides, A and B, as logarithms: differences of these are ratios of the metric.
package enum Samples: Sendable, Equatable {
  /// Runs that were made in pairs, one of each side next to each other: B − A of each pair.
  case pairs([Double])
  /// Runs that have nothing to do with each other.
  case sides(a: [Double], b: [Double])

  /// More runs a side are not compared: exact distributions of tied ranks would take too long.
  package static let mostRuns = 100

  /// Which differences speak against no shift.
  package enum Alternative: Sendable {
    case twoSided
    /// B is larger.
    case greater
    /// B is smaller.
    case less
  }

  /// The same with B lower by `shift`.
  package func shifted(by shift: Double) -> Samples {
    switch self {
    case .pairs(let differences): .pairs(differences.map { $0 - shift })
    case .sides(let a, let b): .sides(a: a, b: b.map { $0 - shift })
    }
  }

  /// Whether B has a single value at least, and A as well.
  var isEmpty: Bool {
    switch self {
    case .pairs(let differences): differences.isEmpty
    case .sides(let a, let b): a.isEmpty || b.isEmpty
    }
  }

  /// The p-value of the exact signed-rank or rank-sum test of no shift.
  ///
  /// Ties share the mean of their ranks, and the distribution is that of these ranks. Pairs without a difference are left out,
  /// as Wilcoxon (1945) has it: of them nothing speaks for either side. Two-sided is twice the smaller side, at most 1.
  package func pValue(_ alternative: Alternative) -> Double {
    let (above, below): (Double, Double)
    switch self {
    case .pairs(let differences):
      let changed = differences.filter { $0 != 0 }
      guard !changed.isEmpty else { return 1 }
      let ranks = RankDistribution.doubledRanks(changed.map(\.magnitude))
      let sum = zip(changed, ranks).reduce(0) { $1.0 > 0 ? $0 + $1.1 : $0 }
      let distribution = RankDistribution(signed: ranks)
      (above, below) = (distribution.atLeast(sum), distribution.atMost(sum))
    case .sides(let a, let b):
      guard !a.isEmpty, !b.isEmpty else { return 1 }
      let ranks = RankDistribution.doubledRanks(b + a)
      // The sum of fewer ranks takes less time, and large ranks on one side are small ones on the other.
      if b.count <= a.count {
        let (sum, distribution) = (
          ranks.prefix(b.count).reduce(0, +), RankDistribution(sumOf: b.count, of: ranks)
        )
        (above, below) = (distribution.atLeast(sum), distribution.atMost(sum))
      } else {
        let (sum, distribution) = (
          ranks.suffix(a.count).reduce(0, +), RankDistribution(sumOf: a.count, of: ranks)
        )
        (above, below) = (distribution.atMost(sum), distribution.atLeast(sum))
      }
    }
    switch alternative {
    case .greater: return above
    case .less: return below
    case .twoSided: return min(1, 2 * min(above, below))
    }
  }

  /// The smallest p-value that a test of so many runs can have at all, with no ties.
  package func smallestP(_ alternative: Alternative = .twoSided) -> Double {
    let one: Double
    switch self {
    case .pairs(let differences): one = Self.smallestP(pairs: differences.count)
    case .sides(let a, let b): one = Self.smallestP(sides: a.count, b.count)
    }
    return min(1, alternative == .twoSided ? 2 * one : one)
  }

  /// One in all the ways to give signs to differences.
  private static func smallestP(pairs: Int) -> Double { (0..<pairs).reduce(1.0) { result, _ in result / 2 } }

  /// One in all the ways to choose which of the runs are B's.
  private static func smallestP(sides a: Int, _ b: Int) -> Double {
    (0..<min(a, b)).reduce(1.0) { $0 * Double($1 + 1) / Double(a + b - $1) }
  }
}
