import Analysis
import Reports

/// What rows of exits are ordered by, the largest first.
package enum ExitOrder: String, CaseIterable, Sendable {
  /// What they likely cost.
  case cost
  /// KVM_RUN before the exits, and handling.
  case time
  /// Exits.
  case count
  /// All of handling.
  case handling
  /// All of KVM_RUN before the exits.
  case kvmRun = "kvm-run"
  /// KVM_RUN and handling of one exit.
  case average
  /// Percentiles of handling.
  case p50, p90, p99
  case p999 = "p99.9"
  /// The longest handling.
  case max

  /// The rows in this order; equal ones by what they cost, then by time and number.
  package func sorted<Row>(_ rows: [Row], _ exit: (Row) -> ExitReport) -> [Row] {
    let keyed = rows.enumerated().map { place, row in (place: place, row: row, exit: exit(row)) }
    return keyed.sorted { left, right in
      for order in [self, .cost, .time, .count] {
        let (one, two) = (order.value(left.exit), order.value(right.exit))
        if one != two { return one > two }
      }
      return left.place < right.place
    }.map(\.row)
  }

  private func value(_ exit: ExitReport) -> Int64 {
    switch self {
    case .cost: exit.cost?.likely ?? exit.handling.total
    case .time: exit.inKvmRun.total &+ exit.handling.total
    case .count: Int64(clamping: exit.count)
    case .handling: exit.handling.total
    case .kvmRun: exit.inKvmRun.total
    case .average: exit.cost?.average ?? 0
    case .p50: exit.handling.p50
    case .p90: exit.handling.p90
    case .p99: exit.handling.p99
    case .p999: exit.handling.p999
    case .max: exit.handling.maximum
    }
  }
}

extension ReportBuilder {
  func cost(_ cost: ExitCost, _ inKvmRun: LatencySummary, _ handling: LatencySummary) -> ExitCostReport {
    let entered = inKvmRun.count &- cost.edges.entered
    let handled = handling.count &- cost.edges.handled
    let run = entered > 0 ? (inKvmRun.sum &- cost.edges.inKvmRun) / Int64(clamping: entered) : nil
    let work = handled > 0 ? (handling.sum &- cost.edges.handling) / Int64(clamping: handled) : nil
    return ExitCostReport(
      atLeast: max(0, cost.atLeast &- vcpuWaiting), likely: cost.likely, atMost: cost.atMost,
      average: run == nil && work == nil ? nil : (run ?? 0) &+ (work ?? 0),
      edges: cost.edges.isEmpty
        ? nil
        : ExitEdgesReport(
          entered: cost.edges.entered, inKvmRun: cost.edges.inKvmRun, handled: cost.edges.handled,
          handling: cost.edges.handling),
      slowest: cost.slowest.flatMap { slowest in
        location(slowest.exemplar).map { SlowestExitReport(handling: slowest.handling, exemplar: $0) }
      })
  }

  /// What costs are measured with, for rows in this order.
  func costs(sortedBy order: ExitOrder) -> ExitCostsReport {
    let floor = exitFloor
    return ExitCostsReport(
      vcpuTime: duration.multipliedReportingOverflow(by: Int64(result.vcpus.count)).partialValue,
      floor: floor?.inKvmRun, floorExit: floor.map { words($0.exit) }, floorCount: floor?.count,
      factor: ExitFloor.factor, sortedBy: order.rawValue)
  }

  /// A kind of exits in words, such as `io in 0x3fd serial0`.
  func words(_ exit: ExitResult) -> String {
    var words = [ValueName.exitReason(exit.reason)]
    if exit.direction == 1 || exit.direction == 2 { words.append(ValueName.direction[Int(exit.direction)]) }
    let isAccess = exit.reason == 2 || exit.reason == 6
    if isAccess || exit.address != 0 { words.append("0x" + String(exit.address, radix: 16)) }
    if let device = deviceName(exit) { words.append(device) }
    return words.joined(separator: " ")
  }
}
