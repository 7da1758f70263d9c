/// Queues that guests broke, by device, queue and what they did.
struct BrokenQueueTracker {
  private var queues = StatisticsTable<BrokenQueue>(limit: Limits.brokenQueues)

  func free() { queues.free() }

  mutating func step(_ event: QueueBroken, _ at: EventPlace) {
    let queue = queues.row(for: Key(high: event.device << 16 | event.queue & 0xffff, low: event.fault))
    queue.pointee.add(1, first: at.timestamp)
  }

  /// Adds what came later.
  mutating func add(_ next: BrokenQueueTracker) { queues.add(next.queues) }

  func results() -> [BrokenQueueResult] {
    var results: [BrokenQueueResult] = []
    queues.forEach { key, row in
      results.append(
        BrokenQueueResult(
          device: Int(clamping: key.high >> 16), queue: Int(key.high & 0xffff), fault: Int(clamping: key.low),
          count: row.count, first: row.first))
    }
    return results.sorted {
      ($0.first, $0.device, $0.queue, $0.fault) < ($1.first, $1.device, $1.queue, $1.fault)
    }
  }
}

/// How often a queue was broken in one way, and when first.
struct BrokenQueue: KeyedStatistics {
  private(set) var count: UInt64 = 0
  private(set) var first = Int64.max

  func free() {}

  mutating func add(_ count: UInt64, first: Int64) {
    self.count &+= count
    self.first = min(self.first, first)
  }

  mutating func add(_ other: BrokenQueue) { add(other.count, first: other.first) }
}

/// A queue that the guest broke.
package struct BrokenQueueResult: Sendable, Equatable {
  /// Device id.
  package let device: Int
  /// The queue's number.
  package let queue: Int
  /// `queue_fault` of the catalogue.
  package let fault: Int
  /// How often.
  package let count: UInt64
  /// When first, ns since the clock's origin.
  package let first: Int64
}

// MARK: Kept in a file

extension BrokenQueueTracker {
  mutating func code(_ coder: inout StateCoder) throws(StateError) { try queues.code(&coder) }
}

extension BrokenQueue {
  static let size = 2

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &count)
    try coder.code(moment: &first)
  }
}
