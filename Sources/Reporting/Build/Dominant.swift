import Reports

extension DominantReport {
  /// Sums up; nil where nothing can be said.
  init?(vcpus: [VcpuReport], exits: [ExitReport], all: ExitTotalReport) {
    let time = vcpus.reduce(0) { $0 &+ $1.span }
    guard time > 0 else { return nil }
    self.init(vcpuTime: time, handling: all.handling.total)
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
