import Analysis
import Reports

extension RequestStage {
  /// The stage's name in reports.
  package var name: String {
    switch self {
    case .kickToExit: "kick_to_exit"
    case .exitToPopped: "exit_to_popped"
    case .kickToWakeup: "kick_to_wakeup"
    case .wakeupToPopped: "wakeup_to_popped"
    case .kickToPopped: "kick_to_popped"
    case .poppedToSubmitted: "popped_to_submitted"
    case .submittedToCompleted: "submitted_to_completed"
    case .completedToPushed: "completed_to_pushed"
    case .poppedToPushed: "popped_to_pushed"
    case .pushedToInterrupt: "pushed_to_interrupt"
    case .kickToPushed: "kick_to_pushed"
    case .kickToInterrupt: "kick_to_interrupt"
    }
  }
}

extension ReportBuilder {
  /// Queues whose devices tell of more than requests; nil: none.
  func queueReports() -> [QueueReport]? {
    guard !result.queues.isEmpty else { return nil }
    let loops = result.loops.map(loop)
    let coverage = (loops.isEmpty ? Coverage(result.vcpus.map(vcpu)) : Coverage(loops)).part
    return result.queues.map { queue(of: $0, coverage) }
  }

  private func queue(of queue: QueueResult, _ coverage: Double) -> QueueReport {
    let bytes = result.requests.reduce(0) {
      $1.device == queue.device && $1.queue == queue.queue ? $0 &+ $1.bytes : $0
    }
    func ratio(_ count: UInt64, _ of: UInt64) -> Double? { of > 0 ? Double(count) / Double(of) : nil }
    let stages = result.requestStages.first { $0.device == queue.device && $0.queue == queue.queue }
    func stage(_ stage: RequestStage) -> LatencyReport? {
      stages.flatMap { $0[stage].count > 0 ? latency($0[stage]) : nil }
    }
    let errors = queue.statuses.filter { $0.key != 0 && $0.key != RequestResult.givenUpStatus }
    return QueueReport(
      device: result.dump.deviceName(queue.device), queue: queue.queue,
      isPartial: result.gaps > 0 || doubtFrom != nil ? true : nil, requests: queue.begun, bytes: bytes,
      byteRate: bytes > 0 ? RateReport(bytes, time: duration, coverage: coverage) : nil,
      wakeups: queue.batches, requestsPerWakeup: ratio(queue.begun, queue.batches),
      submitted: queue.submitted, published: queue.published, interrupts: queue.interrupts,
      suppressed: queue.suppressed, interruptsPerRequest: ratio(queue.interrupts, queue.published),
      suppressedPerRequest: ratio(queue.suppressed, queue.published),
      kickToPushed: stage(.kickToPushed), kickToInterrupt: stage(.kickToInterrupt),
      // Between recordings there was nothing that could have been in flight, and nobody knows for how long.
      depth: facts.recordings.count > 1
        ? nil
        : queue.depth.map {
          QueueDepthReport(known: $0.known, mean: $0.mean, p99: $0.p99, maximum: $0.most)
        },
      errors: counts(errors) { RequestStatus.name($0) },
      givenUp: queue.statuses[RequestResult.givenUpStatus],
      hostErrors: counts(queue.hostErrors) { HostError.name($0) })
  }

  private func counts(_ counts: [UInt8: UInt64], _ name: (UInt8) -> String) -> [NamedCount]? {
    counts.isEmpty
      ? nil
      : counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
        NamedCount(name: name($0.key), count: $0.value)
      }
  }

  /// How long the stages of requests took, of queues whose devices tell of them; nil: there are none.
  func requestPaths(devices: [String], queues: [Int]) -> [RequestPathReport]? {
    let told = Set(result.queues.map { [$0.device, $0.queue] })
    let paths = result.requestStages.compactMap { path -> RequestPathReport? in
      let device = result.dump.deviceName(path.device)
      guard told.contains([path.device, path.queue]), devices.isEmpty || devices.contains(device),
        queues.isEmpty || queues.contains(path.queue)
      else { return nil }
      let total = RequestStage.parts.reduce(0.0) { $0 + Double(path[$1].sum) }
      let stages = RequestStage.allCases.filter { path[$0].count > 0 }.map { stage in
        let share = total > 0 ? UInt64((Double(path[stage].sum) / total * 1000).rounded()) : 0
        return RequestStageReport(
          name: stage.name, sharePermille: RequestStage.parts.contains(stage) ? share : nil,
          latency: latency(path[stage]))
      }
      return stages.isEmpty ? nil : RequestPathReport(device: device, queue: path.queue, stages: stages)
    }
    return paths.isEmpty ? nil : paths
  }
}

/// `status` of `request_end`, in words.
enum RequestStatus {
  static func name(_ status: UInt8) -> String {
    switch status {
    case 1: "failed"
    case 2: "unsupported"
    default: "status \(status)"
    }
  }
}

/// Linux' errno, by name; the analyzer may run elsewhere.
enum HostError {
  private static let names: [UInt8: String] = [
    1: "EPERM", 4: "EINTR", 5: "EIO", 6: "ENXIO", 9: "EBADF", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
    14: "EFAULT", 16: "EBUSY", 19: "ENODEV", 22: "EINVAL", 27: "EFBIG", 28: "ENOSPC", 30: "EROFS",
    32: "EPIPE", 61: "ENODATA", 90: "EMSGSIZE", 100: "ENETDOWN", 105: "ENOBUFS", 107: "ENOTCONN",
    110: "ETIMEDOUT", 121: "EREMOTEIO", 122: "EDQUOT", 255: "others",
  ]

  static func name(_ error: UInt8) -> String { names[error] ?? "errno \(error)" }
}
