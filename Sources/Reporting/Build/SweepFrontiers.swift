import Glibc
import Reports

/// Latency against processor time: the configurations of which no other is less in both.
struct SweepFrontiers {
  /// One for each guest that has both in all runs.
  let reports: [SweepFrontierReport]

  private static let cpus = ["cpu_per_request", "cpu"]

  /// - Parameter choices: What is recommended: where the two metrics are among those that it is judged by, it is the same evidence, so
  ///   that the two cannot contradict each other.
  init(_ blocks: SweepBlocks, _ plan: ComparisonPlan, _ choices: [SweepChoiceReport]) {
    let candidates = Self.latencies(plan.primary)
    let pairs = SweepPairs(blocks, plan, metrics: candidates + Self.cpus)
    reports = blocks.guests.compactMap { guest, members in
      guard members.count > 1 else { return nil }
      func first(_ names: [String]) -> (name: String, values: [Int: [Double]])? {
        names.lazy.compactMap { name in pairs.values(of: name, in: members).map { (name, $0) } }.first
      }
      guard let latency = first(candidates), let cpu = first(Self.cpus) else { return nil }
      let names = [latency.name, cpu.name]
      let judged =
        Self.parts(choices.first { $0.guest == guest }?.pairs ?? [], names)
        ?? SweepPairs(blocks, plan, metrics: names).judged([members])[0]
      let points = members.map { member in
        let (one, two) = (latency.values[member] ?? [], cpu.values[member] ?? [])
        let label = blocks.design.configurations[member].label
        return SweepPointReport(
          label: label, latency: exp(Self.median(one)), cpu: exp(Self.median(two)), isOnFrontier: false,
          beatenBy: judged.compactMap { $0.winner(over: label) },
          runs: zip(one, two).map { [exp($0), exp($1)] })
      }
      return SweepFrontierReport(
        guest: guest, latency: latency.name, cpu: cpu.name, level: plan.judgement.level,
        points: Self.marked(points))
    }
  }

  /// What is known of pairs in some metrics alone; nil: some pair was not judged by all of them.
  static func parts(_ pairs: [SweepPairReport], _ names: [String]) -> [SweepPairReport]? {
    let parts = pairs.map { pair in
      SweepPairReport(a: pair.a, b: pair.b, metrics: pair.metrics.filter { names.contains($0.name) })
    }
    return !parts.isEmpty && parts.allSatisfy { $0.metrics.count == names.count } ? parts : nil
  }

  /// Metrics that are latencies, those of a whole way to a device first.
  private static func latencies(_ primary: [String]) -> [String] {
    let asked = primary.filter { $0.hasPrefix("paths/") || $0.hasPrefix("kick_to_") }
    let handling = primary.filter { $0.hasPrefix("handling.") || $0.hasPrefix("exits/") }
    var seen: Set<String> = []
    return
      (asked + ["kick_to_interrupt.p50", "kick_to_pushed.p50"] + handling + ["handling.p50", "elapsed"])
      .filter {
        seen.insert($0).inserted
      }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// With those marked that no other's medians beat.
  static func marked(_ points: [SweepPointReport]) -> [SweepPointReport] {
    points.map { point in
      var point = point
      point.isOnFrontier = !points.contains {
        $0.latency <= point.latency && $0.cpu <= point.cpu
          && ($0.latency < point.latency || $0.cpu < point.cpu)
      }
      return point
    }
  }
}

extension SweepPairReport {
  /// What beats a configuration; nil: not the other one of this pair.
  fileprivate func winner(over label: String) -> String? {
    switch outcome {
    case .aBeats where b == label: a
    case .bBeats where a == label: b
    default: nil
    }
  }
}
