/// The contents of `compare`: two recordings, A and B, side by side. The report's own `trace` and `machine` are A's.
public struct CompareReport: Codable, Equatable, Sendable {
  /// What was read for B, and what was lost.
  public var other: TraceReport
  /// The virtual machine of B, when its trace describes one.
  public var otherMachine: MachineReport?
  /// Where the machines and their configurations differ, by name.
  public var differences: [DifferenceReport]
  /// Where the time of each thread went: vCPUs, then loops.
  public var threads: [ThreadComparisonReport]
  /// Exits to userspace by reason, direction and device, then all of them; the longest total handling first.
  public var exits: [ComparisonReport]
  /// Stages of the ways to each queue.
  public var paths: [ComparisonReport]
}

/// A setting that is not the same in both.
public struct DifferenceReport: Codable, Equatable, Sendable {
  /// Its name in the configuration, or `version`, `kvm`, `kernel`.
  public var name: String
  /// A's value in words; nil: A does not have it.
  public var a: String?
  /// B's value.
  public var b: String?
}

/// Where a thread's time went in both.
public struct ThreadComparisonReport: Codable, Equatable, Sendable {
  /// `vcpu` or `loop`.
  public var kind: String
  /// Its id.
  public var id: Int
  /// Its name.
  public var name: String
  /// A's times, which add up to the time analysed; nil: A does not have this thread.
  public var a: [ShareReport]?
  /// B's times.
  public var b: [ShareReport]?
  /// Time in A that the thread was runnable but waiting for a CPU, whatever it was doing; nil: not known.
  public var waitingA: Int64? = nil
  /// In B.
  public var waitingB: Int64? = nil
}

/// The same thing in both.
public struct ComparisonReport: Codable, Equatable, Sendable {
  /// What it is, in words.
  public var name: String
  /// In A; nil: only B has it.
  public var a: MeasureReport?
  /// In B; nil: only A has it.
  public var b: MeasureReport?
  /// B ÷ A; nil: only one has it.
  public var ratio: RatioReport?
}

/// How often something happens and how long it takes.
public struct MeasureReport: Codable, Equatable, Sendable {
  /// How often: exits, or for a path's stage those that were measured.
  public var count: UInt64
  /// How often a second, of what `basis` says.
  public var perSecond: Double
  /// What was counted over what, as in ``RateReport``.
  public var basis: String?
  /// Median; nil: no latency is proven.
  public var p50: Int64?
  /// 99th percentile.
  public var p99: Int64?
  /// Sum.
  public var total: Int64

  /// The rate is one of the time that is known.
  var isEstimated: Bool { basis.map(RateReport.isEstimate) ?? false }
}

/// B ÷ A; nil where A's number is 0 or missing.
public struct RatioReport: Codable, Equatable, Sendable {
  /// Of the rates.
  public var perSecond: Double?
  /// Of the medians.
  public var p50: Double?
  /// Of the 99th percentiles.
  public var p99: Double?
  /// Of the sums.
  public var total: Double?
}
