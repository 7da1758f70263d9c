/// What devices did with their queues: how requests were taken, completed and told of, and how many were in flight.
struct QueueTracker {
  private var queues = StatisticsTable<QueueStatistics>(limit: Limits.queues)

  func free() { queues.free() }

  /// - Parameter thread: Index of the thread that it is on.
  mutating func step(_ event: RequestBegin, _ at: EventPlace, thread: Int, gapEnd: Int64) {
    let queue = row(event.device, event.queue)
    queue.pointee.begin(RequestBatch(thread: UInt16(truncatingIfNeeded: thread), seq: event.seq))
    queue.pointee.depth.step(
      QueueDepthStep(timestamp: at.timestamp, gapEnd: gapEnd, isBegin: true))
  }

  mutating func step(_ event: RequestEnd, _ at: EventPlace, gapEnd: Int64) {
    let queue = row(event.device, event.queue)
    queue.pointee.statuses[UInt8(min(event.status, 255)), default: 0] &+= 1
    queue.pointee.depth.step(QueueDepthStep(timestamp: at.timestamp, gapEnd: gapEnd))
  }

  mutating func step(_ event: BackendSubmit) { row(event.device, event.queue).pointee.submitted &+= 1 }

  mutating func step(_ event: BackendComplete) {
    guard event.status != 0 else { return }
    row(event.device, event.queue).pointee.hostErrors[UInt8(min(event.status, 255)), default: 0] &+= 1
  }

  mutating func step(_ event: QueuePublished, _ at: EventPlace, gapEnd: Int64) {
    let queue = row(event.device, event.queue)
    queue.pointee.published &+= min(event.requests, 0xffff)
    if event.notification == 0 { queue.pointee.suppressed &+= 1 } else { queue.pointee.interrupts &+= 1 }
    queue.pointee.depth.step(
      QueueDepthStep(
        timestamp: at.timestamp, gapEnd: gapEnd, inFlight: UInt16(clamping: event.inFlight)))
  }

  private mutating func row(_ device: UInt64, _ queue: UInt64) -> UnsafeMutablePointer<QueueStatistics> {
    // A device or queue beyond what the catalogue's types hold counts as 65535, none.
    queues.row(for: Key(high: 0, low: min(device, 0xffff) << 16 | min(queue, 0xffff)))
  }

  /// What is known at the beginning of a window: how many requests are in flight. Nothing is counted.
  func opened(at moment: Int64, gapEnd: Int64) -> QueueTracker {
    var opened = QueueTracker()
    queues.forEach { key, row in
      opened.queues.row(for: key).pointee.depth = row.depth.opened(at: moment, gapEnd: gapEnd)
    }
    return opened
  }

  /// Counts the time up to the end of a window.
  func close(at moment: Int64, gapEnd: Int64) {
    queues.update { $0.depth.close(at: moment, gapEnd: gapEnd) }
  }

  /// Adds what follows in time.
  ///
  /// - Parameter gapEnd: End of the latest gap that began before it.
  mutating func add(_ next: QueueTracker, gapEnd: Int64) {
    // `next` is not used any more.
    next.queues.update { $0.gapBefore = gapEnd }
    queues.add(next.queues)
  }

  // MARK: Result

  /// The queues whose devices tell of more than requests, and with which something went on: also only waiting.
  ///
  /// - Parameters:
  ///   - gapEnd: End of the latest gap.
  ///   - end: Of what is analysed.
  func results(gapEnd: Int64, end: Int64) -> [QueueResult] {
    var results: [QueueResult] = []
    queues.forEach { key, row in
      let depth = row.depth.result(gapEnd: gapEnd, end: end)
      guard row.interrupts &+ row.suppressed &+ row.submitted > 0 || depth.map({ $0.most > 0 }) ?? false
      else { return }
      results.append(
        QueueResult(
          device: Int(key.low >> 16), queue: Int(key.low & 0xffff), begun: row.begun, batches: row.batches,
          submitted: row.submitted, published: row.published, interrupts: row.interrupts,
          suppressed: row.suppressed, statuses: row.statuses, hostErrors: row.hostErrors,
          depth: depth))
    }
    return results.sorted { ($0.device, $0.queue) < ($1.device, $1.queue) }
  }
}

