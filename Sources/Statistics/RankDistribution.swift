/// The exact distribution of a rank statistic where nothing differs.
///
/// Ranks are doubled, so that midranks of tied values are whole numbers. Probabilities are sums of products of doubles:
/// their relative error is some 10⁻¹⁴, which is all that "exact" leaves out.
package struct RankDistribution: Sendable {
  /// The probability of each sum of doubled ranks, from 0.
  let probabilities: [Double]

  /// Wilcoxon's signed-rank statistic: each rank counts with probability ½, independently.
  ///
  /// - Parameter doubledRanks: Of the absolute differences, each at least 1.
  package init(signed doubledRanks: [Int]) {
    var sums = [1.0]
    for rank in doubledRanks {
      var next = [Double](repeating: 0, count: sums.count + rank)
      for (sum, probability) in sums.enumerated() {
        next[sum] += probability / 2
        next[sum + rank] += probability / 2
      }
      sums = next
    }
    probabilities = sums
  }

  /// The rank-sum statistic of Wilcoxon, Mann and Whitney: any `count` of the ranks, all choices alike.
  ///
  /// - Parameter doubledRanks: Of all values of both sides together, each at least 1.
  package init(sumOf count: Int, of doubledRanks: [Int]) {
    let most = doubledRanks.sorted().suffix(count).reduce(0, +)
    // ways[k][s]: choices of k ranks among those seen that add up to s.
    var ways = [[Double]](repeating: [Double](repeating: 0, count: most + 1), count: count + 1)
    ways[0][0] = 1
    for (seen, rank) in doubledRanks.enumerated() {
      for chosen in stride(from: min(seen + 1, count), through: 1, by: -1) where rank <= most {
        for sum in rank...most { ways[chosen][sum] += ways[chosen - 1][sum - rank] }
      }
    }
    let total = ways[count].reduce(0, +)
    probabilities = ways[count].map { $0 / total }
  }

  /// The probability of this sum or a smaller one.
  package func atMost(_ sum: Int) -> Double {
    sum < 0 ? 0 : min(1, probabilities.prefix(sum + 1).reduce(0, +))
  }

  /// The probability of this sum or a larger one.
  package func atLeast(_ sum: Int) -> Double {
    min(1, probabilities.dropFirst(max(0, sum)).reduce(0, +))
  }

  /// Twice the ranks of some values, from 2; values that are alike share the mean of their ranks.
  package static func doubledRanks(_ values: [Double]) -> [Int] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Int](repeating: 0, count: values.count)
    var first = 0
    while first < order.count {
      var last = first
      while last + 1 < order.count, values[order[last + 1]] == values[order[first]] { last += 1 }
      for place in first...last { ranks[order[place]] = first + last + 2 }
      first = last + 1
    }
    return ranks
  }
}
