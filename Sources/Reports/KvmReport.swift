/// KVM's own counters between the first and the last time they were read.
package struct KvmReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// `vm` or `vcpu`.
  package var scope: String
  /// Its id.
  package var id: Int
  /// Time of the first sample.
  package var begin: Int64
  /// Time of the last sample.
  package var end: Int64
  /// Number of samples.
  package var samples: UInt64
  /// By how much each counter that the kernel offers grew; times in ns.
  package var counters: [NamedCount]
  /// What is not a sum, at the last reading; nil in a report of an early build, as `histograms`.
  package var levels: [NamedCount]?
  /// KVM's own histograms.
  package var histograms: [KvmHistogramReport]?
  /// Where KVM and the trace count the same thing.
  package var checks: [KvmCheckReport]

  package init(
    machine: String? = nil, scope: String, id: Int, begin: Int64, end: Int64, samples: UInt64,
    counters: [NamedCount], levels: [NamedCount]? = nil, histograms: [KvmHistogramReport]? = nil,
    checks: [KvmCheckReport]
  ) {
    self.machine = machine
    self.scope = scope
    self.id = id
    self.begin = begin
    self.end = end
    self.samples = samples
    self.counters = counters
    self.levels = levels
    self.histograms = histograms
    self.checks = checks
  }
}

/// One counter of KVM beside the same thing counted in the trace.
package struct KvmCheckReport: Codable, Equatable, Sendable {
  /// KVM's counter.
  package var counter: String
  /// What KVM counted between the samples.
  package var kvm: UInt64
  /// What the trace has between the samples.
  package var traced: UInt64
  /// Whether both are equal.
  package var agrees: Bool
  /// Exits of all kinds that are missing from the trace, by their numbers; nil in a report of an early build, which did
  /// not say it: not 0.
  package var missing: UInt64?
  /// Why they differ, in a word of docs/report.md.
  package var cause: String?
  /// Why they differ, or what the difference is.
  package var explanation: String?

  package init(
    counter: String, kvm: UInt64, traced: UInt64, agrees: Bool, missing: UInt64? = nil, cause: String? = nil,
    explanation: String? = nil
  ) {
    self.counter = counter
    self.kvm = kvm
    self.traced = traced
    self.agrees = agrees
    self.missing = missing
    self.cause = cause
    self.explanation = explanation
  }
}

/// A histogram of KVM's between its first and its last reading.
package struct KvmHistogramReport: Codable, Equatable, Sendable {
  /// KVM's name for it.
  package var name: String
  /// What `from` and `through` are: `ns`, `bytes`, `cycles`, or KVM's own unit in words; nil: plain numbers.
  package var unit: String?
  /// Buckets with something in them; the last one that KVM has has no upper end, `through` is left out there.
  package var buckets: [KvmBucketReport]

  package init(name: String, unit: String? = nil, buckets: [KvmBucketReport]) {
    self.name = name
    self.unit = unit
    self.buckets = buckets
  }
}

/// A bucket of a histogram of KVM's.
package struct KvmBucketReport: Codable, Equatable, Sendable {
  /// The smallest value counted.
  package var from: UInt64
  /// The largest value counted; nil: there is no largest one.
  package var through: UInt64?
  /// By how much it grew.
  package var count: UInt64

  package init(from: UInt64, through: UInt64? = nil, count: UInt64) {
    self.from = from
    self.through = through
    self.count = count
  }
}
