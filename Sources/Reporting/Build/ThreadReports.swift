import Analysis
import Reports

extension ReportBuilder {
  /// A thread's times over all that is analysed: after its last event it is still in the state that this event
  /// began where that is waiting, which ends with an event, and no gap follows. After a gap nothing is known of it.
  private func times(_ thread: ThreadTimes, waiting: [Int]) -> (times: [Int64], outside: Int64) {
    var times = thread.times
    guard let span else { return (times, 0) }
    let end = span.upperBound
    var outside = thread.first - span.lowerBound
    // What is missing may have been before its first event as well.
    let missing =
      thread.missingBefore > span.lowerBound ? min(thread.first, thread.missingBefore) - span.lowerBound : 0
    times[TimeCategory.unknown] += missing
    outside -= missing
    if waiting.contains(thread.finalCategory) && thread.isFinalCategoryProven {
      times[thread.finalCategory] += end - thread.last
    } else if !thread.isFinalCategoryProven {
      times[TimeCategory.unknown] += end - thread.last
    } else {
      outside += end - thread.last
    }
    return (times, outside)
  }

  private func shares(_ times: [Int64], _ range: Range<Int>, _ name: (Int) -> String) -> [ShareReport] {
    range.filter { times[$0] > 0 }.map { ShareReport(name: name($0), time: times[$0]) }
      .sorted { ($1.time, $0.name) < ($0.time, $1.name) }
  }

  func vcpuName(_ id: Int) -> String { result.dump.vcpus[id]?.name ?? "vcpu\(id)" }

  func loopName(_ id: Int) -> String { result.dump.loops[id]?.name ?? "io\(id)" }

  func categoryName(_ category: Int) -> String {
    if category >= TimeCategory.devices { return result.dump.deviceName(category - TimeCategory.devices) }
    let source = category - TimeCategory.sources
    return ValueName.sourceKind.indices.contains(source) ? ValueName.sourceKind[source] : "source \(source)"
  }

  func vcpu(_ vcpu: VcpuResult) -> VcpuReport {
    let (times, outside) = times(vcpu.times, waiting: [TimeCategory.inKvmRun])
    let devices = TimeCategory.devices..<TimeCategory.count
    let scheduling = scheduling(ThreadName(.vcpu, vcpu.times.id))
    let inKvmRun = times[TimeCategory.inKvmRun]
    let isOpen = inKvmRun > vcpu.times.times[TimeCategory.inKvmRun]
    let last = isOpen ? span?.upperBound ?? vcpu.times.last : vcpu.times.last
    let kvmRun =
      vcpu.times.hasEvents
      ? kvmRun(
        vcpu.times.id, inKvmRun, exits: vcpu.exits, first: vcpu.times.first, last: last, scheduling) : nil
    return VcpuReport(
      id: vcpu.times.id, name: vcpuName(vcpu.times.id), tid: result.dump.vcpus[vcpu.times.id]?.tid,
      span: duration,
      inKvmRun: times[TimeCategory.inKvmRun], dispatch: times[devices].reduce(0, +),
      devices: shares(times, devices, categoryName), lockWait: times[TimeCategory.lock],
      other: times[TimeCategory.other], unknown: times[TimeCategory.unknown], outside: outside,
      scheduling: scheduling,
      kvmRun: kvmRun, recording: recordingCost(vcpu.times),
      reasons: vcpu.reasons.enumerated().filter { $0.element > 0 }.map {
        NamedCount(name: ValueName.exitReason(UInt8($0.offset)), count: $0.element)
      },
      pairing: PairingReport(
        exits: vcpu.exits, enters: vcpu.enters, missingExits: vcpu.missingExits,
        exitsWithoutEnter: vcpu.exitsWithoutEnter, exitsWithoutReentry: vcpu.exitsWithoutReentry,
        entersWithoutExit: vcpu.entersWithoutExit, brokenHandlers: vcpu.brokenDispatches,
        unmatchedRequests: vcpu.unmatchedRequests, unexplained: vcpu.times.unexplained,
        restarts: vcpu.restarts))
  }

  /// What emitting a thread's events took, by what it took when the recording began.
  private func recordingCost(_ thread: ThreadTimes) -> RecordingCostReport? {
    guard let emission = result.dump.emission, let time = emission.time(of: thread.recorded),
      let least = emission.leastTime(of: thread.recorded)
    else { return nil }
    return RecordingCostReport(events: thread.recorded, time: time, atLeast: least)
  }

