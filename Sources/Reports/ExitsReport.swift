/// The contents of `exits`.
package struct ExitsReport: Codable, Equatable, Sendable {
  /// What exits are put together by: `reason`, `device`, `address`, `vcpu`, `symbol` or `address-range`.
  package var by: String
  /// What was asked for, in words; nil: everything.
  package var filter: String?
  /// What costs are measured with; nil in a report of an early build.
  package var costs: ExitCostsReport?
  /// By `symbol` and `address-range`: what is known of where exits come from.
  package var places: ExitPlacesReport?
  /// Groups, in the order that `costs` names.
  package var groups: [ExitHistogramReport]

  package init(
    by: String, filter: String? = nil, costs: ExitCostsReport? = nil, places: ExitPlacesReport? = nil,
    groups: [ExitHistogramReport]
  ) {
    self.by = by
    self.filter = filter
    self.costs = costs
    self.places = places
    self.groups = groups
  }
}

/// A group of exits with its histograms.
package struct ExitHistogramReport: Codable, Equatable, Sendable {
  /// What they have in common, in words.
  package var label: String
  /// Counts and latencies.
  package var exits: ExitReport
  /// Time in KVM_RUN before the exit; four bars for each power of two.
  package var inKvmRun: [BarReport]
  /// Time from the exit to the next enter; four bars for each power of two.
  package var handling: [BarReport]

  package init(label: String, exits: ExitReport, inKvmRun: [BarReport], handling: [BarReport]) {
    self.label = label
    self.exits = exits
    self.inKvmRun = inKvmRun
    self.handling = handling
  }
}
