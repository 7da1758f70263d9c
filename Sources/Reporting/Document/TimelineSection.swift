import Reports

extension DocumentBuilder {
  mutating func timeline() {
    guard let timeline = report.timeline else { return }
    let width = timeline.columns
    let span = timeline.end - timeline.begin
    heading(
      "\(moment(timeline.begin)) s to \(moment(timeline.end)) s, \(Text.duration(span)); each column "
        + Text.duration(span / Int64(max(width, 1))))
    if let focus = timeline.focus { name(focus) }
    guard width > 0 else {
      line("no events of vCPUs or loops in this window")
      return
    }
    add(.lanes(timeline, origin: report.trace.begin ?? timeline.begin, guestRun: report.guestRun))
    legend(timeline)
    if let events = timeline.events { list(events, timeline.focus?.timestamp ?? timeline.begin) }
  }

  private mutating func name(_ focus: FocusReport) {
    var words = "around @\(moment(focus.timestamp))"
    if let exit = focus.exit {
      words += ": " + (focus.name == "slowest" ? "the slowest exit, " : "") + exit.words
      words +=
        exit.handling.map { ", handled in \(Text.duration($0))" } ?? ", its next entry is not in the trace"
      words += exit.inKvmRun.map { " after \(Text.duration($0)) in \(report.guestRun)" } ?? ""
    } else if Moment(focus.name).map({ if case .sinceStart = $0 { false } else { true } }) ?? true {
      words += ": \(focus.name)"
    }
    paragraph(words)
  }

  private mutating func list(_ events: TimelineEventsReport, _ center: Int64) {
    guard !events.events.isEmpty else { return }
    heading(
      "Events around it"
        + (events.more > 0 ? ", of \(Text.number(events.more + UInt64(events.events.count), "event"))" : ""))
    var table = DocumentTable([.left, .right, .right, .left, .left], ranks: [0, 0, 2, 1, 0])
    table.hasTitles = false
    for event in events.events {
      let distance = event.timestamp &- center
      table.add([
        event.timestamp == center ? ">" : "", "@" + moment(event.timestamp),
        (distance < 0 ? "" : "+") + Text.duration(distance), event.thread, event.event,
      ])
    }
    show(table, indent: 2, isTitled: false)
  }

  private mutating func legend(_ timeline: TimelineReport) {
    let states = Set(timeline.lanes.flatMap { $0.cells.compactMap(\.state) })
    let names = [
      ("in_kvm_run", "█ in \(report.guestRun)"), ("other", "o other userspace"),
      ("lock_wait", "L waiting for a lock"),
      ("asleep", "· asleep"), ("polling", "~ polling"), ("unknown", "? unknown (events lost)"),
    ]
    var words = names.filter { states.contains($0.0) }.map(\.1)
    if states.contains("dispatch") || states.contains("handling") {
      words += timeline.letters.map { "\($0.letter) in \($0.device)" }
    }
    if timeline.lanes.contains(where: { $0.cells.contains { $0.state == nil } }) {
      words.append("blank: nothing is known")
    }
    blank()
    paragraph(
      "each column shows the state that took most of it: " + words.joined(separator: ", ")
        + "; below it, ▁ to █: the part spent awake in userspace, waiting for locks included")
  }
}

extension TimelineReport {
  /// The most cells that a lane has.
  var columns: Int { lanes.map(\.cells.count).max() ?? 0 }

  private static let deviceAlphabet = Array("ABCDEFGHIJKMNOPQRSTUVWXYZ")

  /// Devices get capital letters, without L, which is the lock.
  var letters: [(device: String, letter: Character)] {
    var devices: [String] = []
    for lane in lanes {
      for cell in lane.cells {
        if let device = cell.device, !devices.contains(device) { devices.append(device) }
      }
    }
    return devices.sorted().enumerated().map { place, device in
      (device, place < Self.deviceAlphabet.count ? Self.deviceAlphabet[place] : "*")
    }
  }
}

extension FocusedExitReport {
  /// In words, such as `exit 1234 of vcpu0: io out 0x3f8 serial0`.
  var words: String {
    var words = [reason]
    if let direction { words.append(direction) }
    if let address { words.append("0x" + String(address, radix: 16)) }
    if let device { words.append(device) }
    return "exit \(seq) of \(vcpu): " + words.joined(separator: " ")
  }
}