  func loop(_ loop: LoopResult) -> LoopReport {
    let (times, outside) = times(loop.times, waiting: [TimeCategory.asleep])
    let handlers = TimeCategory.sources..<TimeCategory.count
    var report = LoopReport(
      id: loop.times.id, name: loopName(loop.times.id), tid: result.dump.loops[loop.times.id]?.tid,
      threadOf: result.dump.visitor(ofLoop: loop.times.id).map(vcpuName), span: duration,
      asleep: times[TimeCategory.asleep], polling: times[TimeCategory.polling],
      handling: times[handlers].reduce(0, +), sources: shares(times, handlers, categoryName),
      lockWait: times[TimeCategory.lock], other: times[TimeCategory.other],
      unknown: times[TimeCategory.unknown],
      outside: outside, scheduling: scheduling(ThreadName(.loop, loop.times.id)),
      recording: recordingCost(loop.times), wakeups: loop.wakeups,
      missingWakeups: loop.missingWakeups, timeouts: loop.timeouts, polls: loop.polls,
      pollsReady: loop.pollsReady, pollHitTime: loop.polls > 0 ? loop.hitTime : nil,
      pollMissTime: loop.polls > 0 ? loop.missTime : nil,
      pollBudget: loop.firstBudget.map {
        PollBudgetReport(first: $0, median: loop.budgets.p50, largest: loop.budgets.maximum)
      },
      handlers: loop.handlers, signals: loop.signals, kicks: loop.kicks,
      brokenHandlers: loop.brokenHandlers, unmatchedRequests: loop.unmatchedRequests,
      unexplained: loop.times.unexplained, sleeps: latency(loop.sleeps))
    report.rate = rate(loop, report)
    return report
  }

  private func rate(_ loop: LoopResult, _ report: LoopReport) -> RateReport? {
    let isEndKnown = loop.times.isFinalCategoryProven && loop.times.missingBefore == .min
    if !isEndKnown, let missing = loop.missingWakeups {
      return RateReport(
        numbered: [(loop.wakeups &+ missing, loop.times.last &- loop.times.first)], of: duration)
    }
    return RateReport(
      loop.wakeups, missing: isEndKnown ? loop.missingWakeups : nil, time: duration,
      coverage: Coverage([report]).part)
  }

  func interrupts(_ interrupt: InterruptResult) -> InterruptReport {
    InterruptReport(
      device: result.dump.deviceName(interrupt.device),
      mechanisms: zip(ValueName.mechanism, interrupt.byMechanism).filter { $0.1 > 0 }.map {
        NamedCount(name: $0.0, count: $0.1)
      })
  }

  func request(_ request: RequestResult) -> RequestReport {
    let kinds = ValueName.requestKind
    return RequestReport(
      device: result.dump.deviceName(request.device), queue: request.queue,
      kind: kinds.indices.contains(request.kind) ? kinds[request.kind] : "kind \(request.kind)",
      count: request.begun, bytes: request.bytes, failed: request.failed,
      givenUp: request.givenUp > 0 ? request.givenUp : nil,
      open: request.open > 0 ? request.open : nil,
      fromBefore: request.fromBefore > 0 ? request.fromBefore : nil,
      longestFromBefore: request.fromBefore > 0 ? request.longestFromBefore : nil,
      duration: latency(request.duration))
  }

  /// Queues that the guest broke; nil: none.
  func brokenQueues() -> [BrokenQueueReport]? {
    guard !result.brokenQueues.isEmpty else { return nil }
    let faults = ValueName.queueFault
    return result.brokenQueues.map { queue in
      BrokenQueueReport(
        device: result.dump.deviceName(queue.device), queue: queue.queue,
        fault: faults.indices.contains(queue.fault) ? faults[queue.fault] : "fault \(queue.fault)",
        count: queue.count, first: queue.first)
    }
  }

  func lock(_ lock: LockResult) -> LockReport {
    LockReport(
      lock: lock.lock, device: result.dump.lockName(lock.lock), wait: latency(lock.wait))
  }

  /// The time between consecutive marks. What is before the first one is a phase of its own, or the end of the one
  /// that is going on where a window begins.
  func phases() -> [PhaseReport] {
    guard !result.marks.isEmpty || result.markBefore != nil, let span else { return [] }
    var phases: [PhaseReport] = []
    let tells = !facts.unknownEvents.contains(EventTag.queueKicked.qualifiedName)
    // Of several VMMs, nobody knows whose mark it is.
    let names =
      result.dump.machines.count == 1 ? Report.phaseNames(result.dump.machines[0].configuration) : [:]
    func add(
      _ mark: GuestMark?, since: Int64? = nil, from: Int64, to: Int64, _ before: ExitCounts,
      _ after: ExitCounts
    ) {
      let counts = after - before
      phases.append(
        PhaseReport(
          value: mark?.value, name: mark.flatMap { names["\($0.value)"] }, vcpu: mark?.vcpu, begin: from,
          since: since, duration: to - from,
          exits: counts.exits, io: counts.io, mmio: counts.mmio, hlt: counts.hlt, kicks: counts.kicks,
          exitKicks: tells ? counts.exitKicks : nil,
          coalesced: counts.coalesced > 0 ? counts.coalesced : nil))
    }
    let first = result.marks.first
    add(
      result.markBefore, since: result.markBefore?.exemplar.timestamp, from: span.lowerBound,
      to: first?.exemplar.timestamp ?? span.upperBound, ExitCounts(), first?.counts ?? result.counts)
    for (mark, next) in zip(result.marks, result.marks.dropFirst()) {
      add(mark, from: mark.exemplar.timestamp, to: next.exemplar.timestamp, mark.counts, next.counts)
    }
    if let last = result.marks.last, result.markCount == UInt64(result.marks.count) {
      add(last, from: last.exemplar.timestamp, to: span.upperBound, last.counts, result.counts)
    }
    return phases
  }
}
