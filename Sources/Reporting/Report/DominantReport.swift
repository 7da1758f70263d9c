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

  /// Sums up; nil where nothing can be said.
  init?(vcpus: [VcpuReport], exits: [ExitReport], all: ExitTotalReport) {
    vcpuTime = vcpus.reduce(0) { $0 &+ $1.span }
    handling = all.handling.total
    guard vcpuTime > 0 else { return nil }
    let states: [(String, (VcpuReport) -> Int64)] = [
      ("in_kvm_run", \.inKvmRun), ("dispatch", \.dispatch), ("lock_wait", \.lockWait), ("other", \.other),
      ("unknown", \.unknown), ("outside", \.outside),
    ]
    for (name, time) in states {
      let sum = vcpus.reduce(0) { $0 &+ time($1) }
      if sum > vcpuTime / 2 { (state, stateTime) = (name, sum) }
    }
    inKvmRun = vcpus.reduce(0) { $0 &+ $1.inKvmRun }
    let waits = vcpus.compactMap(\.scheduling?.waiting)
    if !waits.isEmpty { waiting = waits.reduce(0, &+) }
    let halts = vcpus.flatMap { [$0.kvmRun?.halted, $0.kvmRun?.haltPolling] }.compactMap { $0 }
    if !halts.isEmpty { halted = halts.reduce(0, &+) }
    // A thread that has no CPU is in KVM_RUN, or in a handler, in name only.
    if let waiting, waiting > vcpuTime / 2 { (state, stateTime) = ("waiting_for_cpu", waiting) }
    cost = all.cost
    let costliest = ExitOrder.cost.sorted(exits.filter { $0.reason != nil }) { $0 }.first
    if let exit = costliest, let cost = exit.cost, cost.likely >= vcpuTime / 100 {
      self.exit = ExitText.label(exit)
      exitCount = exit.count
      exitHandling = exit.handling
      exitCost = cost
    }
    if state == nil && exit == nil { return nil }
  }
}

extension LatencyReport {
  /// How often `p50` such a latency is where that is often enough to be a tail: 100 times or more.
  func tail(_ value: Int64) -> Int64? {
    guard p50 > 0, value / p50 >= 100 else { return nil }
    return value / p50
  }
}
