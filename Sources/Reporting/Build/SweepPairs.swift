import Reports
import Statistics

/// Every two configurations of a guest, in metrics that have a better end, judged as one family.
struct SweepPairs {
  private let blocks: SweepBlocks
  private let judgement: Judgement
  private let metrics: [String]
  private let logarithms: [[[Double?]]]
  private let mixes: [ExitMix]
  /// Of these metrics, by their names.
  private let known: [String: RunMetric]

  /// Of more configurations there would be too many pairs for a family that is still able to say something.
  static let mostConfigurations = 32

  /// - Parameter metrics: nil: the primary ones.
  init(_ blocks: SweepBlocks, _ plan: ComparisonPlan, metrics: [String]? = nil) {
    (self.blocks, judgement) = (blocks, plan.judgement)
    self.metrics = metrics ?? plan.primary
    logarithms = blocks.logarithms(self.metrics)
    mixes = blocks.design.configurations.indices.map { configuration in
      ExitMix(blocks.blocks.compactMap { $0[configuration] })
    }
    known = Dictionary(
      blocks.blocks.flatMap { $0.values.flatMap(\.metrics) }.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Judges all pairs within groups of configurations together.
  ///
  /// - Returns: The pairs of each group; none where it has too many configurations.
  func judged(_ groups: [[Int]]) -> [[SweepPairReport]] {
    let pairs = groups.map { group in
      group.count > Self.mostConfigurations
        ? [] : group.indices.flatMap { one in group[(one + 1)...].map { (a: group[one], b: $0) } }
    }
    var judged = self.judged(pairs.flatMap { $0 })[...]
    return pairs.map { pairs in
      defer { judged = judged.dropFirst(pairs.count) }
      return Array(judged.prefix(pairs.count))
    }
  }

  private func judged(_ pairs: [(a: Int, b: Int)]) -> [SweepPairReport] {
    let samples = pairs.map { pair in
      metrics.indices.compactMap { metric in
        self.samples(pair.a, pair.b, metric).map { (metric: metric, samples: $0) }
      }
    }
    let findings = judgement.comparisons(samples.map { $0.map(\.samples) })
    let labels = blocks.design.configurations.map(\.label)
    return pairs.indices.map { index in
      SweepPairReport(
        a: labels[pairs[index].a], b: labels[pairs[index].b],
        metrics: zip(samples[index], findings[index]).map { sample, finding in
          SweepContrastReport(metrics[sample.metric], finding) { $0 ? "worse" : "better" }
        })
    }
  }

  /// nil: neither end of the metric is better, or some run does not have it.
  private func samples(_ a: Int, _ b: Int, _ metric: Int) -> Samples? {
    guard let known = known[metrics[metric]], known.isLessBetter else { return nil }
    // Where exits are other ones, the typical one of all says nothing of either configuration.
    if known.isOfAllExits, ExitMix.difference(mixes[a], mixes[b]) != nil { return nil }
    let differences = logarithms.compactMap { block -> Double? in
      guard let one = block[a][metric], let two = block[b][metric] else { return nil }
      return SweepBlocks.exact(two - one)
    }
    return differences.count == logarithms.count ? .pairs(differences) : nil
  }

  // MARK: One metric

  /// A metric of each run, by configuration and block; nil: some run of these configurations does not have it, or it cannot be compared
  /// among them.
  func values(of metric: String, in configurations: [Int]) -> [Int: [Double]]? {
    guard let place = metrics.firstIndex(of: metric), let known = known[metric], known.isLessBetter else {
      return nil
    }
    let isSameMix = configurations.indices.allSatisfy { one in
      configurations[(one + 1)...].allSatisfy {
        ExitMix.difference(mixes[configurations[one]], mixes[$0]) == nil
      }
    }
    if known.isOfAllExits, !isSameMix { return nil }
    var found: [Int: [Double]] = [:]
    for configuration in configurations {
      let values = logarithms.compactMap { $0[configuration][place] }
      guard values.count == logarithms.count else { return nil }
      found[configuration] = values
    }
    return found
  }
}
