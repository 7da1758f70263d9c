import Analysis

/// A limit on the handling of exits that the user wants to hear of, such as `reason=io,p99=20us`.
public struct LatencyThreshold: Sendable, Equatable {
  /// Only exits with this reason; nil: all.
  public var reason: String?
  /// Only exits to this device; nil: all.
  public var device: String?
  /// `p50`, `p90`, `p99`, `p99.9` or `max`.
  public var statistic: String
  /// The limit in ns.
  public var limit: Int64

  /// Makes a limit.
  public init(reason: String?, device: String?, statistic: String, limit: Int64) {
    self.reason = reason
    self.device = device
    self.statistic = statistic
    self.limit = limit
  }

  /// Names that `statistic` may have.
  public static let statistics = ["p50", "p90", "p99", "p99.9", "max"]

  /// Sentences about each kind of exits in a summary that is over the limit.
  public func findings(in report: Report) -> [String] {
    let exits = (report.summary?.exits ?? []) + (report.exits?.groups.map(\.exits) ?? [])
    return exits.compactMap { exit in
      guard exit.handling.count > 0, reason == nil || exit.reason == reason,
        device == nil || exit.device == device
      else { return nil }
      let value = self.value(exit.handling)
      guard value > limit else { return nil }
      return
        "\(ExitText.label(exit)): handling \(statistic) is \(Text.duration(value)), over \(Text.duration(limit))"
    }
  }

  private func value(_ latency: LatencyReport) -> Int64 {
    switch statistic {
    case "p50": latency.p50
    case "p90": latency.p90
    case "p99": latency.p99
    case "p99.9": latency.p999
    default: latency.maximum
    }
  }
}
