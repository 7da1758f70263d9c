/// Exits of one kind.
package struct ExitReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Reason, as KVM_EXIT_*; nil: the exits beyond the number of kinds that are told apart.
  package var reason: String?
  /// `in` or `out`, seen from the guest.
  package var direction: String?
  /// Device at the address.
  package var device: String?
  /// Port or guest physical address, the lowest one if there are several.
  package var address: UInt64?
  /// Number of different addresses.
  package var addresses: Int
  /// vCPU, when exits of vCPUs are kept apart.
  package var vcpu: Int?
  /// Where in the guest they come from, when they are put together by that.
  package var place: ExitPlaceReport?
  /// Number of exits.
  package var count: UInt64
  /// Time in KVM_RUN before the exit.
  package var inKvmRun: LatencyReport
  /// Time from the exit to the next enter.
  package var handling: LatencyReport
  /// What they cost; nil in a report of an early build.
  package var cost: ExitCostReport?
  /// How often; nil where no time is known.
  package var rate: RateReport?

  package init(
    machine: String? = nil, reason: String? = nil, direction: String? = nil, device: String? = nil,
    address: UInt64? = nil, addresses: Int, vcpu: Int? = nil, place: ExitPlaceReport? = nil, count: UInt64,
    inKvmRun: LatencyReport, handling: LatencyReport, cost: ExitCostReport? = nil, rate: RateReport? = nil
  ) {
    self.machine = machine
    self.reason = reason
    self.direction = direction
    self.device = device
    self.address = address
    self.addresses = addresses
    self.vcpu = vcpu
    self.place = place
    self.count = count
    self.inKvmRun = inKvmRun
    self.handling = handling
    self.cost = cost
    self.rate = rate
  }
}

/// All exits together.
package struct ExitTotalReport: Codable, Equatable, Sendable {
  /// Number of exits.
  package var count: UInt64
  /// Time in KVM_RUN before the exits.
  package var inKvmRun: LatencyReport
  /// Time from the exits to the next enter.
  package var handling: LatencyReport
  /// What they cost; nil in a report of an early build.
  package var cost: ExitCostReport?
  /// How often; nil where no time is known.
  package var rate: RateReport?

  package init(
    count: UInt64, inKvmRun: LatencyReport, handling: LatencyReport, cost: ExitCostReport? = nil,
    rate: RateReport? = nil
  ) {
    self.count = count
    self.inKvmRun = inKvmRun
    self.handling = handling
    self.cost = cost
    self.rate = rate
  }
}
