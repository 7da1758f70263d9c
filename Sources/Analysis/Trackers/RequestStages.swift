/// A stage of one request's way from the guest's kick to the interrupt that tells of its completion.
package enum RequestStage: Int, CaseIterable, Sendable {
  /// The guest's stamp to `vcpu_run_exit` of the exit in which the request was taken.
  case kickToExit
  /// `vcpu_run_exit` to `request_begin`.
  case exitToPopped
  /// The guest's stamp to `loop_wakeup`, or `poll_end`, of the iteration in which the request was taken.
  case kickToWakeup
  /// `loop_wakeup` or `poll_end` to `request_begin`.
  case wakeupToPopped
  /// The guest's stamp to `request_begin`, where the stamp is later than the exit or the wakeup: who took it was at work.
  case kickToPopped
  /// `request_begin` to `backend_submit`.
  case poppedToSubmitted
  /// `backend_submit` to `backend_complete`.
  case submittedToCompleted
  /// `backend_complete` to `request_end`.
  case completedToPushed
  /// `request_begin` to `request_end` of a request for which nothing was submitted.
  case poppedToPushed
  /// `request_end` to the `interrupt` that the same handler raised.
  case pushedToInterrupt
  /// The guest's stamp to `request_end`: the sum of the stages before.
  case kickToPushed
  /// The guest's stamp to that `interrupt`, of requests of which both are known.
  case kickToInterrupt

  /// Stages that do not overlap.
  package static let parts = allCases.filter { $0 != .kickToPushed && $0 != .kickToInterrupt }
}

/// How long each stage took for the requests of one queue.
struct RequestStages: KeyedStatistics {
  private let stages: UnsafeMutablePointer<LatencyHistogram?>

  init() {
    stages = .allocate(capacity: RequestStage.allCases.count)
    stages.initialize(repeating: nil, count: RequestStage.allCases.count)
  }

  func free() {
    for stage in 0..<RequestStage.allCases.count { stages[stage]?.free() }
    stages.deallocate()
  }

  subscript(_ stage: RequestStage) -> LatencySummary {
    stages[stage.rawValue].map { LatencySummary($0) } ?? LatencySummary()
  }

  /// nil: there was none.
  func durations(of stage: RequestStage) -> LatencyHistogram? { stages[stage.rawValue] }

  @inline(__always)
  func record(_ stage: RequestStage, _ duration: Int64, _ timestamp: Int64, _ location: UInt64) {
    histogram(stage.rawValue).record(duration, timestamp: timestamp, location: location)
  }

  private func histogram(_ stage: Int) -> LatencyHistogram {
    if let histogram = stages[stage] { return histogram }
    let histogram = LatencyHistogram()
    stages[stage] = histogram
    return histogram
  }

  mutating func add(_ other: RequestStages) {
    for stage in 0..<RequestStage.allCases.count {
      if let source = other.stages[stage] { histogram(stage).add(source) }
    }
  }
}

/// The stages of one queue's requests.
package struct RequestStagesResult: Sendable, Equatable {
  /// Device id.
  package let device: Int
  /// Queue.
  package let queue: Int
  /// By ``RequestStage``.
  package let stages: [LatencySummary]

  /// The latencies of a stage.
  package subscript(_ stage: RequestStage) -> LatencySummary { stages[stage.rawValue] }
}

// MARK: Kept in a file

extension RequestStages {
  static let size = MemoryLayout<RequestStages>.stride + RequestStage.allCases.count * LatencyHistogram.size

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    let (stages, count) = (stages, RequestStage.allCases.count)
    try coder.sparse((0..<count).filter { stages[$0] != nil }, count) { (stage, coder) throws(StateError) in
      let histogram = stages[stage] ?? LatencyHistogram()
      stages[stage] = histogram
      try histogram.code(&coder)
    }
  }
}