/// An exit or a wakeup in which requests were taken.
struct RequestBatch: Equatable {
  /// Index of the thread.
  var thread: UInt16
  /// Of the exit or wakeup.
  var seq: UInt32
}

/// What is counted of one queue.
struct QueueStatistics: KeyedStatistics {
  private(set) var begun: UInt64 = 0
  /// Exits and wakeups in which requests were taken, those that follow each other without others between.
  private(set) var batches: UInt64 = 0
  private var first: RequestBatch?
  private var last: RequestBatch?
  var submitted: UInt64 = 0
  /// Completed requests that drivers were let see.
  var published: UInt64 = 0
  /// Times that they were, and wanted to be interrupted for it, or did not.
  var interrupts: UInt64 = 0
  var suppressed: UInt64 = 0
  /// Ends by `status`.
  var statuses: [UInt8: UInt64] = [:]
  /// Work that failed, by errno; 255 has all above.
  var hostErrors: [UInt8: UInt64] = [:]
  var depth = QueueDepth()
  /// End of the latest gap before the slice, while it is merged.
  var gapBefore = Int64.min

  func free() {}

  mutating func begin(_ batch: RequestBatch) {
    begun &+= 1
    if batch != last { batches &+= 1 }
    if first == nil { first = batch }
    last = batch
  }

  mutating func add(_ other: QueueStatistics) {
    begun &+= other.begun
    batches &+= other.batches
    // A cut was in the middle of one.
    if let last, last == other.first { batches &-= 1 }
    if first == nil { first = other.first }
    if let batch = other.last { last = batch }
    submitted &+= other.submitted
    published &+= other.published
    interrupts &+= other.interrupts
    suppressed &+= other.suppressed
    statuses.merge(other.statuses, uniquingKeysWith: &+)
    hostErrors.merge(other.hostErrors, uniquingKeysWith: &+)
    depth.add(other.depth, gapEnd: other.gapBefore)
  }
}

/// What a device did with a queue.
package struct QueueResult: Sendable, Equatable {
  /// Device id.
  package let device: Int
  /// The queue's number.
  package let queue: Int
  /// Requests taken.
  package let begun: UInt64
  /// Exits and wakeups in which they were.
  package let batches: UInt64
  /// Requests whose work was handed to the host.
  package let submitted: UInt64
  /// Completed requests that the driver was let see.
  package let published: UInt64
  /// Times that it was, and wanted to be interrupted for it.
  package let interrupts: UInt64
  /// Times that it was, and did not.
  package let suppressed: UInt64
  /// Ends by `status`.
  package let statuses: [UInt8: UInt64]
  /// Work that the host failed at, by errno; 255 has all above.
  package let hostErrors: [UInt8: UInt64]
  /// Requests in flight; nil: not known at any time.
  package let depth: QueueDepthResult?
}

// MARK: Kept in a file

extension QueueTracker {
  mutating func code(_ coder: inout StateCoder) throws(StateError) { try queues.code(&coder) }
}

extension QueueStatistics {
  static let size = MemoryLayout<QueueStatistics>.stride

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &begun)
    try coder.code(count: &batches)
    try coder.code(&first)
    try coder.code(&last)
    try coder.code(count: &submitted)
    try coder.code(count: &published)
    try coder.code(count: &interrupts)
    try coder.code(count: &suppressed)
    try coder.code(&statuses, limit: 256, "a list of statuses")
    try coder.code(&hostErrors, limit: 256, "a list of errors")
    try depth.code(&coder)
  }
}

extension RequestBatch: StateCoded {
  static var blank: RequestBatch { RequestBatch(thread: 0, seq: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&thread)
    try coder.code(&seq)
  }
}
