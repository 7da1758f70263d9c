import Reports

/// Which exits runs are made of, by kind: what percentiles and averages over all exits are of.
struct ExitMix {
  /// Exits of each kind, as `exits/…` of metrics names it.
  private var counts: [String: UInt64] = [:]
  private var all: UInt64 = 0

  /// Of all exits of these runs.
  init(_ runs: [ComparedRun]) {
    for run in runs {
      for exit in run.summary.summary?.exits ?? [] where exit.reason != nil {
        counts[Comparison.name(exit), default: 0] &+= exit.count
        all &+= exit.count
      }
    }
  }

  /// From this part on a 99th percentile can be that of other exits.
  private static let largest = 0.01

  private func share(_ kind: String) -> Double {
    all == 0 ? 0 : Double(counts[kind] ?? 0) / Double(all)
  }

  /// A share in words.
  static func words(_ share: Double) -> String {
    share == 0 ? "none" : Text.percent(Int64((share * 1e6).rounded(.up)), of: 1_000_000)
  }

  /// The kind that differs most between two mixes that are not alike; nil: not more than one of a hundred exits is of another kind.
  static func difference(_ a: ExitMix, _ b: ExitMix) -> (kind: String, a: Double, b: Double)? {
    guard a.all > 0, b.all > 0 else { return nil }
    let kinds = Set(a.counts.keys).union(b.counts.keys).sorted().map { ($0, a.share($0), b.share($0)) }
    let distance = kinds.reduce(0) { $0 + ($1.1 - $1.2).magnitude } / 2
    guard distance > largest else { return nil }
    return kinds.max { ($0.1 - $0.2).magnitude < ($1.1 - $1.2).magnitude }
  }
}
