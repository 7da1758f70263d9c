// Contended waits for locks, as threads' clocks prove them.

/// Contended waits for one lock.
struct LockStatistics: KeyedStatistics {
  var waits: UInt64 = 0
  let wait: LatencyHistogram

  init() { wait = LatencyHistogram() }

  func free() { wait.free() }

  mutating func add(_ other: LockStatistics) {
    waits &+= other.waits
    wait.add(other.wait)
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(never)
  func recordLockWait(_ step: ClockStep, _ waited: Int64) {
    let lock = pointee.locks.row(for: Key(high: 0, low: step.argument))
    lock.pointee.waits &+= 1
    lock.pointee.wait.record(waited, timestamp: step.timestamp, location: step.location)
  }
}

/// Contended waits for a lock.
package struct LockResult: Sendable, Equatable {
  /// Its id.
  package let lock: Int
  /// Waits whose begin and end are proven.
  package let wait: LatencySummary
}

extension SliceAnalysis {
  func locks() -> [LockResult] {
    var results: [LockResult] = []
    state.pointee.locks.forEach { key, row in
      results.append(LockResult(lock: Int(clamping: key.low), wait: LatencySummary(row.wait)))
    }
    return results.sorted { $0.lock < $1.lock }
  }
}

// MARK: Kept in a file

extension LockStatistics {
  static let size = MemoryLayout<LockStatistics>.stride + LatencyHistogram.size

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &waits)
    try wait.code(&coder)
  }
}
