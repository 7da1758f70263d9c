import Analysis
import Reports
import Statistics

/// A metric of one run.
package struct RunMetric: Sendable, Equatable {
  /// The same in all runs.
  package var name: String
  /// `ns`, `per_second` or `count`.
  package var unit: String
  /// Less is better; else neither is.
  package var isLessBetter: Bool
  /// It is about exits of all kinds together, so that it differs where these do.
  package var isOfAllExits: Bool
  /// nil: too few events for it, or it counts events and some are missing.
  package var value: Double?
  /// Time that it is about, ns: what takes most comes first.
  package var weight: Int64

  package init(
    name: String, unit: String, isLessBetter: Bool = true, isOfAllExits: Bool = false, value: Double?,
    weight: Int64
  ) {
    self.name = name
    self.unit = unit
    self.isLessBetter = isLessBetter
    self.isOfAllExits = isOfAllExits
    self.value = value
    self.weight = weight
  }
}

/// One run, as far as it is compared with others.
package struct ComparedRun: Sendable {
  /// The report of `summary` on it.
  package var summary: Report
  package let metrics: [RunMetric]

  package init(summary: Report, metrics: [RunMetric]) {
    self.summary = summary
    self.metrics = metrics
  }
}

extension ReportBuilder {
  /// What this run is compared by. Every metric is one value, made of this run alone.
  package func compared() -> ComparedRun {
    let summary = summary()
    return ComparedRun(summary: summary, metrics: metrics(of: summary))
  }

