import Glibc
import Reports

/// A finished run of a sweep.
package struct SweepRun: Sendable {
  /// Runs of one block were made one after the other, each configuration once.
  package var block: Int
  /// Index of its configuration.
  package var configuration: Int
  package var isDisturbed: Bool
  package var compared: ComparedRun

  package init(block: Int, configuration: Int, isDisturbed: Bool, compared: ComparedRun) {
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
    let blocks = Dictionary(grouping: runs, by: \.block).filter { _, runs in
      Set(runs.map(\.configuration)).count == design.configurations.count
    }.sorted { $0.key < $1.key }.map {
      Dictionary($0.value.map { ($0.configuration, $0.compared) }) { first, _ in first }
    }
    guard let first = runs.first, !blocks.isEmpty else { return nil }
    var plan = plan
    plan.pairing = .paired
    var report = Report(command: "compare", trace: first.compared.summary.trace)
    report.machine = first.compared.summary.machine
    let configurations = design.configurations.indices.map { index in
      let own = runs.filter { $0.configuration == index }
      return SweepConfigurationReport(
        label: design.configurations[index].label, runs: own.count, disturbed: own.filter(\.isDisturbed).count
      )
    }
    report.sweep = SweepReport(
      question: design.question, configurations: configurations, blocks: blocks.count,
      missing: design.planned - runs.count,
      effects: design.factors.indices.flatMap { effects(of: $0, design, blocks, plan) })
    return report
  }

  private static func effects(
    of factor: Int, _ design: SweepDesign, _ blocks: [[Int: ComparedRun]], _ plan: ComparisonPlan
  ) -> [SweepEffectReport] {
    var levels: [String] = []
    for configuration in design.configurations where !levels.contains(configuration.levels[factor]) {
      levels.append(configuration.levels[factor])
    }
    func side(_ level: String) -> [ComparedRun] {
      let members = design.configurations.indices.filter { design.configurations[$0].levels[factor] == level }
      return blocks.map { block in ComparedRun.average(members.compactMap { block[$0] }) }
    }
    let others = design.factors.indices.filter { other in
      other != factor && Set(design.configurations.map { $0.levels[other] }).count > 1
    }.map { design.factors[$0] }
    return levels.dropFirst().map { level in
      let compared = Report.comparing(side(levels[0]), with: side(level), plan)
      return SweepEffectReport(
        factor: design.factors[factor], from: levels[0], to: level, over: others,
        evidence: compared.compare?.evidence
          ?? EvidenceReport(
            design: "one_each", level: plan.judgement.level, equivalence: plan.judgement.equivalence, a: [],
            b: [],
            warnings: [], primary: [], exploratory: []))
    }
  }
}

extension ComparedRun {
  /// Several runs as one: the geometric mean of each metric that all of them have.
  ///
  /// - Parameter runs: At least one.
  fileprivate static func average(_ runs: [ComparedRun]) -> ComparedRun {
    guard runs.count > 1 else { return runs[0] }
    var summary = runs[0].summary
    summary.trace.isPartial = runs.contains { $0.summary.trace.isPartial }
    let others = runs.dropFirst().map { run in
      Dictionary(run.metrics.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
    let metrics = runs[0].metrics.map { metric in
      var metric = metric
      let values = [metric.value] + others.map { $0[metric.name] ?? nil }
      let known = values.compactMap { $0 }.filter { $0 > 0 }
      metric.value =
        known.count == values.count ? exp(known.reduce(0) { $0 + log($1) } / Double(known.count)) : nil
      return metric
    }
    return ComparedRun(summary: summary, metrics: metrics)
  }
}
