import Analysis
import Reports

/// Makes the reports of what was analysed: of one recording, or of several machines' recordings side by side.
package struct Reporter {
  /// A machine's recording.
  struct Member {
    /// The machine's name; empty: it is the only one.
    let name: String
    let builder: ReportBuilder

    /// A name of something of this machine, as no other machine has it.
    func qualified(_ name: String) -> String { self.name.isEmpty ? name : "\(self.name)/\(name)" }

    /// Those of some qualified names that are of this machine, as it has them.
    func own(_ names: [String]) -> [String] {
      name.isEmpty
        ? names : names.filter { $0.hasPrefix(name + "/") }.map { String($0.dropFirst(name.count + 1)) }
    }
  }

  let members: [Member]

  /// Reports of one recording.
  package init(_ builder: ReportBuilder) { members = [Member(name: "", builder: builder)] }

  /// Reports of what was kept, at least one recording.
  package init(_ recordings: [SavedRecording]) throws(StateError) {
    var members: [Member] = []
    for recording in recordings {
      let name = recordings.count > 1 ? recording.label : ""
      members.append(Member(name: name, builder: try ReportBuilder(recording)))
    }
    self.members = members
  }

  /// What exits can go to.
  package var exitDeviceNames: [String] {
    members.flatMap { member in member.builder.exitDeviceNames.map(member.qualified) }
  }

  /// What paths lead to.
  package var pathDeviceNames: [String] {
    members.flatMap { member in member.builder.pathDeviceNames.map(member.qualified) }
  }

  /// Queues that `paths` can be asked for.
  package var pathQueues: [Int] { Set(members.flatMap(\.builder.pathQueues)).sorted() }

  /// The vCPUs of the recordings, in order.
  package var vcpuIDs: [Int] { Set(members.flatMap(\.builder.vcpuIDs)).sorted() }

  /// The report of `summary`.
  ///
  /// - Parameter order: What exits are ordered by.
  package func summary(sortedBy order: ExitOrder = .cost) -> Report {
    combine(members.map { $0.builder.summary(sortedBy: order) }, order)
  }

  /// The report of `explain`.
  package func explain(places: ExitPlaces = ExitPlaces()) -> Report {
    combine(members.map { $0.builder.explain(places: places) }, .cost)
  }

  /// What a run is compared by; nil: there are several.
  package func compared() -> ComparedRun? { members.count == 1 ? members[0].builder.compared() : nil }

  /// The report of `check`.
  package func check() -> Report { combine(members.map { $0.builder.check() }, .cost) }

  /// Whether exits have instruction pointers.
  package var hasInstructions: Bool { members.contains { $0.builder.hasInstructions } }

  /// Whether there are exits, and none with an instruction pointer.
  package var lacksInstructions: Bool {
    !hasInstructions && members.contains { $0.builder.lacksInstructions }
  }

  /// The report of `exits`, as a ``ReportBuilder`` makes it.
  package func exits(
    by grouping: ExitGrouping, devices: [String] = [], filter: String? = nil,
    sortedBy order: ExitOrder = .cost, places: ExitPlaces = ExitPlaces()
  ) -> Report {
    let reports = members.map { member in
      let own = member.own(devices)
      var report = member.builder.exits(
        by: grouping, devices: own, filter: filter, sortedBy: order, places: places)
      if own.isEmpty, !devices.isEmpty { report.exits?.groups = [] }
      return report
    }
    return combine(reports, order)
  }

  /// The report of `paths`, as a ``ReportBuilder`` makes it.
  package func paths(devices: [String] = [], queues: [Int] = [], filter: String? = nil) -> Report {
    let reports = members.map { member in
      let own = member.own(devices)
      var report = member.builder.paths(devices: own, queues: queues, filter: filter)
      if own.isEmpty, !devices.isEmpty { report.paths?.paths = [] }
      return report
    }
    return combine(reports, .cost)
  }

  /// What a report made by this says about a limit, each machine's exits by themselves.
  package func check(_ limit: LatencyThreshold, _ report: Report, devices: [String] = []) -> ThresholdReport {
    guard members.count > 1 else { return members[0].builder.check(limit, report, devices: devices) }
    var sum = limit.check(report, rows: [])
    for member in members {
      var own = limit
      if let device = limit.device {
        guard let name = member.own([device]).first else { continue }
        own.device = name
      }
      let wanted = member.own(devices)
      if wanted.isEmpty, !devices.isEmpty { continue }
      let found = member.builder.check(own, member.builder.summary(), devices: wanted)
      sum.checked += found.checked
      sum.leftOut = (sum.leftOut ?? 0) + (found.leftOut ?? 0)
      sum.over += found.over.map {
        var over = $0
        over.exits = "\(member.name): \(over.exits)"
        return over
      }
    }
    return sum
  }

  private func combine(_ reports: [Report], _ order: ExitOrder) -> Report {
    guard members.count > 1 else { return reports[0] }
    return Combination(members: members, reports: reports, order: order).report
  }
}
