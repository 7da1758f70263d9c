import Reports

extension Report {
  /// Puts two recordings side by side.
  ///
  /// - Parameters:
  ///   - a: The report of `summary` on one.
  ///   - b: The report of `summary` on the other.
  package static func comparing(_ a: Report, with b: Report) -> Report {
    var report = Report(command: "compare", trace: a.trace)
    report.machine = a.machine
    let comparison = Comparison(a: a, b: b)
    report.compare = CompareReport(
      other: b.trace, otherMachine: b.machine, differences: comparison.differences(),
      threads: comparison.threads(),
      exits: comparison.exits(), paths: comparison.paths())
    return report
  }
}

/// Finds what two summaries have in common.
struct Comparison {
  let a: Report
  let b: Report

  /// Stages that tell how long a whole way took.
  private static let stages = [
    "kick_to_pickup", "kick_to_arrival", "handler", "arrival_to_interrupt", "kick_to_interrupt",
  ]

  // MARK: Configuration

  func differences() -> [DifferenceReport] {
    guard a.machine != nil || b.machine != nil else { return [] }
    let (left, right) = (Self.settings(a), Self.settings(b))
    return Set(left.keys).union(right.keys).sorted().filter { left[$0] != right[$0] }.map {
      DifferenceReport(name: $0, a: left[$0], b: right[$0])
    }
  }

  /// What was configured, and what it ran on.
  static func settings(_ report: Report) -> [String: String] {
    guard let machine = report.machine else { return [:] }
    var settings = report.configuration()
    settings["version"] = machine.version
    settings["kvm"] = machine.kvm
    settings["kernel"] = machine.kernel
    return settings
  }

  // MARK: Threads

  func threads() -> [ThreadComparisonReport] {
    func vcpus(_ report: Report) -> [Int: (String, [ShareReport])] {
      let vcpus = (report.summary?.vcpus ?? []).map { ($0.id, ($0.name, times($0))) }
      return Dictionary(vcpus, uniquingKeysWith: { first, _ in first })
    }
    func loops(_ report: Report) -> [Int: (String, [ShareReport])] {
      let loops = (report.summary?.loops ?? []).map { ($0.id, ($0.name, times($0))) }
      return Dictionary(loops, uniquingKeysWith: { first, _ in first })
    }
    func waits(_ report: Report, _ thread: ThreadComparisonReport) -> Int64? {
      thread.kind == "vcpu"
        ? report.summary?.vcpus.first { $0.id == thread.id }?.scheduling?.waiting
        : report.summary?.loops.first { $0.id == thread.id }?.scheduling?.waiting
    }
    return (join("vcpu", vcpus(a), vcpus(b)) + join("loop", loops(a), loops(b))).map { thread in
      var thread = thread
      (thread.waitingA, thread.waitingB) = (waits(a, thread), waits(b, thread))
      return thread
    }
  }

  private func join(
    _ kind: String, _ left: [Int: (String, [ShareReport])], _ right: [Int: (String, [ShareReport])]
  ) -> [ThreadComparisonReport] {
    Set(left.keys).union(right.keys).sorted().map { id in
      ThreadComparisonReport(
        kind: kind, id: id, name: left[id]?.0 ?? right[id]?.0 ?? "", a: left[id]?.1, b: right[id]?.1)
    }
  }

  private func times(_ vcpu: VcpuReport) -> [ShareReport] {
    [
      ("inKvmRun", vcpu.inKvmRun), ("dispatch", vcpu.dispatch), ("lockWait", vcpu.lockWait),
      ("other", vcpu.other),
      ("unknown", vcpu.unknown), ("outside", vcpu.outside),
    ].map { ShareReport(name: $0.0, time: $0.1) }
  }

  private func times(_ loop: LoopReport) -> [ShareReport] {
    [
      ("asleep", loop.asleep), ("polling", loop.polling), ("handling", loop.handling),
      ("lockWait", loop.lockWait),
      ("other", loop.other), ("unknown", loop.unknown), ("outside", loop.outside),
    ].map { ShareReport(name: $0.0, time: $0.1) }
  }

  // MARK: Exits and paths

  func exits() -> [ComparisonReport] {
    func rows(_ report: Report) -> [(String, MeasureReport)] {
      (report.summary?.exits ?? []).map { (Self.name($0), measure($0.count, $0.handling, $0.rate)) }
    }
    func all(_ report: Report) -> MeasureReport? {
      report.summary?.allExits.map { measure($0.count, $0.handling, $0.rate) }
    }
    let kinds = join(rows(a), rows(b))
    let (left, right) = (all(a), all(b))
    // Reports of early builds do not have it.
    if left == nil, right == nil { return kinds }
    return kinds.isEmpty ? [] : kinds + [comparison("all exits", left, right)]
  }

