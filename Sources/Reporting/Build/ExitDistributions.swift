import Analysis
import Reports
import Statistics

/// How long something took, in more detail than a ``LatencyReport`` has.
package struct LatencyDistribution: Sendable {
  /// A percentile.
  package struct Point: Sendable, Equatable {
    /// The share of durations that are longer, in millionths: 500 000 for the median, 100 for p99.99.
    package let beyond: UInt64
    /// ns.
    package let value: Int64

    package init(beyond: UInt64, value: Int64) {
      self.beyond = beyond
      self.value = value
    }
  }

  /// As reports have it.
  package let latency: LatencyReport
  /// Four bars for each power of two, those that are not empty.
  package let bars: [BarReport]
  /// Percentiles that enough durations are beyond, ascending; those of the report among them.
  package let points: [Point]

  package init(latency: LatencyReport, bars: [BarReport], points: [Point]) {
    self.latency = latency
    self.bars = bars
    self.points = points
  }

  /// A percentile; nil: there are too few durations for it.
  package func percentile(beyond: UInt64) -> Int64? { points.first { $0.beyond == beyond }?.value }
}

/// Exits of one kind, and how long they took.
package struct ExitDistribution: Sendable {
  /// In words, as `exits` calls them.
  package let label: String
  /// Counts and latencies.
  package let exits: ExitReport
  /// KVM_RUN before them.
  package let inKvmRun: LatencyDistribution
  /// From the exit to the next enter.
  package let handling: LatencyDistribution

  package init(
    label: String, exits: ExitReport, inKvmRun: LatencyDistribution, handling: LatencyDistribution
  ) {
    self.label = label
    self.exits = exits
    self.inKvmRun = inKvmRun
    self.handling = handling
  }
}

extension ReportBuilder {
  /// Where percentiles are taken, in millionths of the durations: closer to each other towards the tail, as its scale is.
  private static let shares: [UInt64] =
    [0, 100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 850_000]
    + [900_000, 920_000, 940_000, 960_000, 970_000, 980_000, 985_000]
    + [990_000, 992_000, 994_000, 996_000, 997_000, 998_000, 998_500]
    + [999_000, 999_200, 999_400, 999_600, 999_700, 999_800, 999_850, 999_900, 999_950, 999_990]

  /// Exits with their distributions, those that cost most first.
  ///
  /// - Parameter grouping: `reason` or `device`.
  package func exitDistributions(by grouping: ExitGrouping) -> [ExitDistribution] {
    let groups = models.exitGroups(barsPerOctave: 4, percentiles: Self.shares) {
      exitLabel($0, deviceName($0), by: grouping)
    }
    let coverage = coverage
    let rows = groups.map { group in
      let exits = report(group, coverage)
      return ExitDistribution(
        label: label(exits, by: grouping), exits: exits,
        inKvmRun: distribution(exits.inKvmRun, group.inKvmRunBars, group.inKvmRunPercentiles),
        handling: distribution(exits.handling, group.handlingBars, group.handlingPercentiles))
    }
    return ExitOrder.cost.sorted(rows) { $0.exits }
  }

  private func distribution(_ latency: LatencyReport, _ bars: [LatencyBar], _ percentiles: [Int64])
    -> LatencyDistribution
  {
    var points: [LatencyDistribution.Point] = []
    for (share, value) in zip(Self.shares, percentiles) {
      let beyond = 1_000_000 - share
      // In double precision, which is enough to tell 10 events.
      guard Double(latency.count) * Double(beyond) >= Double(Percentile.fewestBeyond) * 1e6 else { break }
      points.append(LatencyDistribution.Point(beyond: beyond, value: value))
    }
    return LatencyDistribution(latency: latency, bars: bars.map(bar), points: points)
  }
}
