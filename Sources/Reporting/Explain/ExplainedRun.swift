import Reports

/// What findings are made of: rows as reports have them, of one machine's run.
struct ExplainedRun {
  /// Exits to one device, or to one address that no device claims.
  struct Accesses {
    /// The device; nil: none claims the address.
    var device: String?
    /// All of them together.
    var exits: ExitReport
    /// The same by reason, direction and address.
    var parts: [ExitReport]
    /// Where in the guest they come from, the most frequent first; empty: not recorded.
    var callers: [FindingCallerReport] = []
    /// How much of their handling was waiting for the device's lock, ns, about; see ``ExplainedRun/setLockWaits()``.
    var lockWait: Int64 = 0
  }

  /// The time analysed, ns.
  var elapsed: Int64
  /// vCPUs by id.
  var vcpus: [VcpuReport] = []
  /// Accesses to registers of devices, apart from those below.
  var registers: [Accesses] = []
  /// Kicks that came as exits.
  var kicks: [Accesses] = []
  /// Accesses by which drivers take notice of interrupts.
  var acknowledgements: [Accesses] = []
  /// Accesses that no device claims, by address.
  var unclaimed: [Accesses] = []
  /// Kicks that an ioeventfd took, by device and queue, with the loop that answers them; nil: not known.
  var kickPaths: [(path: PathReport, loop: LoopReport?)] = []
  /// All handlers of loops, by device and what they were for, with the loop; nil: not known.
  var handlers: [(path: PathReport, loop: LoopReport?)] = []
  /// Event loops by id.
  var loops: [LoopReport] = []
  /// How long loops may poll, ns, by id.
  var pollBudgets: [Int: Int64] = [:]
  /// Locks that were waited for.
  var locks: [LockReport] = []
  /// Requests by device, queue and kind.
  var requests: [RequestReport] = []
  /// What devices did with their queues.
  var queues: [QueueReport] = []
  /// Interrupts by device.
  var interrupts: [InterruptReport] = []
  /// The machine's configuration in words.
  var configuration: [String: String] = [:]

  /// A part of a run is analysed.
  var isPart = false

  /// Events are missing, so that what is counted by different events need not fit together.
  var hasLosses = false

  /// How much of waits that follow each other is in the time analysed, at least: where that is a part of a run, one of them began
  /// before it, and may be the longest.
  func inside(_ waits: LatencyReport) -> Int64 {
    min(elapsed, max(0, isPart ? waits.total &- waits.maximum : waits.total))
  }

  /// The time of all vCPUs, ns.
  var vcpuTime: Int64 { vcpus.reduce(0) { $0 &+ $1.span } }

  /// The time of all loops, ns.
  var loopTime: Int64 { loops.reduce(0) { $0 &+ $1.span } }

  /// Who runs guests, and whose time that is: for sentences.
  var vcpuWords: (name: String, own: String) {
    vcpus.count == 1 ? (vcpus[0].name, "its") : ("the vCPUs", "their")
  }

  /// What a cost weighs, and its severity; nil: it costs too little to be a finding.
  ///
  /// - Parameters:
  ///   - whose: `vcpus`, `threads`, `elapsed` or a thread's name.
  ///   - own: The time of these, ns.
  ///   - whole: The time of all threads of that sort, ns; nil: `own`.
  func weigh(
    _ time: Int64, atLeast: Int64? = nil, atMost: Int64? = nil, whose: String, of own: Int64,
    among whole: Int64? = nil
  ) -> (severity: String, cost: FindingCostReport)? {
    let weight = FindingWeight(time, of: whole ?? own, elapsed: elapsed)
    return weight.severity.map { severity in
      let cost = FindingCostReport(
        time: time, atLeast: atLeast, atMost: atMost, whose: whose, of: own,
        share: Double(time) / Double(max(1, own)), weight: weight.value)
      return (severity, cost)
    }
  }

  /// A finding about time that is all vCPUs'; nil: it costs too little to be one.
  func vcpuFinding(
    _ kind: String, _ subject: String, _ cost: ExitCostReport, title: (_ spent: String) -> String
  ) -> FindingReport? {
    let whole = vcpuTime
    let weighed = weigh(
      cost.likely, atLeast: cost.atLeast, atMost: cost.atMost, whose: "vcpus", of: whole)
    return weighed.map { severity, weighedCost in
      let (name, own) = vcpuWords
      return FindingReport(
        kind: kind, subject: subject, severity: severity,
        title: title("\(name) spent \(Text.percent(cost.likely, of: whole)) of \(own) time")
          + waits(in: cost),
        cost: weighedCost,
        numbers: [], advice: [])
    }
  }

  /// What is said with a cost where vCPUs waited for a CPU a tenth of their time or more: nothing tells in which exits that was, so
  /// only the least is without it.
  private func waits(in cost: ExitCostReport) -> String {
    let waiting = vcpus.reduce(0) { $0 &+ ($1.scheduling?.waiting ?? 0) }
    guard waiting >= max(1, vcpuTime / 10) else { return "" }
    return ", with waits for a CPU" + (cost.atLeast == 0 ? "" : " but in the least")
  }
}

extension FindingNumberReport {
  /// How many.
  static func count(_ name: String, _ value: UInt64) -> FindingNumberReport {
    FindingNumberReport(name: name, value: Int64(clamping: value), unit: "count")
  }

  /// How long, ns.
  static func time(_ name: String, _ value: Int64) -> FindingNumberReport {
    FindingNumberReport(name: name, value: value, unit: "ns")
  }
}
