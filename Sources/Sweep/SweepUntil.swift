/// When a sweep is to end: when the interval of each effect on a metric is narrow enough, looked at after numbers of blocks that are
/// declared before the first run.
package struct SweepUntil: Equatable, Sendable, Codable {
  /// Such as `handling.p50`.
  package var metric: String
  /// How far either end of an interval may be from the estimate, as a part of it: 0.01 for ±1 %.
  package var width: Double
  /// After how many blocks is looked, each more than the one before.
  package var looks: [Int]

  /// Fewer blocks than this prove nothing at a look: with five looks each has 0.2 %, and ten blocks have p-values of 0.195 % and more.
  package static let fewest = 10

  /// - Parameters:
  ///   - text: A metric, ± (or +-) and a percentage above 0 and up to 100.
  ///   - pairs: Blocks before the first look; at least ``fewest`` of them are made.
  ///   - most: Blocks at which it ends, whatever the intervals are.
  /// - Returns: nil: the text is something else.
  package init?(_ text: String, pairs: Int, most: Int) {
    let sign = ["±", "+-"].compactMap { text.firstRange(of: $0) }.first
    guard let sign else { return nil }
    let name = text[..<sign.lowerBound].split(separator: " ").joined(separator: " ")
    let amount = text[sign.upperBound...].filter { $0 != " " }
    guard !name.isEmpty, amount.hasSuffix("%"), let percent = Double(amount.dropLast()),
      percent > 0, percent <= 100
    else { return nil }
    metric = name
    width = percent / 100
    looks = []
    // Twice as many each time: few looks, each with a fair part of the level.
    var next = max(pairs, Self.fewest)
    while next < most {
      looks.append(next)
      next *= 2
    }
    looks.append(max(most, Self.fewest))
  }
}

/// What was seen at the looks so far.
package struct SweepLooks: Equatable, Sendable, Codable {
  package struct Look: Equatable, Sendable, Codable {
    package var blocks: Int
    /// How far the farthest end of any effect's interval is from its estimate, as a part of it; nil: there is none yet.
    package var widest: Double?
    package var isNarrow: Bool
  }
  package var looks: [Look] = []
}
