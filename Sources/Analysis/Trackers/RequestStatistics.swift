/// Requests of one kind on one queue.
struct RequestStatistics: KeyedStatistics {
  var begun: UInt64 = 0
  var bytes: UInt64 = 0
  var failed: UInt64 = 0
  var givenUp: UInt64 = 0
  /// Those that began before the window and ended in it, and how long the longest of them took, ns.
  var fromBefore: UInt64 = 0
  var longestFromBefore: Int64 = 0
  let duration: LatencyHistogram

  init() { duration = LatencyHistogram() }

  func free() { duration.free() }

  mutating func add(_ other: RequestStatistics) {
    begun &+= other.begun
    bytes &+= other.bytes
    failed &+= other.failed
    givenUp &+= other.givenUp
    fromBefore &+= other.fromBefore
    longestFromBefore = max(longestFromBefore, other.longestFromBefore)
    duration.add(other.duration)
  }
}

/// Requests of one kind.
package struct RequestResult: Sendable, Equatable {
  /// The status of a request that was given up.
  package static let givenUpStatus: UInt8 = 255

  /// `request_kind` of the catalogue.
  package let kind: Int
  /// Device id.
  package let device: Int
  /// Queue.
  package let queue: Int
  /// Requests begun.
  package let begun: UInt64
  /// Bytes they asked for.
  package let bytes: UInt64
  /// Requests that ended with another status than 0.
  package let failed: UInt64
  /// Requests of which the driver is told nothing, as their queue was reset, taken back or broken.
  package let givenUp: UInt64
  /// Requests that had not ended at the last event, although nothing is lost since they began.
  package let open: UInt64
  /// Requests that began before the window analysed and ended in it, and the duration of the longest of them, ns.
  package let fromBefore: UInt64
  package let longestFromBefore: Int64
  /// Begin to end.
  package let duration: LatencySummary
}

// MARK: Kept in a file

extension RequestStatistics {
  static let size = MemoryLayout<RequestStatistics>.stride + LatencyHistogram.size

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &begun)
    try coder.code(&bytes)
    try coder.code(count: &failed)
    try coder.code(count: &givenUp)
    try coder.code(count: &fromBefore)
    try coder.code(&longestFromBefore)
    try coder.require(
      longestFromBefore >= 0 && longestFromBefore <= StateCoder.longest, "a request's duration")
    try duration.code(&coder)
  }
}