  /// What an exit is whatever the number of addresses that a run used.
  static func name(_ exit: ExitReport) -> String {
    guard let reason = exit.reason else { return "others" }
    var words = [reason]
    if let direction = exit.direction { words.append(direction) }
    let isKnown = exit.device != nil && exit.device != ReportBuilder.unclaimed
    if !isKnown, let address = exit.address { words.append("0x" + String(address, radix: 16)) }
    if let device = exit.device { words.append(device) }
    return words.joined(separator: " ")
  }

  func paths() -> [ComparisonReport] {
    func rows(_ report: Report) -> [(String, MeasureReport)] {
      queues(report).flatMap { path in
        let queue = report.summary?.queues?.first { $0.device == path.device && $0.queue == path.queue }
        // A request may be completed, and told of, by another handler than the one that took it.
        let ways = Self.stages.filter { queue == nil || !$0.hasSuffix("_to_interrupt") }.map {
          ($0, path.stage($0))
        }
        let requests = [
          ("each_kick_to_pushed", queue?.kickToPushed),
          ("each_kick_to_interrupt", queue?.kickToEachInterrupt),
        ]
        return (ways + requests).compactMap { stage, latency in
          latency.map {
            let rate = rate($0.count, onLoops: path.kind != "exit", report)
            return ("\(name(path)) \(stage)", measure($0.count, $0, rate))
          }
        }
      }
    }
    return join(rows(a), rows(b)).map { row in
      var row = row
      let name = String(row.name.split(separator: " ").dropLast().joined(separator: " "))
      if row.a != nil { row.waysA = ways(a, name) }
      if row.b != nil { row.waysB = ways(b, name) }
      return row
    }
  }

  /// The kicks of each queue, whichever way they went: they are the same work.
  private func queues(_ report: Report) -> [PathReport] {
    let joined = report.summary?.joinedPaths ?? []
    let names = Set(joined.map(name))
    return joined + (report.summary?.paths ?? []).filter { !names.contains(name($0)) }
  }

  private func name(_ path: PathReport) -> String { path.device + (path.queue.map { " q\($0)" } ?? "") }

  private func ways(_ report: Report, _ queue: String) -> [String] {
    (report.summary?.paths ?? []).filter { name($0) == queue }.map(\.kind).sorted()
  }

  private func measure(_ count: UInt64, _ latency: LatencyReport, _ rate: RateReport?) -> MeasureReport {
    MeasureReport(
      count: count, perSecond: rate?.perSecond ?? 0, basis: rate?.basis,
      p50: latency.count > 0 ? latency.p50 : nil, p99: latency.count > 0 ? latency.p99 : nil,
      total: latency.total)
  }

  /// How often requests took a way: over the time known of the vCPUs, or of the loops that they were handled on.
  private func rate(_ count: UInt64, onLoops: Bool, _ report: Report) -> RateReport? {
    let coverage =
      onLoops ? Coverage(report.summary?.loops ?? []) : Coverage(report.summary?.vcpus ?? [])
    return RateReport(count, time: report.trace.duration, coverage: coverage.part)
  }

  /// Rows of the same name beside each other, the longest total first.
  private func join(_ left: [(String, MeasureReport)], _ right: [(String, MeasureReport)])
    -> [ComparisonReport]
  {
    let (left, right) = (numbered(left), numbered(right))
    return Set(left.keys).union(right.keys).map { comparison($0, left[$0], right[$0]) }.sorted {
      let (one, two) = (longest($0), longest($1))
      return one != two ? one > two : $0.name < $1.name
    }
  }

  /// By name; what has the name of another gets a number.
  private func numbered(_ rows: [(String, MeasureReport)]) -> [String: MeasureReport] {
    var named: [String: MeasureReport] = [:]
    for (name, measure) in rows {
      var (unique, number) = (name, 1)
      while named[unique] != nil {
        number += 1
        unique = "\(name) #\(number)"
      }
      named[unique] = measure
    }
    return named
  }

  private func longest(_ row: ComparisonReport) -> Int64 { max(row.a?.total ?? 0, row.b?.total ?? 0) }

  private func comparison(_ name: String, _ a: MeasureReport?, _ b: MeasureReport?) -> ComparisonReport {
    func ratio(_ a: Double?, _ b: Double?) -> Double? {
      guard let a, let b, a > 0 else { return nil }
      return b / a
    }
    func whole(_ value: Int64?) -> Double? { value.map { Double($0) } }
    guard let a, let b else { return ComparisonReport(name: name, a: a, b: b, ratio: nil) }
    return ComparisonReport(
      name: name, a: a, b: b,
      ratio: RatioReport(
        perSecond: ratio(a.perSecond, b.perSecond), p50: ratio(whole(a.p50), whole(b.p50)),
        p99: ratio(whole(a.p99), whole(b.p99)), total: ratio(whole(a.total), whole(b.total))))
  }
}
