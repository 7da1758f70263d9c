/// p-values of several tests, such that what one of them says wrongly is bounded for all of them together.
package enum FamilyWise {
  /// Holm's correction (1979): whatever the tests have to do with each other.
  ///
  /// - Returns: Adjusted p-values, in the order of `pValues`.
  package static func holm(_ pValues: [Double]) -> [Double] {
    let order = pValues.indices.sorted { pValues[$0] < pValues[$1] }
    var adjusted = pValues
    var largest = 0.0
    for (place, index) in order.enumerated() {
      largest = max(largest, min(1, Double(pValues.count - place) * pValues[index]))
      adjusted[index] = largest
    }
    return adjusted
  }

  /// Westfall and Young's step-down maxT (1993, algorithm 4.1): p-values of no shift, two-sided, from all arrangements of the
  /// runs that are alike where nothing differs: B and A exchanged in some pairs, or other runs chosen to be B's; always
  /// in all metrics at once.
  ///
  /// What metrics have to do with each other is thus in it. Holm's correction has to assume the worst: of ten pairs the
  /// smallest p-value is 2 ÷ 2¹⁰, which six metrics make 0.0117, so that no difference could be proven at 1 %.
  ///
  /// The statistic is Student's t, as a monotone function of it. Differences beyond three times the median of their
  /// magnitudes count as so much: one disturbed run does not hide what the others show. That looks at magnitudes only, which no
  /// arrangement changes, so the test stays exact.
  ///
  /// - Parameters:
  ///   - metrics: All of the same runs.
  ///   - limit: More arrangements are not gone through: so many are drawn instead, by a generator that begins alike each time.
  /// - Returns: Adjusted p-values, in the order of `metrics`.
  package static func stepDown(_ metrics: [Samples], limit: Int = 1 << 18) -> [Double] {
    guard let first = metrics.first, !first.isEmpty else { return metrics.map { _ in 1 } }
    let scores = metrics.map(Scores.init)
    var tally = Tally(scores)
    switch first {
    case .pairs(let differences): flip(scores, differences.count, limit, &tally)
    case .sides(let a, let b): choose(scores, b.count, of: a.count + b.count, limit, &tally)
    }
    return tally.adjusted
  }

  /// Gives each pair one of both signs. A sign that all pairs change changes no statistic, so the first pair keeps its own.
  private static func flip(_ scores: [Scores], _ count: Int, _ limit: Int, _ tally: inout Tally) {
    var sums = scores.map(\.observed)
    if count - 1 < Int.bitWidth - 1 - limit.leadingZeroBitCount {
      var signs = [Double](repeating: 2, count: count)
      tally.add(sums)
      for arrangement in 1..<max(1, 1 << (count - 1)) {
        // Gray's code: one sign changes from one arrangement to the next.
        let pair = arrangement.trailingZeroBitCount + 1
        for index in sums.indices { sums[index] -= signs[pair] * scores[index].values[pair] }
        signs[pair] = -signs[pair]
        tally.add(sums)
      }
      return
    }
    tally.add(sums)
    var random = SplitMix(seed: UInt64(count))
    for _ in 1..<limit {
      let signs = (0..<count).map { _ in random.next() & 1 == 0 ? 1.0 : -1 }
      for index in sums.indices {
        sums[index] = zip(scores[index].values, signs).reduce(0) { $0 + $1.0 * $1.1 }
      }
      tally.add(sums)
    }
  }

  /// Chooses which of the runs are B's. `values` are B's, then A's.
  private static func choose(
    _ scores: [Scores], _ chosen: Int, of count: Int, _ limit: Int, _ tally: inout Tally
  ) {
    let arrangements = (0..<chosen).reduce(1.0) { $0 * Double(count - $1) / Double($1 + 1) }
    if arrangements <= Double(limit) {
      return choose(scores, chosen, from: 0, of: count, scores.map { _ in 0 }, &tally)
    }
    var sums = scores.map(\.observed)
    tally.add(sums)
    var random = SplitMix(seed: UInt64(count))
    var places = Array(0..<count)
    for _ in 1..<limit {
      for place in 0..<chosen {
        places.swapAt(place, place + Int(random.next() % UInt64(count - place)))
      }
      for index in sums.indices {
        sums[index] = places.prefix(chosen).reduce(0) { $0 + scores[index].values[$1] }
      }
      tally.add(sums)
    }
  }

  /// All choices of some runs from `first` on, added to what was chosen before.
  private static func choose(
    _ scores: [Scores], _ chosen: Int, from first: Int, of count: Int, _ sums: [Double], _ tally: inout Tally
  ) {
    guard chosen > 0 else { return tally.add(sums) }
    var next = sums
    for place in first...(count - chosen) {
      for index in next.indices { next[index] = sums[index] + scores[index].values[place] }
      choose(scores, chosen - 1, from: place + 1, of: count, next, &tally)
    }
  }
}

/// What a metric's arrangements are made of.
private struct Scores {
  /// Of pairs, differences; else, by how much runs of B, then of A, are from the mean of all.
  let values: [Double]
  /// The sum as it was observed.
  let observed: Double
  /// Student's t grows with a sum times this: the sum of the squares is the same in all arrangements.
  let scale: Double

  init(_ samples: Samples) {
    switch samples {
    case .pairs(let differences):
      values = Self.bounded(differences)
      observed = values.reduce(0, +)
    case .sides(let a, let b):
      let centre = Self.median(b + a)
      let bounded = Self.bounded((b + a).map { $0 - centre })
      let mean = bounded.reduce(0, +) / Double(bounded.count)
      values = bounded.map { $0 - mean }
      observed = values.prefix(b.count).reduce(0, +)
    }
    let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    scale = norm > 0 ? 1 / norm : 0
  }

  private static func bounded(_ values: [Double]) -> [Double] {
    let most = 3 * median(values.map(\.magnitude))
    return most > 0 ? values.map { min(max($0, -most), most) } : values
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

/// Counts arrangements in which the largest statistic, of a metric and of those that show less, is no less than the observed one.
private struct Tally {
  private let scales: [Double]
  private let thresholds: [Double]
  /// Metrics, those that show least first.
  private let order: [Int]
  private var reached: [Int]
  private var count = 0

  init(_ scores: [Scores]) {
    scales = scores.map(\.scale)
    let observed = scores.map { $0.observed.magnitude * $0.scale }
    // The same sum in another order may differ in its last digits.
    thresholds = observed.map { $0 * (1 - 1e-9) }
    order = observed.indices.sorted { observed[$0] < observed[$1] }
    reached = observed.map { _ in 0 }
  }

  mutating func add(_ sums: [Double]) {
    count += 1
    var largest = 0.0
    for index in order {
      largest = max(largest, sums[index].magnitude * scales[index])
      if largest >= thresholds[index] { reached[index] += 1 }
    }
  }

  var adjusted: [Double] {
    var result = scales
    var largest = 0.0
    for index in order.reversed() {
      largest = max(largest, Double(reached[index]) / Double(count))
      result[index] = largest
    }
    return result
  }
}

/// Vigna's SplitMix64: arrangements that are drawn are the same each time.
private struct SplitMix {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
