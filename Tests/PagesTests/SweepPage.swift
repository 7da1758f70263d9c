import Foundation
import Reporting
import Reports
import SyntheticRuns
import Testing

/// Sweeps to be drawn.
enum SweepPage {
  /// Two factors that depend on each other, in ten blocks.
  ///
  /// - Parameters:
  ///   - levels: Of each factor.
  ///   - spread: How far apart configurations are, in the logarithm.
  static func report(levels: Int, spread: Double) throws -> Report {
    let names = (0..<levels).map { "level\($0)" }
    let configurations = names.flatMap { one in
      names.map { two in
        SweepDesign.Configuration(label: "iothread-poll=\(one),lock=\(two)", levels: [one, two])
      }
    }
    let design = SweepDesign(
      question: "Which?", factors: ["iothread-poll", "lock"], configurations: configurations,
      planned: 10 * configurations.count)
    let runs = (0..<10).flatMap { block in
      configurations.indices.map { index in
        let (one, two) = (Double(index / levels), Double(index % levels))
        let noise = 0.02 * sin(Double(block * 31 + index * 17))
        let place = one - two + one * two / 2
        return SweepRun.synthetic(
          number: block * configurations.count + index, block: block, configuration: index,
          [
            "kick_to_interrupt.p50": 30_000 * exp(spread * place + noise),
            "cpu_per_request": 9000 * exp(-spread * place / 2 + spread * two / 3 - noise),
          ])
      }
    }
    var plan = ComparisonPlan()
    plan.primary = ["kick_to_interrupt.p50", "cpu_per_request"]
    return try #require(Report.comparing(design, runs, plan))
  }
}
