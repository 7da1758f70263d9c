/// The contents of `compare`: two recordings, A and B, side by side. The report's own `trace` and `machine` are A's.
package struct CompareReport: Codable, Equatable, Sendable {
  /// What was read for B, and what was lost.
  package var other: TraceReport
  /// The virtual machine of B, when its trace describes one.
  package var otherMachine: MachineReport?
  /// Where the machines and their configurations differ, by name.
  package var differences: [DifferenceReport]
  /// Where the time of each thread went: vCPUs, then loops.
  package var threads: [ThreadComparisonReport]
  /// Exits to userspace by reason, direction and device, then all of them; the longest total handling first.
  package var exits: [ComparisonReport]
  /// Stages of the ways to each queue.
  package var paths: [ComparisonReport]
  /// What the runs say of the configurations; nil in a report of an early build.
  package var evidence: EvidenceReport?

  package init(
    other: TraceReport, otherMachine: MachineReport? = nil, differences: [DifferenceReport],
    threads: [ThreadComparisonReport], exits: [ComparisonReport], paths: [ComparisonReport],
    evidence: EvidenceReport? = nil
  ) {
    self.other = other
    self.otherMachine = otherMachine
    self.differences = differences
    self.threads = threads
    self.exits = exits
    self.paths = paths
    self.evidence = evidence
  }
}

/// A setting that is not the same in both.
package struct DifferenceReport: Codable, Equatable, Sendable {
  /// Its name in the configuration, or `version`, `kvm`, `kernel`.
  package var name: String
  /// A's value in words; nil: A does not have it.
  package var a: String?
  /// B's value.
  package var b: String?

  package init(name: String, a: String? = nil, b: String? = nil) {
    self.name = name
    self.a = a
    self.b = b
  }
}

/// Where a thread's time went in both.
package struct ThreadComparisonReport: Codable, Equatable, Sendable {
  /// `vcpu` or `loop`.
  package var kind: String
  /// Its id.
  package var id: Int
  /// Its name.
  package var name: String
  /// A's times, which add up to the time analysed; nil: A does not have this thread.
  package var a: [ShareReport]?
  /// B's times.
  package var b: [ShareReport]?
  /// Time in A that the thread was runnable but waiting for a CPU, whatever it was doing; nil: not known.
  package var waitingA: Int64?
  /// In B.
  package var waitingB: Int64?

  package init(
    kind: String, id: Int, name: String, a: [ShareReport]? = nil, b: [ShareReport]? = nil,
    waitingA: Int64? = nil, waitingB: Int64? = nil
  ) {
    self.kind = kind
    self.id = id
    self.name = name
    self.a = a
    self.b = b
    self.waitingA = waitingA
    self.waitingB = waitingB
  }
}

/// The same thing in both.
package struct ComparisonReport: Codable, Equatable, Sendable {
  /// What it is, in words.
  package var name: String
  /// In A; nil: only B has it.
  package var a: MeasureReport?
  /// In B; nil: only A has it.
  package var b: MeasureReport?
  /// B ÷ A; nil: only one has it.
  package var ratio: RatioReport?
  /// Of a path, which ways its kicks went in A: `ioeventfd`, `exit`; nil: it is none, or only B has it.
  package var waysA: [String]?
  /// In B.
  package var waysB: [String]?

  package init(name: String, a: MeasureReport? = nil, b: MeasureReport? = nil, ratio: RatioReport? = nil) {
    self.name = name
    self.a = a
    self.b = b
    self.ratio = ratio
  }
}

/// How often something happens and how long it takes.
package struct MeasureReport: Codable, Equatable, Sendable {
  /// How often: exits, or for a path's stage those that were measured.
  package var count: UInt64
  /// How often a second, of what `basis` says.
  package var perSecond: Double
  /// What was counted over what, as in ``RateReport``.
  package var basis: String?
  /// Median; nil: no latency is proven.
  package var p50: Int64?
  /// 99th percentile.
  package var p99: Int64?
  /// Sum.
  package var total: Int64

  package init(
    count: UInt64, perSecond: Double, basis: String? = nil, p50: Int64? = nil, p99: Int64? = nil, total: Int64
  ) {
    self.count = count
    self.perSecond = perSecond
    self.basis = basis
    self.p50 = p50
    self.p99 = p99
    self.total = total
  }

  /// The rate is one of the time that is known.
  package var isEstimated: Bool { basis.map(RateReport.isEstimate) ?? false }
}

/// B ÷ A; nil where A's number is 0 or missing.
package struct RatioReport: Codable, Equatable, Sendable {
  /// Of the rates.
  package var perSecond: Double?
  /// Of the medians.
  package var p50: Double?
  /// Of the 99th percentiles.
  package var p99: Double?
  /// Of the sums.
  package var total: Double?

  package init(perSecond: Double? = nil, p50: Double? = nil, p99: Double? = nil, total: Double? = nil) {
    self.perSecond = perSecond
    self.p50 = p50
    self.p99 = p99
    self.total = total
  }
}
