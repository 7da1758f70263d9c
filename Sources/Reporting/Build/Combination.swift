import Analysis
import Reports

/// The reports of several machines as one: the rows of all, each with its machine's name, and sums over all of them.
struct Combination {
  let members: [Reporter.Member]
  let reports: [Report]
  let order: ExitOrder

  var report: Report {
    var report = Report(command: reports[0].command, trace: trace)
    report.machines = zip(members, reports).map { member, report in
      NamedMachineReport(name: member.name, machine: report.machine)
    }
    report.summary = reports.allSatisfy { $0.summary != nil } ? summary : nil
    report.exits = exits
    report.paths = paths
    report.explain = explain
    report.check = report.command == "check" ? report.trace.check : nil
    return report
  }

  /// The rows of all machines, each changed by `body` so that it names its machine.
  private func rows<Row>(
    _ rows: (Report) -> [Row]?, _ body: (Reporter.Member, inout Row) -> Void
  ) -> [Row] {
    zip(members, reports).flatMap { member, report in
      (rows(report) ?? []).map {
        var row = $0
        body(member, &row)
        return row
      }
    }
  }

  private func brokenQueues() -> [BrokenQueueReport]? {
    let queues = rows(\.summary?.brokenQueues) { member, row in
      (row.machine, row.device) = (member.name, member.qualified(row.device))
    }
    return queues.isEmpty ? nil : queues
  }

  private func queues() -> [QueueReport]? {
    let queues = rows(\.summary?.queues) { member, row in
      (row.machine, row.device) = (member.name, member.qualified(row.device))
    }
    return queues.isEmpty ? nil : queues
  }

  private func requestPaths() -> [RequestPathReport]? {
    let paths = rows(\.paths?.requests) { member, row in
      (row.machine, row.device) = (member.name, member.qualified(row.device))
    }
    return paths.isEmpty ? nil : paths
  }

  // MARK: What was read

  private var trace: TraceReport {
    let traces = reports.map(\.trace)
    var names: [String: UInt64] = [:]
    for event in traces.flatMap(\.eventsByName) { names[event.name, default: 0] &+= event.count }
    func texts(_ texts: (TraceReport) -> [String]) -> [String] {
      rows({ texts($0.trace) }) { member, text in text = "\(member.name): \(text)" }
    }
    func sum(_ count: (TraceReport) -> UInt64?) -> UInt64 { traces.reduce(0) { $0 &+ (count($1) ?? 0) } }
    let unanalysed = sum(\.unanalysedEvents)
    return TraceReport(
      paths: rows(\.trace.paths) { member, path in path = "\(member.name):\(path)" },
      begin: traces.compactMap(\.begin).min(), end: traces.compactMap(\.end).max(),
      duration: traces.map(\.duration).max() ?? 0, isUnixTime: traces.allSatisfy(\.isUnixTime), window: nil,
      events: sum(\.events), otherEvents: sum(\.otherEvents), discardedEvents: sum(\.discardedEvents),
      lostPackets: sum(\.lostPackets), unanalysedEvents: unanalysed > 0 ? unanalysed : nil,
      isPartial: traces.contains(where: \.isPartial), check: check,
      streams: rows(\.trace.streams) { member, stream in stream.name = "\(member.name):\(stream.name)" },
      eventsByName: names.map { NamedCount(name: $0.key, count: $0.value) }
        .sorted { ($1.count, $0.name) < ($0.count, $1.name) },
      diagnostics: texts(\.diagnostics), notes: texts(\.notes))
  }

  private var check: CheckReport? {
    let checks = reports.compactMap(\.trace.check)
    guard checks.count == reports.count else { return nil }
    func sum(_ count: (CheckReport) -> UInt64?) -> UInt64? {
      checks.reduce(0) { sum, check in sum.flatMap { sum in count(check).map { sum &+ $0 } } }
    }
    func some(_ count: (CheckReport) -> UInt64?) -> UInt64? {
      let counts = checks.compactMap(count)
      return counts.isEmpty ? nil : counts.reduce(0, &+)
    }
    let ends = [Wholeness.End.notRecorded, .missing].map(\.rawValue)
    return CheckReport(
      end: ends.first { end in checks.contains { $0.end == end } } ?? Wholeness.End.present.rawValue,
      isWhole: checks.allSatisfy(\.isWhole), emitted: sum(\.emitted), recorded: sum(\.recorded) ?? 0,
      discarded: sum(\.discarded) ?? 0, lostPackets: sum(\.lostPackets) ?? 0, missing: sum(\.missing),
      unaccounted: some(\.unaccounted), excess: some(\.excess), since: nil,
      threads: rows(\.trace.check?.threads) { member, thread in
        (thread.machine, thread.name) = (member.name, member.qualified(thread.name))
      }, reasons: rows(\.trace.check?.reasons) { member, reason in reason = "\(member.name): \(reason)" })
  }

