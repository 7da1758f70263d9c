import Analysis
import CTF
import Reports

extension ReportBuilder {
  /// Events that a timeline around a moment lists, before it and from it on.
  private static let listed = (before: 8, after: 24)

  /// The report of `timeline`.
  ///
  /// - Parameters:
  ///   - focus: The moment that it is around; nil: none.
  ///   - name: What the user called it.
  package func timeline(
    _ timeline: Timeline, window: Range<Int64>, around focus: FoundMoment? = nil, named name: String? = nil
  ) -> Report {
    var report = base("timeline")
    report.timeline = TimelineReport(
      begin: window.lowerBound, end: window.upperBound,
      lanes: timeline.lanes.map { lane in
        LaneReport(
          name: lane.isVcpu ? vcpuName(lane.id) : loopName(lane.id), kind: lane.isVcpu ? "vcpu" : "loop",
          cells: lane.cells.map { cell($0, isVcpu: lane.isVcpu) })
      },
      marks: timeline.marks.map {
        MarkReport(timestamp: $0.exemplar.timestamp, vcpu: $0.vcpu, value: $0.value)
      })
    if let focus {
      report.timeline?.focus = self.focus(focus, name)
      report.timeline?.events = events(window, focus)
    }
    if timeline.hiddenLanes > 0 {
      report.trace.notes.append("\(timeline.hiddenLanes) threads more are not shown")
    }
    return report
  }

  private func focus(_ focus: FoundMoment, _ name: String?) -> FocusReport {
    guard let exit = focus.exit else {
      return FocusReport(timestamp: focus.timestamp, name: name ?? "moment")
    }
    let access = exit.reason == 2 || exit.reason == 6
    let device =
      access ? result.dump.device(at: exit.address, isMemoryMapped: exit.reason == 6)?.name : nil
    return FocusReport(
      timestamp: exit.exit, name: name ?? "exit",
      exit: FocusedExitReport(
        vcpu: vcpuName(Int(clamping: exit.vcpu)), seq: exit.seq, reason: ValueName.exitReason(exit.reason),
        direction: exit.direction == 1 || exit.direction == 2
          ? ValueName.direction[Int(exit.direction)] : nil,
        address: access ? exit.address : nil, device: device,
        inKvmRun: exit.enter.map { exit.exit &- $0 }, handling: exit.reentry.map { $0 &- exit.exit }))
  }

  /// The events next to a moment.
  private func events(_ window: Range<Int64>, _ focus: FoundMoment) -> TimelineEventsReport {
    let words = EventWords(dump: result.dump)
    // From the entry on that an exit follows, though the drawing begins later.
    let begin = min(window.lowerBound, focus.exit?.enter ?? .max)
    guard let trace else { return TimelineEventsReport(events: [], more: 0) }
    let found = EventsAround.read(
      trace, window: begin..<window.upperBound, center: focus.timestamp, before: Self.listed.before,
      after: Self.listed.after)
    return TimelineEventsReport(
      events: found.events.map {
        TimelineEventReport(timestamp: $0.timestamp, thread: thread($0), event: words.words($0))
      }, more: found.more)
  }

  private func thread(_ event: ChainEvent) -> String {
    let field = { (index: Int) in index < event.fields.count ? event.fields[index] : 0 }
    switch EventThread(event.tag) {
    case .vcpu(let index): return vcpuName(Int(clamping: field(index)))
    case .loop(let index): return loopName(Int(clamping: field(index)))
    case .named(let kind, let id):
      switch field(kind) {
      case 0: return vcpuName(Int(clamping: field(id)))
      case 1: return loopName(Int(clamping: field(id)))
      default: return "main"
      }
    case .main: return "main"
    }
  }

  private func cell(_ cell: TimelineCell, isVcpu: Bool) -> CellReport {
    let states: [(String, Int64)] = [
      ("in_kvm_run", cell.inKvmRun), ("asleep", cell.asleep),
      (isVcpu ? "dispatch" : "handling", cell.handling),
      ("lock_wait", cell.lock), ("polling", cell.polling), ("other", cell.other), ("unknown", cell.unknown),
    ]
    let total = states.reduce(0) { $0 + $1.1 }
    guard let largest = states.max(by: { $0.1 < $1.1 }), largest.1 > 0 else {
      return CellReport(state: nil, device: nil, permille: 0, busyPermille: 0, events: cell.events)
    }
    // Busy is what is neither the guest's own time nor waiting for work.
    let busy = total - cell.inKvmRun - cell.asleep - cell.unknown
    return CellReport(
      state: largest.0, device: cell.handling > 0 ? categoryName(cell.handler) : nil,
      permille: permille(largest.1, of: total), busyPermille: permille(busy, of: total), events: cell.events)
  }

  private func permille(_ part: Int64, of whole: Int64) -> Int {
    whole > 0 ? Int((Double(part) / Double(whole) * 1000).rounded()) : 0
  }
}
