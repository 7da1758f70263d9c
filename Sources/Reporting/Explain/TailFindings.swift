import Reports

/// Findings about a single event that took as long as all others of its kind together.
extension Findings {
  /// Events below which one is not the tail of the others.
  static let minimumForTail: UInt64 = 100

  /// One access that took long.
  static func slowAccesses(_ run: ExplainedRun) -> [FindingReport] {
    (run.registers + run.kicks + run.acknowledgements + run.unclaimed).compactMap { accesses in
      guard let tail = accesses.tail else { return nil }
      let handling = accesses.exits.handling
      let name = accesses.device ?? ExitText.label(accesses.exits)
      return finding(
        run, "slow_access", name, excess: tail.handling - handling.p50, tail.exemplar,
        title:
          "one access to \(name) took \(Text.duration(tail.handling)), as long as all others of its "
          + "\(Text.number(accesses.exits.count, "exit")) together, or longer",
        numbers: [
          .count("exits", accesses.exits.count), .time("longest", tail.handling),
          .time("handling_p50", handling.p50),
        ])
    }
  }

  /// One request that took long.
  static func slowRequests(_ run: ExplainedRun) -> [FindingReport] {
    run.requests.compactMap { requests in
      let duration = requests.duration
      guard duration.count >= minimumForTail, duration.maximum >= duration.total - duration.maximum,
        let exemplar = duration.maximumExemplar
      else { return nil }
      let name = "\(requests.device) queue \(requests.queue) \(requests.kind)"
      return finding(
        run, "slow_request", name, excess: duration.maximum - duration.p50, exemplar,
        title:
          "one request (\(name)) took \(Text.duration(duration.maximum)), as long as all others of its "
          + "\(Text.number(requests.count, "request")) together, or longer",
        numbers: [
          .count("requests", requests.count), .time("longest", duration.maximum),
          .time("duration_p50", duration.p50),
        ])
    }
  }

  private static func finding(
    _ run: ExplainedRun, _ kind: String, _ subject: String, excess: Int64, _ exemplar: LocationReport,
    title: String, numbers: [FindingNumberReport]
  ) -> FindingReport? {
    guard let weighed = run.weigh(excess, whose: "elapsed", of: run.elapsed) else { return nil }
    var found = FindingReport(
      kind: kind, subject: subject, severity: weighed.severity, title: title,
      cost: weighed.cost, numbers: numbers, advice: [])
    if let wait = exemplar.cpuWait {
      found.numbers.append(.time("cpu_wait", wait))
      found.advice = [
        "its thread waited for a CPU around then: --pin it to one that others leave alone"
      ]
    } else {
      found.advice = ["see what went on then: percentiles say nothing of it, as it is a single event"]
    }
    found.exemplar = exemplar
    found.estimate = FindingEstimateReport(
      saves: excess, assumption: "it takes as long as half of the others do")
    return found
  }
}

extension ExplainedRun.Accesses {
  /// The longest handling, where it is as long as that of all other exits; without those of the start and the end of the run.
  var tail: SlowestExitReport? {
    guard let cost = exits.cost, var slowest = cost.slowest else { return nil }
    let handled = exits.handling.count - min(exits.handling.count, cost.edges?.handled ?? 0)
    let handling = exits.handling.total - (cost.edges?.handling ?? 0)
    guard handled >= Findings.minimumForTail, slowest.handling >= handling - slowest.handling else {
      return nil
    }
    // The same event with what is known of its thread.
    if let longest = exits.handling.maximumExemplar, longest.timestamp == slowest.exemplar.timestamp {
      slowest.exemplar = longest
    }
    return slowest
  }

  /// What the exits cost, apart from such a one, and from waits for a lock, which are a trouble of their own.
  var usualCost: ExitCostReport? {
    guard var cost = exits.cost else { return nil }
    let longest = tail?.handling ?? 0
    cost.atLeast = max(0, cost.atLeast - longest - lockWait)
    cost.likely = max(0, cost.likely - longest - lockWait)
    cost.atMost = max(0, cost.atMost - longest)
    return cost
  }

  /// The parts' likely costs, apart from the same: that of the part with such an exit is without it, and all bear the waits by what they
  /// cost.
  func usualTime(of part: ExitReport) -> Int64 {
    let time = part.cost?.likely ?? 0
    let holdsTail = tail != nil && part.cost?.slowest?.handling == tail?.handling
    let whole = exits.cost?.likely ?? 0
    let waits = whole > 0 ? Int64(Double(lockWait) * Double(time) / Double(whole)) : 0
    return max(0, time - (holdsTail ? tail?.handling ?? 0 : 0) - waits)
  }
}
