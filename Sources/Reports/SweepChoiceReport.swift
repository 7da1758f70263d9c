/// Which configurations of a sweep are not beaten by any other, as far as runs tell.
///
/// B beats A where it is better in a primary metric, and worse in none, by evidence. All statements about all pairs are one family.
package struct SweepChoiceReport: Codable, Equatable, Sendable {
  /// The guest that these configurations ran; nil: there is one.
  package var guest: String?
  /// `one`: no other beats it, and it beats all others, or those that beat these. `several`: there is no evidence of a difference
  /// between those that are not beaten. `trade`: of those not beaten, some are better in one metric and worse in another. `same`: all are the same. `no_evidence`: none is
  /// better than any other. `too_few_runs`. `nothing_judged`: no primary metric can be judged.
  package var verdict: String
  /// Labels of configurations that no other beats, in the order of the sweep; empty where nothing is known.
  package var unbeaten: [String]
  /// Levels that all of these have, and some other configuration has not.
  package var common: [SweepSettingReport] = []
  /// Primary metrics of which less is better, and that all runs have: these are judged.
  package var judged: [String]
  /// Other primary metrics.
  package var notJudged: [String]
  /// The chance that any statement about a difference between two configurations is wrong.
  package var level: Double
  /// Every two configurations, the evidence.
  package var pairs: [SweepPairReport]

  package init(
    guest: String?, verdict: String, unbeaten: [String], judged: [String], notJudged: [String], level: Double,
    pairs: [SweepPairReport]
  ) {
    self.guest = guest
    self.verdict = verdict
    self.unbeaten = unbeaten
    self.judged = judged
    self.notJudged = notJudged
    self.level = level
    self.pairs = pairs
  }
}

/// Two configurations of a sweep, by their labels.
package struct SweepPairReport: Codable, Equatable, Sendable {
  package var a: String
  package var b: String
  package var metrics: [SweepContrastReport]

  package init(a: String, b: String, metrics: [SweepContrastReport]) {
    self.a = a
    self.b = b
    self.metrics = metrics
  }

  /// Which of them is better: that is better in a metric, and worse in none.
  package enum Outcome: Sendable, Equatable {
    case aBeats, bBeats
    /// Each is better in some metric.
    case trade
    /// In all metrics.
    case same
    case noEvidence
  }

  package var outcome: Outcome {
    let verdicts = Set(metrics.map(\.verdict))
    switch (verdicts.contains("better"), verdicts.contains("worse")) {
    case (true, true): return .trade
    case (true, false): return .bBeats
    case (false, true): return .aBeats
    case (false, false): return verdicts == ["same"] ? .same : .noEvidence
    }
  }
}
