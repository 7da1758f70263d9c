/// Which configuration runs when: a pure value, written down before the first run.
package struct SweepPlan: Equatable, Sendable, Codable {
  /// A run.
  package struct Run: Equatable, Sendable, Codable {
    /// From 1, in the order in which they are made.
    package var number: Int
    /// From 0: the runs of one block are made one after the other, each configuration once. Those that differ in one factor are a pair.
    package var block: Int
    /// Index into ``configurations``.
    package var configuration: Int
  }

  /// Of this file's form.
  package var version = 1
  package var question: String?
  package var seed: UInt64
  package var configurations: [Configuration]
  package var runs: [Run]
  package var warmUps: Int
  /// When it ends; nil: after its last run.
  package var until: SweepUntil?
  /// The two runs of a block are made at the same time, each on a half of the processors; nil: they are not.
  package var duet: Bool?

  /// Plans an experiment: in each block all configurations, in an order that chance decides, so that what drifts over time is not taken
  /// for one of them.
  ///
  /// - Parameter until: nil: all pairs are made.
  package init(_ experiment: Experiment, seed: UInt64, until: SweepUntil? = nil) {
    question = experiment.question
    self.seed = seed
    configurations = experiment.configurations
    warmUps = experiment.warmUps
    self.until = until
    if experiment.duet != .none { duet = true }
    var generator = Chance(state: seed)
    runs = []
    for block in 0..<(until?.looks.last ?? experiment.pairs) {
      for configuration in configurations.indices.shuffled(using: &generator) {
        runs.append(Run(number: runs.count + 1, block: block, configuration: configuration))
      }
    }
  }

  /// Whether it is a plan of the same experiment, whatever chance decided.
  package func isPlan(of experiment: Experiment, until: SweepUntil? = nil) -> Bool {
    let other = SweepPlan(experiment, seed: seed, until: until)
    return configurations == other.configurations && runs == other.runs && until == self.until
      && duet == other.duet
  }

  /// The name of a run's directory.
  package func name(_ run: Run) -> String {
    let digits = String(run.number)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "-"
      + configurations[run.configuration].label
  }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same order for the same seed, on all machines.
private struct Chance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
