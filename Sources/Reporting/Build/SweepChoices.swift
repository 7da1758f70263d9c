import Reports
import Statistics

/// Which configurations are not beaten: every two of one guest, in all primary metrics that have a better end, as one family.
struct SweepChoices {
  /// One for each guest.
  let reports: [SweepChoiceReport]

  init(_ blocks: SweepBlocks, _ plan: ComparisonPlan) {
    let (design, groups) = (blocks.design, blocks.guests)
    let judged = SweepPairs(blocks, plan).judged(groups.map(\.members))
    reports = zip(groups, judged).compactMap { group, reports in
      guard !reports.isEmpty else { return nil }
      let names = Set(reports.flatMap { $0.metrics.map(\.name) })
      var choice = Self.choice(
        group.guest, group.members.map { design.configurations[$0].label }, reports,
        judged: plan.primary.filter(names.contains), notJudged: plan.primary.filter { !names.contains($0) },
        level: plan.judgement.level)
      choice.common = Self.common(choice.unbeaten, design, group.members)
      return choice
    }
  }

  // MARK: What follows

  /// What is said of configurations, from what is known of every two of them.
  static func choice(
    _ guest: String?, _ labels: [String], _ pairs: [SweepPairReport], judged: [String], notJudged: [String],
    level: Double
  ) -> SweepChoiceReport {
    var report = SweepChoiceReport(
      guest: guest, verdict: "nothing_judged", unbeaten: [], judged: judged, notJudged: notJudged,
      level: level, pairs: pairs)
    let verdicts = Set(pairs.flatMap { $0.metrics.map(\.verdict) })
    guard !verdicts.isEmpty else { return report }
    guard !verdicts.contains(Finding.Verdict.tooFew.rawValue) else {
      report.verdict = Finding.Verdict.tooFew.rawValue
      return report
    }
    let beaten = Set(
      pairs.compactMap { pair -> String? in
        switch pair.outcome {
        case .aBeats: pair.b
        case .bBeats: pair.a
        default: nil
        }
      })
    report.unbeaten = labels.filter { !beaten.contains($0) }
    let left = pairs.filter { !beaten.contains($0.a) && !beaten.contains($0.b) }.map(\.outcome)
    report.verdict =
      if report.unbeaten.count == 1 {
        "one"
      } else if report.unbeaten.isEmpty || left.contains(.trade) {
        "trade"
      } else if left.allSatisfy({ $0 == .same }) {
        "same"
      } else {
        beaten.isEmpty ? "no_evidence" : "several"
      }
    return report
  }

  /// Levels that configurations of these labels have, and not all others.
  private static func common(
    _ labels: [String], _ design: SweepDesign, _ members: [Int]
  ) -> [SweepSettingReport] {
    let all = members.map { design.configurations[$0] }
    let chosen = all.filter { labels.contains($0.label) }
    return design.factors.indices.compactMap { factor in
      let levels = Set(chosen.map { $0.levels[factor] })
      guard levels.count == 1, let level = levels.first, all.contains(where: { $0.levels[factor] != level })
      else { return nil }
      return SweepSettingReport(factor: design.factors[factor], level: level)
    }
  }
}