  private func metrics(of report: Report) -> [RunMetric] {
    let all = models.allExits()
    let weight = report.trace.duration
    // A time by a number of which a part is not in the trace would be too long, a rate too low.
    let check = report.trace.check
    // Nor is what came after the trace was as large as it may be.
    let isLimited = report.trace.isLimited
    let isWhole =
      !report.trace.isPartial && !isLimited && (check?.isWhole != false || check?.end == "not_recorded")
    let isEndKnown = check?.end != "missing" && !isLimited
    var metrics: [RunMetric] = []
    func add(
      _ name: String, _ value: Double?, unit: String = "ns", isLessBetter: Bool = true, _ weight: Int64
    ) {
      metrics.append(
        RunMetric(
          name: name, unit: unit, isLessBetter: isLessBetter,
          isOfAllExits: name.hasPrefix("handling.") || name.hasSuffix("_per_exit"), value: value,
          weight: weight))
    }
    func per(_ time: Int64?, _ count: UInt64) -> Double? {
      time.flatMap { count > 0 && isWhole ? Double($0) / Double(count) : nil }
    }
    func percentiles(_ name: String, _ latency: LatencySummary, isOfAll: Bool = true) {
      guard latency.count > 0 else { return }
      for (word, permille, value) in [
        ("p50", 500, latency.p50), ("p99", 990, latency.p99), ("p99.9", 999, latency.p999),
      ] as [(String, UInt64, Int64)] {
        let isKnown = isOfAll && latency.count >= Percentile.fewestEvents(permille: permille)
        add("\(name).\(word)", isKnown ? Double(value) : nil, latency.sum)
      }
    }
    let rate = report.summary?.allExits?.rate.flatMap { RateReport.isEstimate($0.basis) ? nil : $0 }
    add("exits.rate", rate?.perSecond, unit: "per_second", isLessBetter: false, weight)
    percentiles("handling", all.handling)
    let told = Set(result.queues.map { [$0.device, $0.queue] })
    func latencies(_ name: String, of isMeant: (Int, Int) -> Bool) {
      func isTold(_ device: Int, _ queue: Int) -> Bool {
        told.contains([device, queue]) && isMeant(device, queue)
      }
      let pushed = models.requests(.kickToPushed, of: isTold)
      percentiles(
        name + PathStage.kickToInterrupt.name, models.kickToInterrupt(of: isMeant),
        isOfAll: QueueReport.isOfAll(models.requests(.kickToInterrupt, of: isTold).count, of: pushed.count))
      percentiles(name + RequestStage.kickToPushed.name, pushed)
    }
    latencies("", of: { _, _ in true })
    let cpu = processorTime()
    let requests = result.requests.reduce(0) { $0 &+ $1.begun }
    add("cpu_per_request", per(cpu, requests), weight)
    add("elapsed", isEndKnown ? Double(weight) : nil, weight)
    add("cpu", isEndKnown ? cpu.map { Double($0) } : nil, weight)
    add("cpu_per_exit", per(cpu, all.count), weight)
    add("kvm_run_per_exit", per(all.inKvmRun.sum, all.inKvmRun.count), all.inKvmRun.sum)
    add("handling_per_exit", per(all.handling.sum, all.handling.count), all.handling.sum)
    // A trace that tells of writes which KVM kept: these are accesses, too, and no exits.
    if !facts.unknownEvents.contains(EventTag.coalescedBegin.qualifiedName) {
      let accesses = result.counts.io &+ result.counts.mmio &+ result.counts.coalesced
      add("accesses", isWhole ? Double(accesses) : nil, unit: "count", isLessBetter: false, weight)
    }
    if requests > 0, weight > 0 {
      let rate = Double(requests) * 1e9 / Double(weight)
      add("requests.rate", isWhole ? rate : nil, unit: "per_second", isLessBetter: false, weight)
    }
    if requests > 0 {
      func count(_ name: String, _ count: UInt64) {
        add(
          name, isWhole ? Double(count) / Double(requests) : nil, unit: "count", isLessBetter: false, weight)
      }
      count("exits_per_request", all.count)
      count("wakeups_per_request", result.loops.reduce(0) { $0 &+ $1.wakeups })
      let (vcpus, loops) = (processorTime { $0.kind == .vcpu }, processorTime { $0.kind == .loop })
      add("vcpu_cpu_per_request", per(vcpus, requests), vcpus ?? 0)
      add("io_cpu_per_request", per(loops, requests), loops ?? 0)
      let waits = result.locks.reduce(0) { $0 &+ $1.wait.sum }
      add("lock_wait_per_request", per(waits, requests), waits)
    }
    for exit in report.summary?.exits ?? [] where exit.reason != nil {
      let name = "exits/" + Comparison.name(exit)
      let latency = exit.handling
      guard latency.count > 0 else { continue }
      add("\(name).time", isWhole ? Double(latency.total) : nil, latency.total)
      if latency.count >= Percentile.fewestEvents(permille: 500) {
        add("\(name).p50", Double(latency.p50), latency.total)
      }
      if latency.count >= Percentile.fewestEvents(permille: 990) {
        add("\(name).p99", Double(latency.p99), latency.total)
      }
    }
    for (device, queue) in queuesKicked {
      func isMeant(_ other: Int, _ another: Int) -> Bool { other == device && another == queue }
      guard let kicks = models.kicks(to: isMeant) else { continue }
      let name = "paths/\(result.dump.deviceName(device)) q\(queue)/"
      for stage in [PathStage.kickToPickup, .handler] { percentiles(name + stage.name, kicks[stage]) }
      latencies(name, of: isMeant)
    }
    return distinct(metrics)
  }

  private var queuesKicked: [(Int, Int)] {
    let kicks = result.paths.filter { $0.kind == .exitKick || $0.kind == .loopKick }
    return Set(kicks.map { [$0.device, $0.queue] }).sorted { $0.lexicographicallyPrecedes($1) }
      .map { ($0[0], $0[1]) }
  }

  /// Time on a CPU of threads that emit events, by default of all, from their first reading to the last; nil: one of them has none.
  private func processorTime(_ isCounted: (ThreadName) -> Bool = { _ in true }) -> Int64? {
    let growths = result.threadReadings.filter { isCounted($0.key) }.values.map { $0.growth(\.running) }
    guard !growths.isEmpty, !growths.contains(nil) else { return nil }
    return growths.reduce(0) { $0 &+ Int64(clamping: $1 ?? 0) }
  }

  /// Two devices may have one name.
  private func distinct(_ metrics: [RunMetric]) -> [RunMetric] {
    var counts: [String: Int] = [:]
    return metrics.map { metric in
      var metric = metric
      let count = counts[metric.name, default: 0] + 1
      counts[metric.name] = count
      if count > 1 { metric.name += " #\(count)" }
      return metric
    }
  }
}
