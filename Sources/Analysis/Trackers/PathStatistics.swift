/// A stage of the way from a guest's kick to its answer.
package enum PathStage: Int, CaseIterable, Sendable {
  /// Guest stamp to `vcpu_run_exit`, or to the `loop_wakeup` that the kick caused.
  case kickToArrival
  /// `vcpu_run_exit` to `dispatch_begin`, or `loop_wakeup` to `handler_begin`; first handler only.
  case arrivalToBegin
  /// Begin of the handler to the first `request_begin`.
  case beginToRequest
  /// First `request_begin` to the last `request_end` in the handler.
  case requestToCompletion
  /// Last `request_end` to the first `interrupt`.
  case completionToInterrupt
  /// First `interrupt`, or the last event before it, to the end of the handler.
  case interruptToEnd
  /// `dispatch_end` to `vcpu_run_enter`.
  case endToReentry
  /// Begin to end of the handler.
  case handler
  /// Exit or wakeup to the first interrupt.
  case arrivalToInterrupt
  /// Guest stamp to the first interrupt.
  case kickToInterrupt
  /// `vcpu_run_exit` to the next `vcpu_run_enter`: how long the guest stood still.
  case arrivalToReentry
  /// Guest stamp to the moment the device saw that request, for each stamp.
  case kickToPickup
  /// Begin of the handler to the last `request_end` in it; only where it took no request.
  case beginToCompletion
  /// Begin of another device's handler, right before in the same wakeup, to the begin of this one.
  case behindOther
}

/// How a device came to do something.
package enum PathKind: Int, CaseIterable, Sendable {
  /// A userspace exit whose dispatch was no kick: a register access.
  case exitAccess = 0
  /// A userspace exit by a kick, handled on the vCPU's thread.
  case exitKick = 1
  /// A handler on a loop's thread that belongs to a device's queue: a kick through an ioeventfd.
  case loopKick = 2
  /// Any other handler on a loop's thread.
  case loopOther = 3
  /// A write that KVM kept, carried out at an exit that is about something else.
  case coalesced = 4
}

/// Statistics of one path.
struct PathStatistics: KeyedStatistics {
  var handlers: UInt64 = 0
  var requests: UInt64 = 0
  var interrupted: UInt64 = 0
  /// Eventfd reads, and the kicks that they stood for.
  var signals: UInt64 = 0
  var kicks: UInt64 = 0
  var mostKicks: UInt64 = 0
  var stamps: UInt64 = 0
  /// Stamps that could not be placed on the trace's clock.
  var unmappedStamps: UInt64 = 0
  /// First stamps later than the wakeup: the loop was awake already.
  var alreadyAwake: UInt64 = 0
  let stages: UnsafeMutablePointer<LatencyHistogram?>

  init() {
    stages = .allocate(capacity: PathStage.allCases.count)
    stages.initialize(repeating: nil, count: PathStage.allCases.count)
  }

  func free() {
    for stage in 0..<PathStage.allCases.count { stages[stage]?.free() }
    stages.deallocate()
  }

  @inline(__always)
  func record(_ stage: PathStage, _ value: Int64, timestamp: Int64, location: UInt64) {
    if stages[stage.rawValue] == nil { stages[stage.rawValue] = LatencyHistogram() }
    stages[stage.rawValue].unsafelyUnwrapped.record(value, timestamp: timestamp, location: location)
  }

  mutating func add(_ other: PathStatistics) {
    handlers &+= other.handlers
    requests &+= other.requests
    interrupted &+= other.interrupted
    signals &+= other.signals
    kicks &+= other.kicks
    mostKicks = max(mostKicks, other.mostKicks)
    stamps &+= other.stamps
    unmappedStamps &+= other.unmappedStamps
    alreadyAwake &+= other.alreadyAwake
    for stage in 0..<PathStage.allCases.count {
      guard let source = other.stages[stage] else { continue }
      if stages[stage] == nil { stages[stage] = LatencyHistogram() }
      stages[stage].unsafelyUnwrapped.add(source)
    }
  }

