import Reports

/// Findings about kicks, and the ways that they take.
extension Findings {
  /// Kicks that exit to userspace, although an ioeventfd could take them in the kernel.
  static func exitKicks(_ run: ExplainedRun) -> [FindingReport] {
    // One thread answers kicks soonest as exits: there an ioeventfd wakes the watch, which interrupts the vCPU for it.
    guard run.configuration["threads"] != "single" else { return [] }
    let isTranslated = run.configuration["engine"] == "tcg"
    return run.kicks.compactMap { accesses in
      guard let device = accesses.device, let cost = accesses.usualCost,
        var found = run.vcpuFinding(
          "exit_kicks", device, cost,
          title: {
            "\($0) on kicks of \(device) that exit, although an ioeventfd could take them"
              + (isTranslated ? ": " : " in the kernel: ")
              + words(accesses.exits)
          })
      else { return nil }
      found.numbers.append(.count("kicks", accesses.exits.count))
      describe(&found, accesses)
      found.advice = [
        run.configuration["ioeventfd"] == "off"
          ? "--ioeventfd on, which is the default"
          : "ioeventfd is on for the machine: leave ioeventfd=off out of this device's --device, and have the guest kick with "
            + "writes of 4 bytes"
      ]
      found.estimate = estimate(
        cost,
        "the guest goes on while an I/O thread answers: one that waits for each answer waits for that thread's wakeup instead; what "
          + (isTranslated ? "the translator" : "KVM")
          + " takes for a kick itself is not in the trace, and stays")
      found.more = "paths --device \(Text.shellWord(device))"
      return found
    }
  }
}

extension Findings {
  /// Wakeups of a loop for one kick each, which requests waited for.
  static func singleKicks(_ run: ExplainedRun) -> [FindingReport] {
    run.kickPaths.compactMap { kicks in
      let path = kicks.path
      guard let queue = path.queue, let wait = path.stage("kick_to_arrival"), path.handlers > 0,
        Double(max(path.kicks, path.requests)) < maximumRequests * Double(path.handlers)
      else { return nil }
      // A loop that polls is awake when a kick comes.
      if let loop = kicks.loop, loop.pollsReady > loop.polls / 2 { return nil }
      guard let weighed = run.weigh(run.inside(wait), whose: "elapsed", of: run.elapsed) else { return nil }
      let (name, loop) = ("\(path.device) queue \(queue)", kicks.loop?.name ?? "its I/O thread")
      let each = run.hasLosses ? "" : ", \(Text.fixed(Double(path.kicks) / Double(path.handlers), 2)) each"
      var found = FindingReport(
        kind: "single_kicks", subject: name, severity: weighed.severity,
        title:
          "requests of \(name) waited \(Text.percent(run.inside(wait), of: run.elapsed)) of the time for \(loop) to wake up: "
          + "\(Text.number(path.handlers, "handler")) for \(Text.number(path.kicks, "kick"))\(each)",
        cost: weighed.cost,
        numbers: [
          .count("kicks", path.kicks), .count("handlers", path.handlers), .count("requests", path.requests),
          .time("wakeup_p50", wait.p50),
          .time("wakeup_p99", wait.p99),
        ], advice: [])
      if let sleeps = kicks.loop?.sleeps, sleeps.count > 0 {
        found.numbers.append(.time("sleep_p90", sleeps.p90))
        // Not where it polls already, which is another finding.
        if let loop = kicks.loop, loop.threadOf == nil, loop.polls < path.handlers / 2,
          sleeps.p90 <= longestPoll
        {
          found.advice.append(
            "have the thread poll: --iothread-poll \((sleeps.p90 + 999) / 1000)us is as long as nine of ten of its sleeps were"
          )
        }
      }
      if kicks.loop?.threadOf != nil {
        found.advice.append(
          "with one thread each kick wakes the watch, and that interrupts the vCPU: kicks as exits come at once, --ioeventfd off; or give the loop a thread, --threads iothread"
        )
      }
      found.advice.append(
        "have the guest kick once for several requests: more of them in flight (for the built-in guests batch=, depth=)"
      )
      found.exemplar = wait.maximumExemplar
      found.estimate = FindingEstimateReport(
        saves: run.inside(wait),
        assumption: kicks.loop?.threadOf == nil
          ? "each kick finds the thread awake, and the guest has nothing else to do while it waits"
          : "each kick is handled at once, and the guest has nothing else to do while it waits")
      found.more = "paths --device \(Text.shellWord(path.device)) --queue \(queue)"
      return found
    }
  }

