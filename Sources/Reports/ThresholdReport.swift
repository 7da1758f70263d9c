/// A limit of `--fail-if-over` and what was found.
package struct ThresholdReport: Codable, Equatable, Sendable {
  /// Only exits with this reason; nil: all.
  package var reason: String?
  /// Only exits to this device; nil: all.
  package var device: String?
  /// Only exits at this address; nil: all.
  package var address: UInt64?
  /// Whether it is about all exits together; nil: about each kind.
  package var isAll: Bool?
  /// `p50`, `p90`, `p99`, `p99.9` or `max`.
  package var statistic: String
  /// The limit.
  package var limit: Int64
  /// Kinds of exits that the limit is about and that have a latency.
  package var checked: Int
  /// Kinds that only the start and the end of the run have, which are not checked; nil in a report of an early build.
  package var leftOut: Int?
  /// Those of them that are over it.
  package var over: [ExceededReport]

  package init(
    reason: String? = nil, device: String? = nil, address: UInt64? = nil, isAll: Bool? = nil,
    statistic: String, limit: Int64, checked: Int, leftOut: Int? = nil, over: [ExceededReport]
  ) {
    self.reason = reason
    self.device = device
    self.address = address
    self.isAll = isAll
    self.statistic = statistic
    self.limit = limit
    self.checked = checked
    self.leftOut = leftOut
    self.over = over
  }
}

/// Exits that are over a limit.
package struct ExceededReport: Codable, Equatable, Sendable {
  /// The exits, in words.
  package var exits: String
  /// Their statistic.
  package var value: Int64
  /// How many there are; nil in a report of an early build.
  package var count: UInt64?
  /// The slowest of them; nil in a report of an early build.
  package var slowest: LocationReport?

  package init(exits: String, value: Int64, count: UInt64? = nil, slowest: LocationReport? = nil) {
    self.exits = exits
    self.value = value
    self.count = count
    self.slowest = slowest
  }
}