  /// A device or queue beyond what the catalogue's types hold counts as 65535, none.
  @inline(__always)
  static func key(kind: PathKind, device: UInt64, queue: UInt64) -> Key {
    Key(high: UInt64(kind.rawValue), low: min(device, 0xffff) << 16 | min(queue, 0xffff))
  }
}

/// A path to a device.
package struct PathResult: Sendable, Equatable {
  /// How the device was reached.
  package let kind: PathKind
  /// Its id, 65535: none.
  package let device: Int
  /// Queue, 65535: none; for ``PathKind/loopOther`` the source kind.
  package let queue: Int
  /// Handlers that ran.
  package let handlers: UInt64
  /// Requests that they took.
  package let requests: UInt64
  /// Handlers that raised an interrupt.
  package let interrupted: UInt64
  /// Reads of the kick's eventfd.
  package let signals: UInt64
  /// Kicks that these stood for.
  package let kicks: UInt64
  /// The most kicks in one read.
  package let mostKicks: UInt64
  /// Guest stamps.
  package let stamps: UInt64
  /// Guest stamps that could not be placed on the trace's clock.
  package let unmappedStamps: UInt64
  /// Handlers whose first stamp is later than the wakeup.
  package let alreadyAwake: UInt64
  /// By ``PathStage``.
  package let stages: [LatencySummary]

  /// The latencies of a stage.
  package subscript(_ stage: PathStage) -> LatencySummary { stages[stage.rawValue] }
}

extension PathResult {
  fileprivate init(_ key: Key, _ row: PathStatistics) {
    self.init(
      kind: PathKind(rawValue: Int(key.high)) ?? .loopOther, device: Int(key.low >> 16),
      queue: Int(key.low & 0xffff), handlers: row.handlers, requests: row.requests,
      interrupted: row.interrupted, signals: row.signals, kicks: row.kicks, mostKicks: row.mostKicks,
      stamps: row.stamps, unmappedStamps: row.unmappedStamps, alreadyAwake: row.alreadyAwake,
      stages: (0..<PathStage.allCases.count).map {
        row.stages[$0].map { LatencySummary($0) } ?? LatencySummary()
      })
  }
}

extension SliceAnalysis {
  /// All kicks to some queues, whichever way they went, as if that were one path: durations are those of all of them.
  ///
  /// - Parameter belongs: Which queues of which devices.
  /// - Returns: nil: there were none. Kind, device and queue are those of one of the paths.
  package func kicks(to belongs: (_ device: Int, _ queue: Int) -> Bool) -> PathResult? {
    var sum = PathStatistics()
    var found: Key?
    defer { sum.free() }
    state.pointee.paths.forEach { key, row in
      let kind = PathKind(rawValue: Int(key.high))
      guard kind == .exitKick || kind == .loopKick, belongs(Int(key.low >> 16), Int(key.low & 0xffff)) else {
        return
      }
      sum.add(row)
      found = key
    }
    return found.map { PathResult($0, sum) }
  }

  func paths() -> [PathResult] {
    var results: [PathResult] = []
    state.pointee.paths.forEach { key, row in results.append(PathResult(key, row)) }
    return results.sorted {
      ($0.device, $0.queue, $0.kind.rawValue) < ($1.device, $1.queue, $1.kind.rawValue)
    }
  }
}

// MARK: Kept in a file

extension PathStatistics {
  static let size = MemoryLayout<PathStatistics>.stride + PathStage.allCases.count * LatencyHistogram.size

  /// Whether a key can be that of a path.
  static func isValid(_ key: Key) -> Bool { key.high < UInt64(PathKind.allCases.count) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &handlers)
    try coder.code(count: &requests)
    try coder.code(count: &interrupted)
    try coder.code(count: &signals)
    try coder.code(&kicks)
    try coder.code(&mostKicks)
    try coder.code(count: &stamps)
    try coder.code(count: &unmappedStamps)
    try coder.code(count: &alreadyAwake)
    let stages = stages
    let used = (0..<PathStage.allCases.count).filter { stages[$0] != nil }
    try coder.sparse(used, PathStage.allCases.count) { (stage, coder) throws(StateError) in
      let histogram = stages[stage] ?? LatencyHistogram()
      stages[stage] = histogram
      try histogram.code(&coder)
    }
  }
}
