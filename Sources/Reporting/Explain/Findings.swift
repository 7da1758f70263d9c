import Reports

/// Finds what made a run slow. Each kind of finding is a function in a file of this directory; what each rests on is in
/// docs/explain.md.
enum Findings {
  private static let kinds: [@Sendable (ExplainedRun) -> [FindingReport]] = [
    smallAccesses, exitKicks, unclaimedAccesses, singleKicks, queuedHandlers, interrupts, waitingForCPU,
    lockWaits,
    pollingMisses,
    slowAccesses, slowRequests,
  ]

  /// All of a run, those that weigh most first.
  static func find(in run: ExplainedRun) -> [FindingReport] {
    ranked(kinds.flatMap { $0(run) })
  }

  /// Those that weigh most first; of equal ones the costliest, then by their names.
  static func ranked(_ findings: [FindingReport]) -> [FindingReport] {
    findings.sorted {
      if $0.cost.weight != $1.cost.weight { return $0.cost.weight > $1.cost.weight }
      if $0.cost.time != $1.cost.time { return $0.cost.time > $1.cost.time }
      return ($0.machine ?? "", $0.kind, $0.subject) < ($1.machine ?? "", $1.kind, $1.subject)
    }
  }

  /// The numbers of exits, and where the slowest of them is.
  static func describe(_ finding: inout FindingReport, _ accesses: ExplainedRun.Accesses) {
    let (exits, handling) = (accesses.exits, accesses.exits.handling)
    finding.numbers += [
      .count("exits", exits.count), .time("handling_p50", handling.p50), .time("handling_p99", handling.p99),
      .time("kvm_run_p50", exits.inKvmRun.p50),
    ]
    if let average = exits.cost?.average { finding.numbers.append(.time("average", average)) }
    if accesses.lockWait > 0 { finding.numbers.append(.time("lock_wait", accesses.lockWait)) }
    finding.parts = parts(accesses.parts) { accesses.usualTime(of: $0) }
    setCallers(&finding, accesses.callers)
    finding.exemplar = exits.cost?.slowest?.exemplar
  }

  /// Where its exits come from.
  static func setCallers(_ finding: inout FindingReport, _ callers: [FindingCallerReport]) {
    guard !callers.isEmpty else { return }
    finding.callers = Array(callers.prefix(maximumParts))
    if callers.count > maximumParts { finding.otherCallers = callers.count - maximumParts }
  }

  /// What parts are told of.
  private static let maximumParts = 8

  static func parts(
    _ rows: [ExitReport], time: (ExitReport) -> Int64 = { $0.cost?.likely ?? 0 }
  ) -> [FindingPartReport]? {
    let parts = rows.map {
      FindingPartReport(name: ExitText.label($0), count: $0.count, time: time($0))
    }.sorted { ($1.time, $1.count, $0.name) < ($0.time, $0.count, $1.name) }
    return parts.isEmpty ? nil : Array(parts.prefix(maximumParts))
  }

  /// What exits cost is what leaving them out saves.
  static func estimate(_ cost: ExitCostReport, _ assumption: String) -> FindingEstimateReport {
    FindingEstimateReport(
      saves: cost.likely, atLeast: cost.atLeast, atMost: cost.atMost, assumption: assumption)
  }
}
