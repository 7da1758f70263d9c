import Reports

/// A finished run of a sweep.
package struct SweepRun: Sendable {
  /// Runs of one block were made one after the other, each configuration once.
  package var block: Int
  /// Index of its configuration.
  package var configuration: Int
  package var isDisturbed: Bool
  package var compared: ComparedRun
  /// How often it was made before, and disturbed.
  package var repeated: Int

  package init(
    block: Int, configuration: Int, isDisturbed: Bool, compared: ComparedRun, repeated: Int = 0
  ) {
    self.repeated = repeated
    self.block = block
    self.configuration = configuration
    self.isDisturbed = isDisturbed
    self.compared = compared
  }
}

/// What ran in a sweep.
package struct SweepDesign: Sendable, Equatable {
  /// A combination of levels.
  package struct Configuration: Sendable, Equatable {
    package var label: String
    /// The level of each factor, in the order of the factors. Guests are one, where there are several.
    package var levels: [String]

    package init(label: String, levels: [String]) {
      self.label = label
      self.levels = levels
    }
  }

  /// The factor that guests are, where there are several.
  package static let guest = "guest"

  package var question: String?
  package var factors: [String]
  package var configurations: [Configuration]
  /// Runs that are planned.
  package var planned: Int

  package init(question: String?, factors: [String], configurations: [Configuration], planned: Int) {
    self.question = question
    self.factors = factors
    self.configurations = configurations
    self.planned = planned
  }
}

extension Report {
  /// What the runs of a sweep say of each factor. The unit is the block: within one, the logarithm of a metric is averaged over all
  /// configurations of a level, so that what other factors do is in both sides of a pair alike.
  ///
  /// - Parameters:
  ///   - runs: At least one of every configuration.
  ///   - plan: How blocks are judged; they are pairs.
  /// - Returns: nil: there is no block in which all configurations ran.
  package static func comparing(_ design: SweepDesign, _ runs: [SweepRun], _ plan: ComparisonPlan) -> Report?
  {
    let blocks = SweepBlocks(design, runs)
    guard let first = runs.first, !blocks.blocks.isEmpty else { return nil }
    var plan = plan
    plan.pairing = .paired
    var report = Report(command: "compare", trace: first.compared.summary.trace)
    report.machine = first.compared.summary.machine
    let configurations = design.configurations.indices.map { index in
      let own = runs.filter { $0.configuration == index }
      var report = SweepConfigurationReport(
        label: design.configurations[index].label, runs: own.count, disturbed: own.filter(\.isDisturbed).count
      )
      let repeated = own.reduce(0) { $0 + $1.repeated }
      if repeated > 0 { report.repeated = repeated }
      return report
    }
    let interactions = SweepInteractions(blocks, plan)
    let effects = SweepEffects(blocks, plan)
    report.sweep = SweepReport(
      question: design.question, configurations: configurations, blocks: blocks.blocks.count,
      missing: design.planned - runs.count,
      effects: design.factors.indices.flatMap { factor in
        effects.effects(of: factor, dependingOn: { interactions.others(of: factor, to: $0) })
      })
    report.sweep?.interactions = interactions.reports
    report.sweep?.choices = SweepChoices(blocks, plan).reports
    let frontiers = SweepFrontiers(blocks, plan, report.sweep?.choices ?? []).reports
    if !frontiers.isEmpty { report.sweep?.frontiers = frontiers }
    return report
  }
}

/// What factors do.
struct SweepEffects {
  private let blocks: SweepBlocks
  private let plan: ComparisonPlan

  init(_ blocks: SweepBlocks, _ plan: ComparisonPlan) { (self.blocks, self.plan) = (blocks, plan) }

  /// Each level of a factor beside its first one, on average, and where that depends on others at each of their levels.
  ///
  /// - Parameter others: Factors that the effect of a level depends on.
  func effects(of factor: Int, dependingOn others: (_ level: String) -> [Int]) -> [SweepEffectReport] {
    let levels = blocks.levels(of: factor)
    return levels.dropFirst().flatMap { level -> [SweepEffectReport] in
      let others = others(level)
      var average = effect(of: factor, from: levels[0], to: level, at: [:])
      if !others.isEmpty { average.dependsOn = others.map { blocks.design.factors[$0] } }
      return [average]
        + combinations(of: others).map { effect(of: factor, from: levels[0], to: level, at: $0) }
    }
  }

  /// All combinations of levels of some factors; none of none.
  private func combinations(of factors: [Int]) -> [[Int: String]] {
    guard !factors.isEmpty else { return [] }
    return factors.reduce([[:]]) { found, factor in
      found.flatMap { levels in
        blocks.levels(of: factor).map { levels.merging([factor: $0]) { _, new in new } }
      }
    }
  }

  private func effect(
    of factor: Int, from: String, to: String, at others: [Int: String]
  ) -> SweepEffectReport {
    let (a, b) = (
      blocks.members(others.merging([factor: from]) { _, new in new }),
      blocks.members(others.merging([factor: to]) { _, new in new })
    )
    let evidence =
      a.isEmpty || b.isEmpty
      ? nil : Report.comparing(blocks.side(a), with: blocks.side(b), plan).compare?.evidence
    let names = blocks.design.factors
    var report = SweepEffectReport(
      factor: names[factor], from: from, to: to,
      over: blocks.varied(among: a).filter { $0 != factor }.map { names[$0] },
      evidence: evidence
        ?? EvidenceReport(
          design: "one_each", level: plan.judgement.level, equivalence: plan.judgement.equivalence, a: [],
          b: [], warnings: [], primary: [], exploratory: []))
    if !others.isEmpty {
      report.at = others.sorted { $0.key < $1.key }.map { .init(factor: names[$0.key], level: $0.value) }
    }
    return report
  }
}
