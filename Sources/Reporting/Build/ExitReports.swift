import Analysis
import Reports

/// What exits are put together by.
package enum ExitGrouping: String, CaseIterable, Sendable {
  // What the names say.
  case reason, device, address, vcpu, symbol
  case addressRange = "address-range"

  /// Whether it is where in the guest exits come from.
  package var isPlace: Bool { self == .symbol || self == .addressRange }
}

/// What an exit is to a reader: a label that exits are put together under.
struct ExitLabel: Hashable, Sendable {
  var reason: UInt8?
  var direction: UInt8?
  var device: String?
  var address: UInt64?
  var vcpu: Int?
}

extension ReportBuilder {
  /// The device an exit goes to; nil when it goes to none.
  func deviceName(_ exit: ExitResult) -> String? {
    guard exit.reason == 2 || exit.reason == 6 else { return nil }
    let device = result.dump.device(at: exit.address, isMemoryMapped: exit.reason == 6)
    return device?.name ?? (result.dump.devices.isEmpty ? nil : Self.unclaimed)
  }

  private func isAccess(_ exit: ExitResult) -> Bool { exit.reason == 2 || exit.reason == 6 }

  /// By reason, direction and device; accesses to no device by address.
  func summaryExits(sortedBy order: ExitOrder = .cost) -> [ExitReport] {
    let groups = models.exitGroups { exit in
      let device = deviceName(exit)
      let isKnown = device != nil && device != Self.unclaimed
      return ExitLabel(
        reason: exit.reason, direction: exit.direction, device: device, address: isKnown ? nil : exit.address)
    }
    let coverage = coverage
    return order.sorted(groups.map { report($0, coverage) }) { $0 }
  }

  private var vcpuThreads: [ThreadName] { result.vcpus.map { ThreadName(.vcpu, $0.times.id) } }

  /// All exits, whatever they are put together by.
  func totalExits() -> ExitTotalReport {
    let all = models.allExits()
    return ExitTotalReport(
      count: all.count, inKvmRun: latency(all.inKvmRun, of: vcpuThreads),
      handling: latency(all.handling, of: vcpuThreads),
      cost: cost(all.cost, all.inKvmRun, all.handling),
      rate: numberedRate
        ?? RateReport(all.count, missing: missingExits, time: duration, coverage: coverage.part))
  }

  /// The rate of all exits where events are missing and nobody knows how many, nil elsewhere.
  private var numberedRate: RateReport? {
    let vcpus = result.vcpus.filter(\.times.hasEvents)
    guard missingExits == nil, !models.isFiltered, result.dump.machines.count < 2,
      vcpus.allSatisfy({ $0.restarts == 0 && $0.exits > 0 })
    else { return nil }
    return RateReport(
      numbered: vcpus.map { ($0.exits &+ $0.missingExits, $0.times.last &- $0.times.first) }, of: duration)
  }

  /// Exits that are missing by their numbers; nil where a gap goes on to the end: behind it no number tells.
  private var missingExits: UInt64? {
    guard result.vcpus.allSatisfy({ $0.times.isFinalCategoryProven }), doubtFrom == nil,
      facts.recordings.count == 1 || wholeness?.end != .missing
    else { return nil }
    return result.vcpus.reduce(0) { $0 &+ $1.missingExits }
  }

  /// How much of the vCPUs' time is known.
  var coverage: Coverage { Coverage(result.vcpus.map(vcpu)) }

  /// A row of a report.
  func report(_ group: ExitGroup<ExitLabel>, _ coverage: Coverage) -> ExitReport {
    let addresses = Set(group.members.map(\.address))
    let label = group.label
    return ExitReport(
      reason: label?.reason.map { ValueName.exitReason($0) },
      direction: label?.direction.flatMap { $0 == 1 || $0 == 2 ? ValueName.direction[Int($0)] : nil },
      device: label?.device,
      address: group.members.contains(where: isAccess)
        ? addresses.min() : addresses.min().flatMap { $0 == 0 ? nil : $0 },
      addresses: group.label == nil ? Int(clamping: models.otherExitKinds) : addresses.count,
      vcpu: label?.vcpu, count: group.count, inKvmRun: latency(group.inKvmRun, of: vcpuThreads),
      handling: latency(group.handling, of: vcpuThreads),
      cost: cost(group.cost, group.inKvmRun, group.handling),
      rate: RateReport(group.count, time: duration, coverage: coverage.part))
  }

