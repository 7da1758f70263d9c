import Analysis
import Reports

/// A limit on the handling of exits that the user wants to hear of, such as `reason=io,p99=20us`.
package struct LatencyThreshold: Sendable, Equatable {
  /// Only exits with this reason; nil: all.
  package var reason: String?
  /// Only exits to this device; nil: all.
  package var device: String?
  /// Only exits at this port or guest physical address; nil: all.
  package var address: UInt64?
  /// All exits together rather than each kind by itself.
  package var isAll: Bool
  /// `p50`, `p90`, `p99`, `p99.9` or `max`.
  package var statistic: String
  /// The limit in ns.
  package var limit: Int64

  /// Makes a limit.
  package init(
    reason: String?, device: String?, address: UInt64? = nil, isAll: Bool = false, statistic: String,
    limit: Int64
  ) {
    self.reason = reason
    self.device = device
    self.address = address
    self.isAll = isAll
    self.statistic = statistic
    self.limit = limit
  }

  /// Names that `statistic` may have.
  package static let statistics = ["p50", "p90", "p99", "p99.9", "max"]

  /// What a report says about this limit: every kind of exits that it is about, and those that are over it.
  ///
  /// Exits that belong to the start and the end of the run are left out: kinds that have no others, and what they would
  /// be the maximum of. Percentiles of kinds that have others count them.
  ///
  /// - Parameter rows: Kinds of exits that tell apart what the limit does; nil: those of the report.
  package func check(_ report: Report, rows: [ExitReport]? = nil) -> ThresholdReport {
    let exits = rows ?? (report.summary?.exits ?? []) + (report.exits?.groups.map(\.exits) ?? [])
    let meant = exits.filter {
      $0.handling.count > 0 && (reason == nil || $0.reason == reason)
        && (device == nil || $0.device == device)
        && (address == nil || $0.address == address)
    }
    let checked = meant.filter { !isEdge($0) }
    return ThresholdReport(
      reason: reason, device: device, address: address, isAll: isAll ? true : nil, statistic: statistic,
      limit: limit, checked: checked.count, leftOut: meant.count - checked.count,
      over: checked.filter { value($0) > limit }.map { exits in
        ExceededReport(
          exits: isAll ? "all exits" : ExitText.label(exits), value: value(exits),
          count: exits.handling.count,
          slowest: slowest(exits)?.exemplar ?? exits.handling.maximumExemplar)
      })
  }

  /// Whether all of these exits belong to the start or the end of the run.
  private func isEdge(_ exits: ExitReport) -> Bool {
    exits.cost.map { ($0.edges?.handled ?? 0) > 0 && ($0.edges?.handled ?? 0) >= exits.handling.count }
      ?? false
  }

  private func value(_ exits: ExitReport) -> Int64 {
    let latency = exits.handling
    switch statistic {
    case "p50": return latency.p50
    case "p90": return latency.p90
    case "p99": return latency.p99
    case "p99.9": return latency.p999
    default: return slowest(exits)?.handling ?? latency.maximum
    }
  }

  /// The longest handling that is no edge of the run, where the maximum may be one.
  private func slowest(_ exits: ExitReport) -> SlowestExitReport? {
    exits.cost.flatMap { ($0.edges?.handled ?? 0) > 0 ? $0.slowest : nil }
  }
}

extension ThresholdReport {
  /// Sentences about what is over the limit, or about a limit that nothing was held against: a mistyped address must not
  /// pass for ever.
  package var findings: [String] {
    guard checked > 0 || leftOut ?? 0 > 0 else {
      return ["the trace has no exits that a limit is about (\(words)): nothing was checked"]
    }
    return over.map {
      let count = $0.count.map { " (\(Text.number($0, "exit")))" } ?? ""
      let wait = $0.slowest?.cpuWait == nil ? "" : "; around the slowest its thread waited for a CPU"
      return
        "\($0.exits): handling \(statistic) is \(Text.duration($0.value)), over \(Text.duration(limit))\(count)\(wait)"
    }
  }

  /// The limit.
  var words: String {
    var words: [String] = []
    if isAll == true { words.append("all exits together") }
    if let reason { words.append("reason \(reason)") }
    if let device { words.append("device \(device)") }
    if let address { words.append("address 0x" + String(address, radix: 16)) }
    words.append("\(statistic) at most \(Text.duration(limit))")
    return words.joined(separator: ", ")
  }
}

extension ReportBuilder {
  /// What a report made by this builder says about a limit.
  ///
  /// - Parameter devices: The devices that the report is about; empty: all.
  package func check(_ limit: LatencyThreshold, _ report: Report, devices: [String] = []) -> ThresholdReport {
    if limit.isAll {
      let all = exitRows(devices: devices) { _, _ in ExitLabel() }
      return limit.check(report, rows: all)
    }
    if limit.address != nil {
      let rows = exitRows(devices: devices) { exit, device in
        ExitLabel(reason: exit.reason, direction: exit.direction, device: device, address: exit.address)
      }
      return limit.check(report, rows: rows)
    }
    return limit.check(report)
  }
}
