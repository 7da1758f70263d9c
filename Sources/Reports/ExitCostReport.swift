/// What exits of one kind cost; exits of the start and the end of the run are left out. In ns.
package struct ExitCostReport: Codable, Equatable, Sendable {
  /// Handling, and KVM_RUN before each exit up to the floor, less all waits of vCPUs' threads for a CPU: counters do not
  /// tell which handlers these were in.
  package var atLeast: Int64
  /// Handling, and KVM_RUN before each exit up to `factor` times the floor: what kinds are ranked by.
  package var likely: Int64
  /// Handling, and all of KVM_RUN before the exits, which holds the guest's own time as well.
  package var atMost: Int64
  /// The average of KVM_RUN before an exit and of its handling, added up; nil: there is no such exit.
  package var average: Int64?
  /// Exits left out.
  package var edges: ExitEdgesReport?
  /// The longest handling that is not left out.
  package var slowest: SlowestExitReport?

  package init(
    atLeast: Int64, likely: Int64, atMost: Int64, average: Int64? = nil, edges: ExitEdgesReport? = nil,
    slowest: SlowestExitReport? = nil
  ) {
    self.atLeast = atLeast
    self.likely = likely
    self.atMost = atMost
    self.average = average
    self.edges = edges
    self.slowest = slowest
  }
}

/// Exits of the start and the end of the run: first KVM_RUNs, what is before the guest's first mark and after its last
/// one, and the exit that ends the run.
package struct ExitEdgesReport: Codable, Equatable, Sendable {
  /// Exits whose KVM_RUN is left out.
  package var entered: UInt64
  /// Their time in KVM_RUN.
  package var inKvmRun: Int64
  /// Exits whose handling is left out.
  package var handled: UInt64
  /// Their handling.
  package var handling: Int64

  package init(entered: UInt64, inKvmRun: Int64, handled: UInt64, handling: Int64) {
    self.entered = entered
    self.inKvmRun = inKvmRun
    self.handled = handled
    self.handling = handling
  }
}

/// An exit that took long to handle.
package struct SlowestExitReport: Codable, Equatable, Sendable {
  /// From the exit to the next enter.
  package var handling: Int64
  /// The exit.
  package var exemplar: LocationReport

  package init(handling: Int64, exemplar: LocationReport) {
    self.handling = handling
    self.exemplar = exemplar
  }
}

/// What the costs of exits are measured with.
package struct ExitCostsReport: Codable, Equatable, Sendable {
  /// The time that shares are of: the sum of all vCPUs' spans.
  package var vcpuTime: Int64
  /// What an exit costs at least in KVM_RUN, by the shortest ones; nil: no exit says it.
  package var floor: Int64?
  /// The kind of exits that it is from, in words.
  package var floorExit: String?
  /// Number of exits of that kind.
  package var floorCount: UInt64?
  /// How many times the floor a KVM_RUN may be and count as the price of an exit.
  package var factor: Int64
  /// What the rows are ordered by, see ``ExitOrder``.
  package var sortedBy: String

  package init(
    vcpuTime: Int64, floor: Int64? = nil, floorExit: String? = nil, floorCount: UInt64? = nil, factor: Int64,
    sortedBy: String
  ) {
    self.vcpuTime = vcpuTime
    self.floor = floor
    self.floorExit = floorExit
    self.floorCount = floorCount
    self.factor = factor
    self.sortedBy = sortedBy
  }
}