  /// The report of `exits`.
  ///
  /// - Parameters:
  ///   - grouping: What exits are put together by.
  ///   - devices: Only exits to these devices; empty: to all.
  ///   - filter: All filters in words.
  ///   - order: What groups are ordered by.
  ///   - places: How places in the guest are told apart, where exits are put together by them.
  package func exits(
    by grouping: ExitGrouping, devices: [String] = [], filter: String? = nil,
    sortedBy order: ExitOrder = .cost, places: ExitPlaces = ExitPlaces()
  ) -> Report {
    var report = base("exits")
    if grouping.isPlace {
      report.exits = exitsByPlace(grouping, devices: devices, filter: filter, sortedBy: order, places)
      return report
    }
    let groups = models.exitGroups(barsPerOctave: 4) { exit -> ExitLabel? in
      let name = deviceName(exit)
      if !devices.isEmpty, !devices.contains(name ?? "") { return nil }
      return exitLabel(exit, name, by: grouping)
    }
    // What has no row of its own cannot be said to go to a device.
    let shown = groups.filter { $0.label != nil || devices.isEmpty }
    let coverage = coverage
    let reports = shown.map { group in
      let exits = self.report(group, coverage)
      return ExitHistogramReport(
        label: label(exits, by: grouping), exits: exits, inKvmRun: group.inKvmRunBars.map(bar),
        handling: group.handlingBars.map(bar))
    }
    report.exits = ExitsReport(
      by: grouping.rawValue, filter: filter, costs: costs(sortedBy: order),
      groups: order.sorted(reports) { $0.exits })
    return report
  }

  /// What an exit is put together under.
  ///
  /// - Parameter device: Where it goes.
  func exitLabel(_ exit: ExitResult, _ device: String?, by grouping: ExitGrouping) -> ExitLabel {
    switch grouping {
    case .reason: ExitLabel(reason: exit.reason)
    case .device: ExitLabel(reason: exit.reason, direction: exit.direction, device: device)
    case .address:
      ExitLabel(reason: exit.reason, direction: exit.direction, device: device, address: exit.address)
    case .vcpu, .symbol, .addressRange: ExitLabel(vcpu: exit.vcpu)
    }
  }

  /// Exits put together by a label, only those to these devices unless there are none.
  func exitRows(
    devices: [String], _ label: (ExitResult, _ device: String?) -> ExitLabel
  ) -> [ExitReport] {
    let groups = models.exitGroups { exit -> ExitLabel? in
      let name = deviceName(exit)
      return devices.isEmpty || devices.contains(name ?? "") ? label(exit, name) : nil
    }
    let coverage = coverage
    return groups.filter { $0.label != nil || devices.isEmpty }.map { report($0, coverage) }
  }

  func label(_ exit: ExitReport, by grouping: ExitGrouping) -> String {
    if grouping == .vcpu, let vcpu = exit.vcpu { return vcpuName(vcpu) }
    if grouping == .reason, let reason = exit.reason { return reason }
    return ExitText.label(exit)
  }

  func bar(_ bar: LatencyBar) -> BarReport {
    BarReport(from: bar.from, through: bar.through, count: bar.count)
  }
}

/// Exits in words.
enum ExitText {
  /// For a table: as `label`, without the address of a memory-mapped device, and at most 24 characters.
  static func short(_ exit: ExitReport) -> String {
    if let place = exit.place { return Text.cut(self.place(place), to: 30) }
    guard let reason = exit.reason else { return "others" }
    var words = [reason]
    if let direction = exit.direction { words.append(direction) }
    let isPort = exit.reason == "io"
    if let address = exit.address, exit.addresses == 1, isPort || exit.device == nil {
      words.append("0x" + String(address, radix: 16))
    }
    if let device = exit.device ?? exit.machine { words.append(device) }
    if exit.addresses > 1 { words.append("×\(exit.addresses)") }
    let text = words.joined(separator: " ")
    guard text.count > 24, let device = exit.device ?? exit.machine else { return text }
    // A name may be cut off, an address not.
    return words.map { $0 == device ? Text.cut(device, to: max(8, 24 - text.count + device.count)) : $0 }
      .joined(separator: " ")
  }

  /// Such as `io out 0x3f8 serial0` or `mmio in doorbell0 (3 addresses)`.
  static func label(_ exit: ExitReport) -> String {
    if let place = exit.place { return self.place(place) }
    // None that is known of where only their addresses or instruction pointers are strange.
    guard let reason = exit.reason else {
      return exit.addresses == 0 ? "others" : "others (about \(exit.addresses) kinds)"
    }
    var words = [reason]
    if let direction = exit.direction { words.append(direction) }
    let several = exit.addresses > 1
    if let address = exit.address, !several { words.append("0x" + String(address, radix: 16)) }
    if let device = exit.device ?? exit.machine { words.append(device) }
    if several { words.append("(\(exit.addresses) addresses)") }
    return words.joined(separator: " ")
  }

  /// Where in the guest: a function, an address, or a range of addresses.
  static func place(_ place: ExitPlaceReport) -> String {
    func hexadecimal(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }
    if let symbol = place.symbol { return symbol }
    return place.from == place.through
      ? hexadecimal(place.from) : "\(hexadecimal(place.from))–\(hexadecimal(place.through))"
  }
}
