/// What made a run slow, as far as its trace tells: what `explain` reports.
package struct ExplainReport: Codable, Equatable, Sendable {
  /// What was found, what weighs most first; empty: nothing that is worth telling.
  package var findings: [FindingReport]
  /// What a finding costs at least.
  package var thresholds: FindingThresholdsReport
  /// What the trace does not tell, so that there can be more than was found, in sentences; empty: nothing.
  package var notKnown: [String]

  package init(findings: [FindingReport], thresholds: FindingThresholdsReport, notKnown: [String]) {
    self.findings = findings
    self.thresholds = thresholds
    self.notKnown = notKnown
  }
}

/// From which cost on something is a finding, as parts (0 to 1) of the time of the threads that it takes it from.
package struct FindingThresholdsReport: Codable, Equatable, Sendable {
  /// What costs less is no finding.
  package var low: Double
  /// From here on its severity is `medium`.
  package var medium: Double
  /// From here on it is `high`.
  package var high: Double
  /// So many times as much of one thread's time counts alike.
  package var single: Double

  package init(low: Double, medium: Double, high: Double, single: Double) {
    self.low = low
    self.medium = medium
    self.high = high
    self.single = single
  }
}

/// A reason why a run was slow.
package struct FindingReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// What is wrong, a word of docs/explain.md.
  package var kind: String
  /// What it is wrong with: a device, an address, a thread. With `kind` it is the only one of its run.
  package var subject: String
  /// `high`, `medium` or `low`, by what it costs.
  package var severity: String
  /// What is wrong, in a sentence.
  package var title: String
  /// What it costs.
  package var cost: FindingCostReport
  /// The numbers that say so.
  package var numbers: [FindingNumberReport]
  /// What it is made of, the costliest first; nil: of nothing that is told apart.
  package var parts: [FindingPartReport]?
  /// Where in the guest its exits come from, the most frequent first, at most 8; nil: the recording does not tell.
  package var callers: [FindingCallerReport]?
  /// Places that are left out of these; nil: none.
  package var otherCallers: Int?
  /// An event that shows it.
  package var exemplar: LocationReport?
  /// What can be done about it, in sentences.
  package var advice: [String]
  /// What that would save.
  package var estimate: FindingEstimateReport?
  /// The arguments with which `exeunt-analyze` shows more of it, before the trace.
  package var more: String?

  package init(
    machine: String? = nil, kind: String, subject: String, severity: String, title: String,
    cost: FindingCostReport, numbers: [FindingNumberReport], parts: [FindingPartReport]? = nil,
    exemplar: LocationReport? = nil, advice: [String], estimate: FindingEstimateReport? = nil,
    more: String? = nil
  ) {
    self.machine = machine
    self.kind = kind
    self.subject = subject
    self.severity = severity
    self.title = title
    self.cost = cost
    self.numbers = numbers
    self.parts = parts
    self.exemplar = exemplar
    self.advice = advice
    self.estimate = estimate
    self.more = more
  }

  /// A number by its name.
  package func number(_ name: String) -> Int64? { numbers.first { $0.name == name }?.value }
}

/// What a finding costs, in ns.
package struct FindingCostReport: Codable, Equatable, Sendable {
  /// How much.
  package var time: Int64
  /// No less than this; nil: `time` is all that is known.
  package var atLeast: Int64?
  /// No more than this; nil: `time` is all that is known.
  package var atMost: Int64?
  /// Whose time that is: `vcpus`, `threads` for vCPUs and I/O threads, `elapsed` for the time analysed, or a thread's name.
  package var whose: String
  /// The time of these threads that was analysed.
  package var of: Int64
  /// `time` as a part of `of`, 0 to 1.
  package var share: Double
  /// What that weighs, 0 to 1: what severity follows from, and what findings are ranked by.
  package var weight: Double

  package init(
    time: Int64, atLeast: Int64? = nil, atMost: Int64? = nil, whose: String, of: Int64, share: Double,
    weight: Double
  ) {
    self.time = time
    self.atLeast = atLeast
    self.atMost = atMost
    self.whose = whose
    self.of = of
    self.share = share
    self.weight = weight
  }
}

/// A number that a finding rests on.
package struct FindingNumberReport: Codable, Equatable, Sendable {
  /// Of what, a word of docs/explain.md.
  package var name: String
  /// The number.
  package var value: Int64
  /// `count`, or `ns`.
  package var unit: String

  package init(name: String, value: Int64, unit: String) {
    self.name = name
    self.value = value
    self.unit = unit
  }
}

/// A part of what a finding is about.
package struct FindingPartReport: Codable, Equatable, Sendable {
  /// In words, such as `io out 0x3f8 serial0`.
  package var name: String
  /// How often.
  package var count: UInt64
  /// What it costs, ns.
  package var time: Int64

  package init(name: String, count: UInt64, time: Int64) {
    self.name = name
    self.count = count
    self.time = time
  }
}

/// A place in the guest that exits come from.
package struct FindingCallerReport: Codable, Equatable, Sendable {
  /// The guest's function; nil: it is not known.
  package var symbol: String?
  /// Where that begins, or the instruction pointer.
  package var address: UInt64
  /// Exits from there.
  package var count: UInt64

  package init(symbol: String?, address: UInt64, count: UInt64) {
    self.symbol = symbol
    self.address = address
    self.count = count
  }
}

/// What doing something about a finding would save.
package struct FindingEstimateReport: Codable, Equatable, Sendable {
  /// Likely so much, ns.
  package var saves: Int64
  /// No less than this; nil: nothing is certain.
  package var atLeast: Int64?
  /// No more than this; nil: `saves` is the most.
  package var atMost: Int64?
  /// What has to hold for it, in a sentence.
  package var assumption: String

  package init(saves: Int64, atLeast: Int64? = nil, atMost: Int64? = nil, assumption: String) {
    self.saves = saves
    self.atLeast = atLeast
    self.atMost = atMost
    self.assumption = assumption
  }
}
