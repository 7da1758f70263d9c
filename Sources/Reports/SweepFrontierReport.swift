/// Configurations of a sweep by what they take: latency and processor time, of which one is often had for the other.
package struct SweepFrontierReport: Codable, Equatable, Sendable {
  /// The guest that these configurations ran; nil: there is one.
  package var guest: String?
  /// The metrics, ns.
  package var latency: String
  package var cpu: String
  /// The chance that any configuration is wrongly said to be beaten.
  package var level: Double
  /// In the order of the sweep.
  package var points: [SweepPointReport]

  package init(guest: String?, latency: String, cpu: String, level: Double, points: [SweepPointReport]) {
    self.guest = guest
    self.latency = latency
    self.cpu = cpu
    self.level = level
    self.points = points
  }
}

/// A configuration's place.
package struct SweepPointReport: Codable, Equatable, Sendable {
  package var label: String
  /// Medians of its runs, ns.
  package var latency: Double
  package var cpu: Double
  /// No other's medians are less in one and no more in the other.
  package var isOnFrontier: Bool
  /// Configurations that are better in one of both, and not worse in the other, by evidence.
  package var beatenBy: [String]
  /// Of each run latency and processor time, ns.
  package var runs: [[Double]]

  package init(
    label: String, latency: Double, cpu: Double, isOnFrontier: Bool, beatenBy: [String], runs: [[Double]]
  ) {
    self.label = label
    self.latency = latency
    self.cpu = cpu
    self.isOnFrontier = isOnFrontier
    self.beatenBy = beatenBy
    self.runs = runs
  }
}
