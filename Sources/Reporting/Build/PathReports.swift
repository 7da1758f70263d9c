import Analysis
import Reports

extension PathStage {
  /// The stage's name in reports.
  package var name: String {
    switch self {
    case .kickToArrival: "kick_to_arrival"
    case .arrivalToBegin: "arrival_to_begin"
    case .beginToRequest: "begin_to_request"
    case .requestToCompletion: "request_to_completion"
    case .completionToInterrupt: "completion_to_interrupt"
    case .interruptToEnd: "interrupt_to_end"
    case .endToReentry: "end_to_reentry"
    case .handler: "handler"
    case .arrivalToInterrupt: "arrival_to_interrupt"
    case .kickToInterrupt: "kick_to_interrupt"
    case .arrivalToReentry: "arrival_to_reentry"
    case .kickToPickup: "kick_to_pickup"
    case .beginToCompletion: "begin_to_completion"
    case .behindOther: "behind_other"
    }
  }
}

extension ReportBuilder {
  func name(_ kind: PathKind) -> String {
    switch kind {
    case .exitAccess: "access"
    case .exitKick: "exit"
    case .loopKick: "ioeventfd"
    case .loopOther: "loop"
    case .coalesced: "coalesced"
    }
  }

  private func kicks(_ path: PathResult) -> UInt64 {
    switch path.kind {
    case .exitKick: path.handlers
    case .loopKick: path.kicks
    case .exitAccess, .loopOther, .coalesced: 0
    }
  }

  /// Paths of these kinds by device and queue, most kicks and then most handlers first.
  func pathReports(kinds: [PathKind]) -> [PathReport] {
    selectedPaths(kinds: kinds, devices: [], queues: []).map(\.report)
  }

  private func selectedPaths(
    kinds: [PathKind], devices: [String], queues: [Int]
  ) -> [(result: PathResult, report: PathReport)] {
    var total: [Int: UInt64] = [:]
    for path in result.paths { total[path.device << 16 | path.queue, default: 0] &+= kicks(path) }
    let wanted = result.paths.filter { kinds.contains($0.kind) && ($0.handlers > 0 || $0.signals > 0) }
    let reports = wanted.map { path -> (result: PathResult, report: PathReport) in
      (
        path,
        report(path, name(path.kind), kicks: kicks(path), of: total[path.device << 16 | path.queue] ?? 0)
      )
    }
    return reports.filter {
      (devices.isEmpty || devices.contains($0.report.device))
        && (queues.isEmpty || $0.report.queue.map(queues.contains) ?? false)
    }.sorted { left, right in
      let (one, two) = (left.report, right.report)
      if one.kicks != two.kicks { return one.kicks > two.kicks }
      if one.handlers != two.handlers { return one.handlers > two.handlers }
      return (one.device, one.queue ?? -1, one.kind) < (two.device, two.queue ?? -1, two.kind)
    }
  }

  /// Each queue whose kicks went more than one way, with all of them together; nil: there is none.
  func joinedPaths() -> [PathReport]? {
    var ways: [Int: [PathResult]] = [:]
    for path in result.paths where kicks(path) > 0 {
      ways[path.device << 16 | path.queue, default: []].append(path)
    }
    let reports = ways.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.compactMap { key, paths in
      let sum = paths.reduce(0) { $0 &+ kicks($1) }
      return models.kicks { $0 << 16 | $1 == key }.map { report($0, "any", kicks: sum, of: sum) }
    }
    return reports.isEmpty ? nil : reports
  }

  private func report(_ path: PathResult, _ kind: String, kicks: UInt64, of all: UInt64) -> PathReport {
    let isQueue = path.kind == .exitKick || path.kind == .loopKick
    return PathReport(
      kind: kind,
      device: path.device == 0xffff
        ? categoryName(TimeCategory.sources + path.queue) : result.dump.deviceName(path.device),
      source: path.kind == .loopOther && path.device != 0xffff
        ? categoryName(TimeCategory.sources + path.queue) : nil,
      queue: isQueue && path.queue != 0xffff ? path.queue : nil, handlers: path.handlers,
      kicks: kicks,
      sharePermille: isQueue && all > 0
        ? UInt64(min(1000, (Double(kicks) / Double(all) * 1000).rounded())) : nil,
      mostKicks: path.mostKicks, requests: path.requests, interrupts: path.interrupted, stamps: path.stamps,
      unmappedStamps: path.unmappedStamps, alreadyAwake: path.alreadyAwake,
      stages: PathStage.allCases.filter { path[$0].count > 0 }.map {
        StageReport(name: $0.name, latency: latency(path[$0]))
      }, slowest: nil)
  }

  /// The report of `paths`.
  ///
  /// - Parameters:
  ///   - devices: Only these devices; empty: all.
  ///   - queues: Only these queues; empty: all.
  ///   - filter: The filters in words.
  package func paths(devices: [String] = [], queues: [Int] = [], filter: String? = nil) -> Report {
    var report = base("paths")
    let found = selectedPaths(
      kinds: PathKind.allCases, devices: devices, queues: queues)
    let follower = trace.map { PathFollower(trace: $0, dump: result.dump, calibration: calibration) }
    let paths = found.enumerated().map { place, item in
      var report = item.report
      // A bound on the work: every one is another look at the trace.
      if place < 32, let follower { report.slowest = slowest(of: item.result, follower) }
      return report
    }
    report.paths = PathsReport(
      filter: filter, paths: paths, requests: requestPaths(devices: devices, queues: queues),
      calibration: calibration.map {
        CalibrationReport(
          points: $0.points, nanosecondsPerTick: $0.nanosecondsPerTick, uncertainty: $0.uncertainty,
          guestOffset: $0.guestOffset)
      })
    return report
  }

  /// Slowest by what matters most of what is known: the guest's wait for its interrupt, its standstill, the
  /// handler.
  private func slowest(of path: PathResult, _ follower: PathFollower) -> [StepReport]? {
    let order: [PathStage] = [.kickToInterrupt, .arrivalToReentry, .arrivalToInterrupt, .handler]
    guard let stage = order.first(where: { path[$0].count > 0 }), let exemplar = path[stage].maximumExemplar
    else {
      return nil
    }
    return follower.steps(
      at: exemplar, device: path.device, before: path[.arrivalToBegin].maximum,
      after: path[.handler].maximum &+ path[.endToReentry].maximum)
  }
}
