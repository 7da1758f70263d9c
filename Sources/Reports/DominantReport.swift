/// What most of the vCPUs' time is, and which exits cost most of it, by the rules of docs/report.md.
package struct DominantReport: Codable, Equatable, Sendable {
  /// Time of all vCPUs: the sum of their spans.
  package var vcpuTime: Int64
  /// What more than half of it was spent in: `waiting_for_cpu`, whatever else the thread was doing, or `in_kvm_run`,
  /// `dispatch`, `lock_wait`, `other`, `unknown` or `outside`; nil: nothing has so much.
  package var state: String?
  /// Time of all vCPUs in it.
  package var stateTime: Int64?
  /// Time of all vCPUs in KVM_RUN; nil in a report of an early build.
  package var inKvmRun: Int64?
  /// Time that all vCPUs' threads were runnable but waiting for a CPU; nil: not known.
  package var waiting: Int64?
  /// Time that all vCPUs were halted in KVM, asleep or polling; nil: not known.
  package var halted: Int64?
  /// Time of all exits to the next enter.
  package var handling: Int64
  /// What all exits cost; nil in a report of an early build.
  package var cost: ExitCostReport?
  /// The kind of exits that likely costs most, in words; nil when it is less than a hundredth of the vCPUs' time.
  package var exit: String?
  /// Its number of exits.
  package var exitCount: UInt64?
  /// Its handling.
  package var exitHandling: LatencyReport?
  /// What it costs.
  package var exitCost: ExitCostReport?

  package init(
    vcpuTime: Int64, state: String? = nil, stateTime: Int64? = nil, inKvmRun: Int64? = nil,
    waiting: Int64? = nil, halted: Int64? = nil, handling: Int64, cost: ExitCostReport? = nil,
    exit: String? = nil, exitCount: UInt64? = nil, exitHandling: LatencyReport? = nil,
    exitCost: ExitCostReport? = nil
  ) {
    self.vcpuTime = vcpuTime
    self.state = state
    self.stateTime = stateTime
    self.inKvmRun = inKvmRun
    self.waiting = waiting
    self.halted = halted
    self.handling = handling
    self.cost = cost
    self.exit = exit
    self.exitCount = exitCount
    self.exitHandling = exitHandling
    self.exitCost = exitCost
  }
}