  // MARK: Results

  private var exits: ExitsReport? {
    guard let first = reports[0].exits else { return nil }
    let groups = rows(\.exits?.groups) { member, group in
      group.label = "\(member.name): \(group.label)"
      name(&group.exits, of: member)
    }
    return ExitsReport(
      by: first.by, filter: first.filter, costs: costs(reports.compactMap(\.exits?.costs)),
      places: places(reports.compactMap(\.exits?.places)),
      groups: order.sorted(groups) { $0.exits })
  }

  private func places(_ places: [ExitPlacesReport]) -> ExitPlacesReport? {
    guard var sum = places.first else { return nil }
    for other in places.dropFirst() {
      sum.count &+= other.count
      sum.named = sum.named.map { $0 &+ (other.named ?? 0) }
      sum.without &+= other.without
    }
    return sum
  }

  private var explain: ExplainReport? {
    guard let first = reports[0].explain else { return nil }
    let findings = rows(\.explain?.findings) { member, finding in
      (finding.machine, finding.title) = (member.name, "\(member.name): \(finding.title)")
    }
    return ExplainReport(
      findings: Findings.ranked(findings), thresholds: first.thresholds,
      notKnown: rows(\.explain?.notKnown) { member, text in text = "\(member.name): \(text)" })
  }

  private var paths: PathsReport? {
    guard let first = reports[0].paths else { return nil }
    return PathsReport(
      filter: first.filter, paths: pathRows(\.paths?.paths), requests: requestPaths(), calibration: nil)
  }

  private var coalesced: [PathReport]? {
    let writes = pathRows(\.summary?.coalesced).sorted { $0.handlers > $1.handlers }
    return writes.isEmpty ? nil : writes
  }

  private func pathRows(_ paths: (Report) -> [PathReport]?) -> [PathReport] {
    rows(paths) { member, path in
      (path.machine, path.device) = (member.name, member.qualified(path.device))
    }.sorted { $0.kicks > $1.kicks }
  }

  private func name(_ exit: inout ExitReport, of member: Reporter.Member) {
    exit.machine = member.name
    exit.device = exit.device.map(member.qualified)
  }

  private func costs(_ costs: [ExitCostsReport]) -> ExitCostsReport {
    // Each machine's exits are measured with its own floor.
    ExitCostsReport(
      vcpuTime: costs.reduce(0) { $0 &+ $1.vcpuTime }, floor: nil, floorExit: nil, floorCount: nil,
      factor: ExitFloor.factor, sortedBy: order.rawValue)
  }