  /// Kicks or requests for each handler from which on they come together.
  private static let maximumRequests = 1.5

  /// Longer polls cost more than they are worth, ns.
  private static let longestPoll: Int64 = 1_000_000

  /// Handlers that waited for those of other devices on their loop.
  static func queuedHandlers(_ run: ExplainedRun) -> [FindingReport] {
    run.handlers.compactMap { handlers in
      let path = handlers.path
      guard let wait = path.stage("behind_other"),
        let weighed = run.weigh(run.inside(wait), whose: "elapsed", of: run.elapsed)
      else { return nil }
      let name = path.device + (path.queue.map { " queue \($0)" } ?? path.source.map { " " + $0 } ?? "")
      let loop = handlers.loop?.name ?? "its I/O thread"
      let busiest = handlers.loop?.sources.first { $0.name != path.device }
      var found = FindingReport(
        kind: "queued_handlers", subject: name, severity: weighed.severity,
        title:
          "\(Text.count(wait.count)) of \(Text.number(path.handlers, "handler")) of \(name) waited for another device's on \(loop), "
          + "\(Text.percent(run.inside(wait), of: run.elapsed)) of the time"
          + (busiest.map { "; of the others \($0.name) had it most, \(Text.duration($0.time))" } ?? ""),
        cost: weighed.cost,
        numbers: [
          .count("waits", wait.count), .count("handlers", path.handlers), .count("kicks", path.kicks),
          .time("wait_p50", wait.p50), .time("wait_p99", wait.p99),
        ], advice: [])
      found.exemplar = wait.maximumExemplar
      found.advice = [
        "a thread for each: --iothreads 2 or more, where devices take turns, or for a virtio device --object iothread,id=t and "
          + "iothread=t in its --device"
      ]
      found.estimate = FindingEstimateReport(
        saves: run.inside(wait),
        assumption: "there is a CPU for another thread, and the guest waits for these handlers")
      found.more = "paths --device \(Text.shellWord(path.device))"
      return found
    }
  }

  /// Exits by which a driver takes notice of interrupts.
  static func interrupts(_ run: ExplainedRun) -> [FindingReport] {
    run.acknowledgements.compactMap { accesses in
      guard let device = accesses.device, let cost = accesses.usualCost else { return nil }
      let raised = run.interrupts.filter { $0.device == device }.flatMap(\.mechanisms).reduce(0) {
        $0 &+ $1.count
      }
      let queues = run.queues.filter { $0.device == device }
      let published = queues.reduce(0) { $0 &+ $1.published }
      guard
        var found = run.vcpuFinding(
          "interrupts", device, cost,
          title: {
            "\($0) on taking notice of interrupts of \(device): \(words(accesses.exits)), for \(Text.number(raised, "interrupt"))"
              + (published > 0 ? " of \(Text.number(published, "request"))" : "")
          })
      else { return nil }
      found.numbers = [.count("interrupts", raised)]
      if published > 0 { found.numbers.append(.count("requests", published)) }
      describe(&found, accesses)
      let mostInFlight = queues.compactMap(\.depth?.maximum).max() ?? 0
      found.advice =
        raised > published / 2 && mostInFlight > 1
        ? [
          "there were up to \(mostInFlight) requests in flight: a driver that asks for an interrupt only when several are done "
            + "(VIRTIO_F_EVENT_IDX) is interrupted less"
        ] : ["more requests in flight at once, so that one interrupt tells of several"]
      found.advice.append(
        "a driver that polls for completions needs none (for the built-in guests wait=poll)")
      found.estimate = estimate(
        cost, "the driver is not interrupted at all; with half of the interrupts it is half of that")
      found.more = "exits --by address --device \(Text.shellWord(device))"
      return found
    }
  }
}
