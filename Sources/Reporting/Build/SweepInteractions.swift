import Reports
import Statistics

/// Whether what one factor does depends on another: a difference of differences of logarithms within each block.
///
/// All of them, in all primary metrics, are judged as one family (docs/comparison.md).
struct SweepInteractions {
  /// For each two factors, each level of the one but its first beside each of the other.
  let reports: [SweepInteractionReport]
  private let factors: [String]

  /// A contrast of four groups of configurations.
  private struct Contrast {
    let factors: (Int, Int)
    /// The first level and another one, of both.
    let levels: ((String, String), (String, String))
  }

  /// More contrasts than this were hardly asked for; they would take minutes.
  private static let most = 400

  init(_ blocks: SweepBlocks, _ plan: ComparisonPlan) {
    factors = blocks.design.factors
    let contrasts = Self.contrasts(blocks)
    guard contrasts.count <= Self.most else {
      reports = []
      return
    }
    let logarithms = blocks.logarithms(plan.primary)
    // Those that all runs of a contrast have.
    let samples = contrasts.map { contrast in
      plan.primary.indices.compactMap { metric in
        Self.samples(contrast, blocks, logarithms, metric).map { (metric: metric, samples: $0) }
      }
    }
    let findings = plan.judgement.comparisons(samples.map { $0.map(\.samples) })
    reports = contrasts.indices.map { index in
      let (contrast, names) = (contrasts[index], blocks.design.factors)
      return SweepInteractionReport(
        factor: names[contrast.factors.0], from: contrast.levels.0.0, to: contrast.levels.0.1,
        other: names[contrast.factors.1], otherFrom: contrast.levels.1.0, otherTo: contrast.levels.1.1,
        metrics: zip(samples[index], findings[index]).map { sample, finding in
          SweepContrastReport(plan.primary[sample.metric], finding) { _ in "depends" }
        })
    }
  }

  /// Factors that the effect of a level depends on, by evidence in a primary metric.
  func others(of factor: Int, to level: String) -> [Int] {
    factors.indices.filter { other in
      reports.contains { report in
        report.metrics.contains { $0.verdict == "depends" }
          && (report.factor == factors[factor] && report.to == level && report.other == factors[other]
            || report.other == factors[factor] && report.otherTo == level && report.factor == factors[other])
      }
    }
  }

  private static func contrasts(_ blocks: SweepBlocks) -> [Contrast] {
    let levels = blocks.design.factors.indices.map(blocks.levels)
    return levels.indices.flatMap { one in
      ((one + 1)..<levels.count).flatMap { two in
        levels[one].dropFirst().flatMap { first in
          levels[two].dropFirst().map { second in
            Contrast(factors: (one, two), levels: ((levels[one][0], first), (levels[two][0], second)))
          }
        }
      }
    }
  }

  /// nil: some run does not have the metric.
  private static func samples(
    _ contrast: Contrast, _ blocks: SweepBlocks, _ logarithms: [[[Double?]]], _ metric: Int
  ) -> Samples? {
    func members(_ one: String, _ two: String) -> [Int] {
      blocks.members([contrast.factors.0: one, contrast.factors.1: two])
    }
    let ((from, to), (otherFrom, otherTo)) = contrast.levels
    let groups = [
      members(to, otherTo), members(from, otherTo), members(to, otherFrom), members(from, otherFrom),
    ]
    var differences: [Double] = []
    for block in logarithms {
      let means = groups.compactMap { group -> Double? in
        let values = group.compactMap { block[$0][metric] }
        guard !values.isEmpty, values.count == group.count else { return nil }
        return values.reduce(0, +) / Double(values.count)
      }
      guard means.count == groups.count else { return nil }
      differences.append(SweepBlocks.exact((means[0] - means[1]) - (means[2] - means[3])))
    }
    return .pairs(differences)
  }
}

extension SweepContrastReport {
  /// - Parameter differs: What a finding is called that is larger, or smaller.
  init(_ name: String, _ finding: Finding, differs: (_ isHigher: Bool) -> String) {
    let verdict =
      switch finding.verdict {
      case .higher: differs(true)
      case .lower: differs(false)
      default: finding.verdict.rawValue
      }
    self.init(name: name, verdict: verdict, ratio: finding.ratio, equivalenceP: finding.equivalenceP)
    (lower, upper, familyP) = (finding.interval?.lower, finding.interval?.upper, finding.familyP)
  }
}
