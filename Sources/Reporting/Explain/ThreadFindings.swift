import Analysis
import Reports

/// Findings about threads that did not get on, or did what was of no use.
extension Findings {
  /// Threads that were runnable, but did not run.
  static func waitingForCPU(_ run: ExplainedRun) -> [FindingReport] {
    let threads =
      run.vcpus.map { (name: $0.name, span: $0.span, scheduling: $0.scheduling, whole: run.vcpuTime) }
      + run.loops.map {
        (name: $0.scheduledThread, span: $0.span, scheduling: $0.scheduling, whole: run.loopTime)
      }
    return threads.compactMap { thread in
      guard let scheduling = thread.scheduling, let waiting = scheduling.waiting,
        let weighed = run.weigh(waiting, whose: thread.name, of: thread.span, among: thread.whole)
      else { return nil }
      // It can wait without that: after each sleep, until a CPU is free.
      let taken = scheduling.involuntarySwitches.flatMap {
        $0 > 0 ? ", and its CPU was taken from it \(Text.number($0, "time"))" : nil
      }
      var found = FindingReport(
        kind: "waiting_for_cpu", subject: thread.name, severity: weighed.severity,
        title:
          "\(thread.name) was runnable but waited for a CPU for \(Text.percent(waiting, of: thread.span)) of its time"
          + (taken ?? ""),
        cost: weighed.cost, numbers: [.time("waiting", waiting)],
        advice: [])
      if let running = scheduling.running { found.numbers.append(.time("running", running)) }
      if let switches = scheduling.involuntarySwitches {
        found.numbers.append(.count("involuntary_switches", switches))
      }
      found.advice = [
        "a CPU of its own: --pin \(thread.name)=N, with a CPU that neither the other threads of the machine nor other programs use"
      ]
      found.estimate = FindingEstimateReport(
        saves: waiting, assumption: "\(thread.name) has a CPU to itself")
      return found
    }
  }

  /// What acquiring a free lock takes at most, ns.
  private static let freeLock: Int64 = 1000

  /// Waits for devices' locks.
  static func lockWaits(_ run: ExplainedRun) -> [FindingReport] {
    run.locks.compactMap { lock in
      let wait = lock.wait
      // With free locks traced, those who found it free are among them, and that takes its time with the tracing of it.
      let all = run.configuration["traceLocks"] == "on"
      let time = all ? wait.total - Int64(clamping: wait.count) * min(wait.p50, freeLock) : wait.total
      guard let weighed = run.weigh(time, whose: "threads", of: run.vcpuTime + run.loopTime) else {
        return nil
      }
      let name = lock.device ?? "lock \(lock.lock)"
      let waiters = (run.vcpus.map { ($0.name, $0.lockWait) } + run.loops.map { ($0.name, $0.lockWait) })
        .filter { $0.1 > 0 }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
      var found = FindingReport(
        kind: "lock_wait", subject: name, severity: weighed.severity,
        title:
          "threads waited \(Text.duration(time)) for the lock of \(name): "
          + Text.number(wait.count, all ? "acquisition" : "wait")
          + ", the longest \(Text.duration(wait.maximum))",
        cost: weighed.cost,
        numbers: [
          .count(all ? "acquisitions" : "waits", wait.count), .time("wait_p50", wait.p50),
          .time("wait_p99", wait.p99), .time("wait_max", wait.maximum),
        ], advice: [])
      found.numbers += waiters.prefix(4).map { .time("all_lock_waits_of_\($0.0)", $0.1) }
      found.exemplar = wait.maximumExemplar
      found.advice = [
        lock.device == StateDump.allDevices
          ? "one lock is held around the code of all devices: have each device locked by itself, --lock device"
          : "a device has one lock, for all of its registers and queues: give vCPUs that are busy with it devices of their own, and have "
            + "them access registers less"
      ]
      found.estimate = FindingEstimateReport(saves: time, assumption: "nobody else holds the lock then")
      return found
    }
  }

  /// Busy polling that finds nothing before its time is over.
  static func pollingMisses(_ run: ExplainedRun) -> [FindingReport] {
    run.loops.compactMap { loop in
      guard let budget = run.pollBudgets[loop.id], budget > 0, loop.polls > loop.pollsReady else {
        return nil
      }
      let misses = loop.polls - loop.pollsReady
      let isAdaptive = run.configuration["pollAdaptation"] != nil
      // Where it was not measured: a poll that finds nothing lasts as long as it may.
      let (most, overflow) = budget.multipliedReportingOverflow(by: Int64(clamping: misses))
      let time = loop.pollMissTime ?? (overflow ? loop.polling : min(loop.polling, most))
      guard let weighed = run.weigh(time, whose: loop.name, of: loop.span, among: run.loopTime) else {
        return nil
      }
      var found = FindingReport(
        kind: "polling_misses", subject: loop.name, severity: weighed.severity,
        title:
          "\(loop.name) polled in vain for \(Text.percent(time, of: loop.span)) of its time: \(Text.count(misses)) of "
          + "\(Text.number(loop.polls, "poll")) found nothing in \(isAdaptive ? "up to " : "")\(Text.duration(budget))",
        cost: weighed.cost,
        numbers: [
          .count("misses", misses), .count("polls", loop.polls), .time("budget", budget),
          .count("wakeups", loop.wakeups), .count("kicks", loop.kicks), .time("sleep_p50", loop.sleeps.p50),
          .time("sleep_p90", loop.sleeps.p90),
        ], advice: [])
      let isNear = loop.sleeps.count > 0 && loop.sleeps.p90 <= 4 * budget
      // Kicks come late from a guest whose vCPU has no CPU, and a thread that polls may have it.
      let starved = run.vcpus.first {
        ($0.scheduling?.waiting ?? 0) > $0.span / 10
      }
      found.advice = [
        starved.map {
          "\($0.name) waited for a CPU meanwhile, which a thread that polls takes from it where both may run there: --pin the two to different ones, or do not poll"
        }
          ?? (isNear
            ? "poll longer: after it had polled in vain it slept \(Text.duration(loop.sleeps.p90)) at most in nine of ten cases; "
              + (isAdaptive
                ? "--poll-max-ns \(budget + loop.sleeps.p90) would have let it last"
                : "--iothread-poll \((budget + loop.sleeps.p90 + 999) / 1000)us would have lasted")
            : loop.pollsReady > misses
              ? "polls mostly find something (\(Text.count(loop.pollsReady))): poll for less than \(Text.duration(budget)) only if others want that CPU"
              : isAdaptive
                ? "do not poll: --poll-max-ns 0, the default, or have it give up sooner with a smaller one, as work comes too seldom"
                : "do not poll: --iothread-poll 0, the default, as work comes too seldom")
      ]
      found.estimate = FindingEstimateReport(
        saves: time,
        assumption: "the CPU that \(loop.name) polls on is of use to others; the guest itself gets no faster")
      return found
    }
  }
}
