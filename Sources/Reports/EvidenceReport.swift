/// What several runs of two configurations, A and B, say of a difference between these; docs/comparison.md has the method.
package struct EvidenceReport: Codable, Equatable, Sendable {
  /// `pairs`, `sides`, or `one_each`: one run a side, which says nothing about configurations.
  package var design: String
  /// The chance of a wrong verdict on a difference among all primary metrics.
  package var level: Double
  /// How much larger, or smaller, counts as the same.
  package var equivalence: Double
  /// A's runs; of pairs, in the order in which they are compared.
  package var a: [RunReport]
  /// B's runs.
  package var b: [RunReport]
  /// What makes these runs less fit to be compared.
  package var warnings: [String]
  /// Metrics declared beforehand, in that order, judged together.
  package var primary: [MetricReport]
  /// All others, each as if it were the only one; what takes most time first.
  package var exploratory: [MetricReport]
  /// What `--fail-if` asks for; nil: nothing.
  package var limits: [MetricLimitReport]?

  package init(
    design: String, level: Double, equivalence: Double, a: [RunReport], b: [RunReport], warnings: [String],
    primary: [MetricReport], exploratory: [MetricReport], limits: [MetricLimitReport]? = nil
  ) {
    self.design = design
    self.level = level
    self.equivalence = equivalence
    self.a = a
    self.b = b
    self.warnings = warnings
    self.primary = primary
    self.exploratory = exploratory
    self.limits = limits
  }
}

/// A run that is compared.
package struct RunReport: Codable, Equatable, Sendable {
  /// As the user named it.
  package var path: String
  /// Its first event, ns since the clock's origin; nil: it has none.
  package var begin: Int64?
  /// ns.
  package var duration: Int64
  /// Something is lost, damaged, or not proven to be there.
  package var isPartial: Bool
  /// The part of vCPUs' time, 0 to 1, that their threads were runnable but waited for a CPU; nil: not known.
  package var waiting: Double?
  /// The part of vCPUs' time, 0 to 1, that recording took, estimated; nil: not known.
  package var recording: Double?

  package init(
    path: String, begin: Int64?, duration: Int64, isPartial: Bool, waiting: Double?, recording: Double? = nil
  ) {
    self.path = path
    self.begin = begin
    self.duration = duration
    self.isPartial = isPartial
    self.waiting = waiting
    self.recording = recording
  }
}

/// A metric in all runs.
package struct MetricReport: Codable, Equatable, Sendable {
  /// Such as `handling.p99`.
  package var name: String
  /// `ns` or `per_second`.
  package var unit: String
  /// Less is better; else neither is.
  package var isLessBetter: Bool
  /// In each run of A, in their order; nil: it does not have it, or too few events for it.
  package var a: [Double?]
  /// In each run of B.
  package var b: [Double?]
  /// Of A's runs that have it; nil: none has.
  package var medianA: Double?
  /// Of B's.
  package var medianB: Double?
  /// `better`, `worse`, `higher`, `lower`, `same`, `no_evidence`, `too_few_runs`; `one_run_each`; `not_in_all_runs`.
  package var verdict: String
  /// B ÷ A, Hodges and Lehmann's estimate; nil: not judged.
  package var ratio: Double?
  /// From where the ratio is, 99 % of the time; nil: too few runs.
  package var lower: Double?
  /// To where.
  package var upper: Double?
  /// How often such intervals hold the ratio, at least.
  package var coverage: Double?
  /// The smallest ratio above 1 that these runs could have shown; nil: none.
  package var detectable: Double?
  /// The exact two-sided p-value of no difference, of this metric by itself.
  package var p: Double?
  /// The same among all primary metrics; nil: it is none.
  package var familyP: Double?
  /// Of the two one-sided tests, among all primary metrics.
  package var equivalenceP: Double?
  /// The smallest `p` that so many runs can have.
  package var smallestP: Double?

  package init(
    name: String, unit: String, isLessBetter: Bool, a: [Double?], b: [Double?], medianA: Double?,
    medianB: Double?, verdict: String
  ) {
    self.name = name
    self.unit = unit
    self.isLessBetter = isLessBetter
    self.a = a
    self.b = b
    self.medianA = medianA
    self.medianB = medianB
    self.verdict = verdict
  }
}

/// A limit on how much a metric may change.
package struct MetricLimitReport: Codable, Equatable, Sendable {
  /// As it was given: `handling.p99 > +10%`.
  package var limit: String
  /// The metric.
  package var metric: String
  /// `exceeded`, `kept`: both by evidence; `undecided`; `too_few_runs`, `not_in_all_runs`: nothing could be shown.
  package var verdict: String
  /// Of the test that it is exceeded, corrected for the number of limits; nil: it was not tested.
  package var exceededP: Double?
  /// Of the test that it is kept.
  package var keptP: Double?

  package init(limit: String, metric: String, verdict: String, exceededP: Double? = nil, keptP: Double? = nil)
  {
    self.limit = limit
    self.metric = metric
    self.verdict = verdict
    self.exceededP = exceededP
    self.keptP = keptP
  }
}
