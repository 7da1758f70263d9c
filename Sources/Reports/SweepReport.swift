/// What the runs of a sweep say of its factors: of `compare` on a sweep's directory.
package struct SweepReport: Codable, Equatable, Sendable {
  /// What the experiment asks, for people.
  package var question: String?
  /// What ran.
  package var configurations: [SweepConfigurationReport]
  /// Blocks in which all configurations ran: only these count.
  package var blocks: Int
  /// Runs that are planned and not finished.
  package var missing: Int
  /// Each level of each factor beside the factor's first one; where that depends on other factors, after it also at each level of these.
  package var effects: [SweepEffectReport]
  /// Whether what a factor does depends on another one, for each two; nil: in a report of an early build.
  package var interactions: [SweepInteractionReport]?
  /// Which configurations are not beaten, for each guest; nil: in a report of an early build.
  package var choices: [SweepChoiceReport]?
  /// Latency against processor time, for each guest; nil: not all runs have both, or in a report of an early build.
  package var frontiers: [SweepFrontierReport]?
  /// Of a sweep that goes on until an interval is narrow enough; nil: it is none.
  package var looks: SweepLooksReport?

  package init(
    question: String?, configurations: [SweepConfigurationReport], blocks: Int, missing: Int,
    effects: [SweepEffectReport]
  ) {
    self.question = question
    self.configurations = configurations
    self.blocks = blocks
    self.missing = missing
    self.effects = effects
  }
}

/// A configuration of a sweep.
package struct SweepConfigurationReport: Codable, Equatable, Sendable {
  package var label: String
  /// Finished runs.
  package var runs: Int
  /// Of these, runs beside which other programs, or the host's own host, took processors' time.
  package var disturbed: Int
  /// How many were made before these, and again as they were disturbed; nil: none.
  package var repeated: Int?

  package init(label: String, runs: Int, disturbed: Int) {
    self.label = label
    self.runs = runs
    self.disturbed = disturbed
  }
}

/// Looks at a sweep that goes on until the interval of each effect on a metric is narrow enough.
package struct SweepLooksReport: Codable, Equatable, Sendable {
  package var metric: String
  /// How far an interval's end may be from the estimate, as a part of it.
  package var width: Double
  /// After how many blocks is looked, as was declared; each has an equal part of the level.
  package var looks: [Int]
  /// The look that this report is: so many blocks count.
  package var blocks: Int
  /// The intervals were narrow enough, and the sweep ended.
  package var isNarrow: Bool

  package init(metric: String, width: Double, looks: [Int], blocks: Int, isNarrow: Bool) {
    self.metric = metric
    self.width = width
    self.looks = looks
    self.blocks = blocks
    self.isNarrow = isNarrow
  }

  /// Blocks up to the next look; of the last one, its own.
  package var planned: Int { looks.first { $0 > blocks } ?? blocks }
}

/// A level of a factor.
package struct SweepSettingReport: Codable, Equatable, Sendable {
  package var factor: String
  package var level: String

  package init(factor: String, level: String) {
    self.factor = factor
    self.level = level
  }
}

/// What a level of a factor does, compared with the factor's first level.
package struct SweepEffectReport: Codable, Equatable, Sendable {
  package var factor: String
  /// The factor's first level, A.
  package var from: String
  /// B.
  package var to: String
  /// Other factors, over whose levels the logarithms of metrics are averaged within each block; empty: there is none.
  package var over: [String]
  /// Levels of other factors at which it is so; nil: at all of them, on average.
  package var at: [SweepSettingReport]?
  /// Factors that it depends on, in a primary metric: the average holds at none of their levels. nil: there is no evidence of that.
  package var dependsOn: [String]?
  /// Of pairs, one for each block.
  package var evidence: EvidenceReport

  package init(factor: String, from: String, to: String, over: [String], evidence: EvidenceReport) {
    self.factor = factor
    self.from = from
    self.to = to
    self.over = over
    self.evidence = evidence
  }
}

/// Whether what a level of a factor does is another thing at a level of another factor.
package struct SweepInteractionReport: Codable, Equatable, Sendable {
  package var factor: String
  /// The factor's first level, and the one that is compared with it.
  package var from: String
  package var to: String
  package var other: String
  /// The other factor's first level, and the one at which the effect is compared with that at the first.
  package var otherFrom: String
  package var otherTo: String
  /// The primary metrics.
  package var metrics: [SweepContrastReport]

  package init(
    factor: String, from: String, to: String, other: String, otherFrom: String, otherTo: String,
    metrics: [SweepContrastReport]
  ) {
    self.factor = factor
    self.from = from
    self.to = to
    self.other = other
    self.otherFrom = otherFrom
    self.otherTo = otherTo
    self.metrics = metrics
  }
}

/// A ratio of a metric, judged together with others.
package struct SweepContrastReport: Codable, Equatable, Sendable {
  package var name: String
  /// Of an interaction `depends`, `same`, `no_evidence`, `too_few_runs`; of two configurations `better`, `worse`, `same`, `no_evidence`,
  /// `too_few_runs`, of B.
  package var verdict: String
  /// Hodges and Lehmann's estimate: of an interaction, the effect at the other factor's second level divided by that at its first; of two
  /// configurations, B ÷ A.
  package var ratio: Double
  /// The ratio's interval, of this one by itself; nil: too few blocks.
  package var lower: Double?
  package var upper: Double?
  /// The p-value of no difference, among all that are judged together.
  package var familyP: Double?
  /// That of a difference beyond what counts as the same, of all metrics of the comparison, among all comparisons.
  package var equivalenceP: Double

  package init(name: String, verdict: String, ratio: Double, equivalenceP: Double) {
    self.name = name
    self.verdict = verdict
    self.ratio = ratio
    self.equivalenceP = equivalenceP
  }
}
