import Foundation

/// What a number of pairs can show, before there are any.
package enum Power {
  /// The smallest difference that is found nine times of ten, as a multiple of the standard deviation of the logarithm of the ratio of two
  /// runs that are alike, by pairs. Of one of six primary metrics, by the test of docs/comparison.md, for ratios that are normally distributed
  /// and metrics that have nothing to do with each other: simulated, and held against that test in SweepTests.
  private static let table: [(pairs: Int, multiple: Double)] = [
    (8, 2.9), (10, 2.05), (12, 1.65), (20, 1.15), (40, 0.74), (100, 0.46),
  ]

  /// nil: fewer pairs show nothing at 1 %, whatever they show.
  package static func smallest(pairs: Int) -> Double? {
    guard let above = table.firstIndex(where: { $0.pairs >= pairs }), pairs >= table[0].pairs else {
      return pairs < table[0].pairs ? nil : table[table.count - 1].multiple
    }
    let (to, from) = (table[above], table[max(0, above - 1)])
    guard to.pairs > from.pairs else { return to.multiple }
    // Between two of them by a power of the number, as noise goes with its root.
    let part = log(Double(pairs) / Double(from.pairs)) / log(Double(to.pairs) / Double(from.pairs))
    return from.multiple * pow(to.multiple / from.multiple, part)
  }

  package static func sentence(pairs: Int) -> String {
    guard let smallest = smallest(pairs: pairs) else {
      return
        "\(Words.number(pairs, "pair")) show\(pairs == 1 ? "s" : "") no difference, however large: that takes \(table[0].pairs)"
    }
    func percent(_ spread: Double) -> String { String(format: "%.1f %%", (exp(smallest * spread) - 1) * 100) }
    return
      "finds nine times of ten, in a primary metric: \(percent(0.01)) where ratios of two runs that are alike vary by 1 %, "
      + "\(percent(0.03)) where by 3 %, \(percent(0.1)) where by 10 %"
  }
}