  private var summary: SummaryReport {
    let summaries = reports.compactMap(\.summary)
    func qualify(_ shares: inout [ShareReport], _ member: Reporter.Member) {
      for index in shares.indices { shares[index].name = member.qualified(shares[index].name) }
    }
    let vcpus = rows(\.summary?.vcpus) { member, vcpu in
      (vcpu.machine, vcpu.name) = (member.name, member.qualified(vcpu.name))
      qualify(&vcpu.devices, member)
    }
    let loops = rows(\.summary?.loops) { member, loop in
      (loop.machine, loop.name) = (member.name, member.qualified(loop.name))
      qualify(&loop.sources, member)
    }
    let exits = order.sorted(rows(\.summary?.exits) { name(&$1, of: $0) }) { $0 }
    let all = allExits(summaries.compactMap(\.allExits))
    let counting = Set(summaries.compactMap(\.counting))
    return SummaryReport(
      dominant: DominantReport(vcpus: vcpus, exits: exits, all: all), vcpus: vcpus, loops: loops,
      exits: exits,
      costs: costs(summaries.compactMap(\.costs)), allExits: all, coalesced: coalesced,
      paths: pathRows(\.summary?.paths),
      interrupts: rows(\.summary?.interrupts) { member, row in
        (row.machine, row.device) = (member.name, member.qualified(row.device))
      },
      requests: rows(\.summary?.requests) { member, row in
        (row.machine, row.device) = (member.name, member.qualified(row.device))
      },
      queues: queues(), brokenQueues: brokenQueues(),
      locks: rows(\.summary?.locks) { member, row in
        (row.machine, row.device) = (member.name, member.qualified(row.device ?? "lock"))
      },
      kvm: rows(\.summary?.kvm) { $1.machine = $0.name },
      counting: counting.count == 1 ? counting.first : nil,
      phases: rows(\.summary?.phases) { member, phase in
        (phase.machine, phase.name) = (member.name, member.name + (phase.name.map { ": \($0)" } ?? ""))
      },
      marks: summaries.reduce(0) { $0 &+ $1.marks }, mainThread: nil)
  }

  // MARK: All exits

  private func allExits(_ totals: [ExitTotalReport]) -> ExitTotalReport {
    let sums = SliceAnalysis.allExits(of: members.map(\.builder.models))
    let costs = totals.compactMap(\.cost)
    func sum(_ value: (ExitCostReport) -> Int64) -> Int64 { costs.reduce(0) { $0 &+ value($1) } }
    let edges = costs.compactMap(\.edges)
    let edge = ExitEdgesReport(
      entered: edges.reduce(0) { $0 &+ $1.entered }, inKvmRun: edges.reduce(0) { $0 &+ $1.inKvmRun },
      handled: edges.reduce(0) { $0 &+ $1.handled }, handling: edges.reduce(0) { $0 &+ $1.handling })
    let inKvmRun = latency(sums.inKvmRun, totals.map(\.inKvmRun))
    let handling = latency(sums.handling, totals.map(\.handling))
    func average(_ latency: LatencyReport, _ count: UInt64, _ time: Int64) -> Int64? {
      latency.count > count ? (latency.total &- time) / Int64(clamping: latency.count - count) : nil
    }
    let parts = [
      average(inKvmRun, edge.entered, edge.inKvmRun), average(handling, edge.handled, edge.handling),
    ]
    .compactMap { $0 }
    let cost = ExitCostReport(
      atLeast: sum(\.atLeast), likely: sum(\.likely), atMost: sum(\.atMost),
      average: parts.isEmpty ? nil : parts.reduce(0, &+), edges: edges.isEmpty ? nil : edge,
      slowest: costs.compactMap(\.slowest).max { $0.handling < $1.handling })
    return ExitTotalReport(
      count: totals.reduce(0) { $0 &+ $1.count }, inKvmRun: inKvmRun, handling: handling, cost: cost,
      rate: RateReport(sumOf: totals.map(\.rate)))
  }

  /// Latencies of all machines. Where an event is, is said in its own machine's files.
  private func latency(_ sum: LatencySummary, _ parts: [LatencyReport]) -> LatencyReport {
    let longest = parts.first { $0.count > 0 && $0.maximum == sum.maximum }
    let tail = parts.filter { $0.count > 0 && $0.p999 >= sum.p999 }.min { $0.p999 < $1.p999 }
    return LatencyReport(
      count: sum.count, total: sum.sum, minimum: sum.minimum, p50: sum.p50, p90: sum.p90, p99: sum.p99,
      p999: sum.p999, maximum: sum.maximum, p999Exemplar: tail?.p999Exemplar,
      maximumExemplar: longest?.maximumExemplar)
  }
}

extension RateReport {
  /// The rates of several machines together; nil: one is not known.
  fileprivate init?(sumOf rates: [RateReport?]) {
    let known = rates.compactMap { $0 }
    guard known.count == rates.count, !known.isEmpty else { return nil }
    // What is known least says what the sum is.
    let order = ["covered", "numbered", "with_missing", "recorded"]
    self.init(
      perSecond: known.reduce(0) { $0 + $1.perSecond },
      basis: order.first { basis in known.contains { $0.basis == basis } } ?? "covered")
  }
}
