import Analysis
import Reports

extension ReportBuilder {
  /// The report of `explain`.
  ///
  /// - Parameter places: How places in the guest are told apart that exits come from.
  package func explain(places: ExitPlaces = ExitPlaces()) -> Report {
    var report = base("explain")
    let run = explained(report, places)
    report.explain = ExplainReport(
      findings: Findings.find(in: run).map(\.plain), thresholds: FindingWeight.thresholds,
      notKnown: notKnown(report, run))
    return report
  }

  /// What findings are made of.
  private func explained(_ report: Report, _ places: ExitPlaces) -> ExplainedRun {
    var run = ExplainedRun(elapsed: duration)
    run.isPart = report.trace.window != nil
    run.hasLosses = report.trace.hasLosses
    run.vcpus = result.vcpus.map(vcpu)
    run.registers = accesses(.other, places)
    run.kicks = accesses(.kick, places)
    run.acknowledgements = accesses(.acknowledgement, places)
    run.unclaimed = unclaimedAccesses(places)
    run.configuration = report.configuration()
    run.loops = result.loops.map(loop)
    run.pollBudgets = result.dump.loops.mapValues { Int64($0.pollBudget) }
    run.handlers = pathReports(kinds: [.loopKick, .loopOther]).map { ($0, answering($0, run.loops)) }
    run.kickPaths = run.handlers.filter { $0.path.kind == name(.loopKick) }
    run.locks = result.locks.map(lock)
    run.requests = result.requests.map(request)
    run.queues = queueReports() ?? []
    run.interrupts = result.interrupts.map(interrupts)
    run.setLockWaits()
    return run
  }

  /// The loop that a device's handlers run on, as far as its kicks say.
  private func answering(_ path: PathReport, _ loops: [LoopReport]) -> LoopReport? {
    let kick = result.dump.kicks.first {
      result.dump.deviceName(Int($0.device)) == path.device
        && (path.queue == nil || Int($0.queue) == path.queue)
    }
    return kick.flatMap { kick in loops.first { $0.id == Int(kick.loop) } }
  }

  /// Exits to devices' registers by device.
  private func accesses(_ use: RegisterUse, _ places: ExitPlaces) -> [ExplainedRun.Accesses] {
    func isMeant(_ exit: ExitResult, _ device: String?) -> Bool {
      device != nil && device != Self.unclaimed && RegisterUse(exit, result.dump) == use
    }
    let all = rows { isMeant($0, $1) ? ExitLabel(device: $1) : nil }
    let parts = rows { exit, device in
      isMeant(exit, device)
        ? ExitLabel(reason: exit.reason, direction: exit.direction, device: device, address: exit.address)
        : nil
    }
    return all.map { exits in
      ExplainedRun.Accesses(
        device: exits.device, exits: exits, parts: parts.filter { $0.device == exits.device },
        callers: callers(places) { isMeant($0, $1) && $1 == exits.device })
    }
  }

  /// Exits to what no device claims by address.
  private func unclaimedAccesses(_ places: ExitPlaces) -> [ExplainedRun.Accesses] {
    let all = rows { exit, device in
      device == Self.unclaimed ? ExitLabel(reason: exit.reason, address: exit.address) : nil
    }
    let parts = rows { exit, device in
      device == Self.unclaimed
        ? ExitLabel(reason: exit.reason, direction: exit.direction, address: exit.address) : nil
    }
    return all.map { exits in
      ExplainedRun.Accesses(
        device: nil, exits: exits,
        parts: parts.filter { $0.reason == exits.reason && $0.address == exits.address },
        callers: callers(places) { exit, device in
          device == Self.unclaimed && ValueName.exitReason(exit.reason) == exits.reason
            && exit.address == exits.address
        })
    }
  }

  private func rows(_ label: (ExitResult, String?) -> ExitLabel?) -> [ExitReport] {
    let coverage = coverage
    return models.exitGroups { label($0, deviceName($0)) }.filter { $0.label != nil }
      .map { self.report($0, coverage) }
  }

  // MARK: What the trace does not tell

  private func notKnown(_ report: Report, _ run: ExplainedRun) -> [String] {
    var sentences: [String] = []
    let trace = report.trace
    if trace.hasLosses || run.vcpus.contains(where: { $0.unknown > 0 }) {
      sentences.append(
        "events are missing: counts, costs and their bounds are of what was recorded, and there may be more than was found"
      )
      let unknown = run.vcpus.reduce(0) { $0 &+ $1.unknown }
      if unknown > 0 {
        sentences.append("what vCPUs did in \(Text.percent(unknown, of: run.vcpuTime)) of their time")
      }
    }
    if trace.check?.isWhole == false, !trace.isPartial {
      sentences.append("whether events are missing is not known")
    }
    if result.dump.devices.isEmpty {
      sentences.append("which device an access goes to: there is no state dump in this trace")
    }
    if run.vcpus.contains(where: { $0.scheduling?.waiting == nil }) {
      sentences.append(
        "whether threads waited for a CPU: the host did not say, or there are no two readings of it in what was analysed"
      )
    }
    let kicks = run.kickPaths.filter { $0.path.kicks > 0 }
    if kicks.contains(where: { $0.path.stage("kick_to_arrival") == nil && $0.path.alreadyAwake == 0 }) {
      sentences.append(
        "how long kicks waited for an I/O thread to wake up: the guest leaves no time stamps of them")
    }
    if models.otherExitKinds > 0 {
      sentences.append(
        "what the exits beyond the 1024 kinds that are told apart were: about \(models.otherExitKinds) kinds")
    }
    return sentences
  }
}

extension FindingReport {
  /// With spaces that scripts expect.
  fileprivate var plain: FindingReport {
    var finding = self
    finding.title = title.replacing(Text.space, with: " ")
    finding.advice = advice.map { $0.replacing(Text.space, with: " ") }
    return finding
  }
}
