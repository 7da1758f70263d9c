import Glibc
import Statistics

/// The blocks of a sweep in which every configuration ran: what its statements are made of.
struct SweepBlocks {
  let design: SweepDesign
  /// Runs by configuration, in the order in which blocks were made.
  let blocks: [[Int: ComparedRun]]

  init(_ design: SweepDesign, _ runs: [SweepRun]) {
    self.design = design
    blocks = Dictionary(grouping: runs, by: \.block).filter { _, runs in
      Set(runs.map(\.configuration)).count == design.configurations.count
    }.sorted { $0.key < $1.key }.map {
      Dictionary($0.value.map { ($0.configuration, $0.compared) }) { first, _ in first }
    }
  }

  /// The levels of a factor, in the order of the experiment.
  func levels(of factor: Int) -> [String] {
    var levels: [String] = []
    for configuration in design.configurations where !levels.contains(configuration.levels[factor]) {
      levels.append(configuration.levels[factor])
    }
    return levels
  }

  /// Factors that have more than one level among some configurations.
  func varied(among members: [Int]) -> [Int] {
    design.factors.indices.filter { factor in
      Set(members.map { design.configurations[$0].levels[factor] }).count > 1
    }
  }

  /// The configurations of each guest; nil: there is one.
  var guests: [(guest: String?, members: [Int])] {
    guard let factor = design.factors.firstIndex(of: SweepDesign.guest) else {
      return [(nil, Array(design.configurations.indices))]
    }
    return levels(of: factor).map { ($0, members([factor: $0])) }
  }

  /// Configurations with some levels.
  ///
  /// - Parameter levels: By factor.
  func members(_ levels: [Int: String]) -> [Int] {
    design.configurations.indices.filter { index in
      levels.allSatisfy { design.configurations[index].levels[$0.key] == $0.value }
    }
  }

  /// One run for each block, of several configurations as one.
  func side(_ members: [Int]) -> [ComparedRun] {
    blocks.map { block in ComparedRun.average(members.compactMap { block[$0] }) }
  }

  /// Logarithms of metrics, by block, configuration and metric; nil: a run does not have it, or it is 0.
  func logarithms(_ metrics: [String]) -> [[[Double?]]] {
    blocks.map { block in
      design.configurations.indices.map { configuration in
        let values = Dictionary(
          (block[configuration]?.metrics ?? []).map { ($0.name, $0.value) },
          uniquingKeysWith: { first, _ in first })
        return metrics.map { name in
          (values[name] ?? nil).flatMap { $0 > 0 && $0.isFinite ? log($0) : nil }
        }
      }
    }
  }

  /// What is left of numbers that are equal, after they were added in another order, is no difference.
  static func exact(_ difference: Double) -> Double { difference.magnitude < 1e-12 ? 0 : difference }
}

extension ComparedRun {
  /// Several runs as one: the geometric mean of each metric that all of them have.
  ///
  /// - Parameter runs: At least one.
  package static func average(_ runs: [ComparedRun]) -> ComparedRun {
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
