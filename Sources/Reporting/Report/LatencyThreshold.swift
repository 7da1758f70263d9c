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

  /// What a report says about this limit: every kind of exits that it is about, and those that are over it.
  public func check(_ report: Report) -> ThresholdReport {
    let exits = (report.summary?.exits ?? []) + (report.exits?.groups.map(\.exits) ?? [])
    let checked = exits.filter {
      $0.handling.count > 0 && (reason == nil || $0.reason == reason)
        && (device == nil || $0.device == device)
    }
    return ThresholdReport(
      reason: reason, device: device, statistic: statistic, limit: limit, checked: checked.count,
      over: checked.filter { value($0.handling) > limit }.map {
        ExceededReport(exits: ExitText.label($0), value: value($0.handling))
      })
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

/// A limit of `--fail-if-over` and what was found.
public struct ThresholdReport: Codable, Equatable, Sendable {
  /// Only exits with this reason; nil: all.
  public var reason: String?
  /// Only exits to this device; nil: all.
  public var device: String?
  /// `p50`, `p90`, `p99`, `p99.9` or `max`.
  public var statistic: String
  /// The limit.
  public var limit: Int64
  /// Kinds of exits that the limit is about and that have a latency.
  public var checked: Int
  /// Those of them that are over it.
  public var over: [ExceededReport]

  /// Sentences about what is over the limit.
  public var findings: [String] {
    over.map {
      "\($0.exits): handling \(statistic) is \(Text.duration($0.value)), over \(Text.duration(limit))"
    }
  }
}

/// Exits that are over a limit.
public struct ExceededReport: Codable, Equatable, Sendable {
  /// The exits, in words.
  public var exits: String
  /// Their statistic.
  public var value: Int64
}
