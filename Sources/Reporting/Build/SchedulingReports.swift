import Analysis
import Reports

extension ReportBuilder {
  /// What the host knew of a thread; nil: there are no two readings.
  func scheduling(_ name: ThreadName) -> SchedulingReport? {
    guard let readings = result.threadReadings[name], readings.count > 1 else { return nil }
    let (begin, end) = (readings.first.timestamp, readings.last.timestamp)
    func time(_ value: KeyPath<ThreadReading, UInt64?>) -> Int64? {
      readings.growth(value).map { min(Int64(clamping: $0), max(0, end &- begin)) }
    }
    let (running, waiting) = (time(\.running), time(\.waiting))
    let interval = max(0, end &- begin) / Int64(clamping: max(2, readings.count) - 1)
    return SchedulingReport(
      begin: begin, end: end, samples: readings.count, interval: interval, running: running, waiting: waiting,
      asleep: running.flatMap { running in waiting.map { max(0, end &- begin &- running &- $0) } },
      voluntarySwitches: readings.growth(\.voluntarySwitches),
      involuntarySwitches: readings.growth(\.involuntarySwitches))
  }

  /// Splits a vCPU's time in KVM_RUN.
  ///
  /// - Parameters:
  ///   - inKvmRun: All of it.
  ///   - exits: How often the guest was left.
  ///   - first: When the vCPU's events begin.
  ///   - last: Until when its time is known.
  func kvmRun(
    _ id: Int, _ inKvmRun: Int64, exits: UInt64, first: Int64, last: Int64, _ scheduling: SchedulingReport?
  ) -> KvmRunReport? {
    let halt = haltTimes(id)
    guard let begin = scheduling?.begin ?? halt?.begin, let end = scheduling?.end ?? halt?.end else {
      return nil
    }
    let unread = min(inKvmRun, max(0, begin &- first) &+ max(0, last &- end))
    var rest = inKvmRun &- unread
    // Of the time between the readings; the thread can have waited for a CPU there as well.
    let elsewhere = max(0, end &- begin &- rest)
    func take(_ time: Int64?) -> Int64? {
      guard let time else { return nil }
      let part = max(0, min(time, rest))
      rest -= part
      return part
    }
    // KVM's time of a halt ends when the thread runs again; how long it waited for that is not sleep.
    let halted = take(halt?.wait.map { min($0, scheduling?.asleep ?? $0) })
    let asleep = take(
      scheduling?.asleep.map { max(0, $0 &- (halted ?? 0) &- elsewhere) })
    let polling = take(halt?.polling)
    // However long a KVM_RUN was, what the shortest ones take was work.
    let (price, isHuge) = Int64(clamping: exits).multipliedReportingOverflow(by: exitFloor?.inKvmRun ?? 0)
    let room = max(0, rest &- (isHuge ? rest : price))
    let waiting = take(scheduling?.waiting.map { min($0, room) })
    return KvmRunReport(
      guestOrKvm: rest, halted: halted, asleep: asleep, haltPolling: polling, waiting: waiting,
      waitingAtLeast: waiting.map { min($0, max(0, (scheduling?.waiting ?? 0) &- elsewhere)) }, unread: unread
    )
  }

  /// How long KVM counted a vCPU as halted between the first and the last reading.
  private func haltTimes(_ id: Int) -> (begin: Int64, end: Int64, wait: Int64?, polling: Int64?)? {
    let scope = KvmScope(isVcpu: true, id: id)
    guard let samples = result.samples[scope], samples.count > 1 else { return nil }
    let polls = ["halt_poll_success_ns", "halt_poll_fail_ns"].map { growth(scope, named: $0) }
    let polling = polls.compactMap { $0 }.reduce(0, &+)
    return (
      samples.first.timestamp, samples.last.timestamp,
      delta(samples, .haltWaitNs).map { Int64(clamping: $0) },
      polls.contains { $0 != nil } ? Int64(clamping: polling) : nil
    )
  }

  /// By how much one of KVM's other counters grew; nil: unknown.
  func growth(_ scope: KvmScope, named name: String) -> UInt64? {
    let found = result.dump.counters.first { $0.key.isVcpu == scope.isVcpu && $0.value.name == name }
    guard let counter = found?.key.counter, let values = result.counters[scope]?[counter, 0],
      values.last >= values.first
    else { return nil }
    return values.last - values.first
  }
}
