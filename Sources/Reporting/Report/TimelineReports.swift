import Analysis
import CTF

extension ReportBuilder {
  /// The report of `timeline`.
  public func timeline(_ timeline: Timeline, window: Range<Int64>) -> Report {
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
    if timeline.hiddenLanes > 0 {
      report.trace.notes.append("\(timeline.hiddenLanes) threads more are not shown")
    }
    return report
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
