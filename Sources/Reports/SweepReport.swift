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
  /// Each level of each factor beside the factor's first one.
  package var effects: [SweepEffectReport]

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

  package init(label: String, runs: Int, disturbed: Int) {
    self.label = label
    self.runs = runs
    self.disturbed = disturbed
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
