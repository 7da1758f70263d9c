extension TextRenderer {
  /// The longest name of a thread that is shown whole.
  private static let longestName = 20

  /// The number of cells that a timeline of these threads has room for.
  package static func timelineCells(threads: [String], style: TextStyle) -> Int {
    style.width - 2 - min(longestName, threads.map(\.count).max() ?? 5)
  }

  mutating func timeline() {
    guard let timeline = report.timeline else { return }
    let width = timeline.lanes.map(\.cells.count).max() ?? 0
    let names = min(Self.longestName, timeline.lanes.map(\.name.count).max() ?? 0)
    let span = timeline.end - timeline.begin
    heading(
      "\(moment(timeline.begin)) s to \(moment(timeline.end)) s, \(Text.duration(span)); each column "
        + Text.duration(span / Int64(max(width, 1))))
    if let focus = timeline.focus { name(focus) }
    guard width > 0 else {
      line("no events of vCPUs or loops in this window")
      return
    }
    let letters = deviceLetters(timeline)
    let margin = String(repeating: " ", count: names + 2)
    marks(timeline, width, margin)
    for lane in timeline.lanes {
      let shown = TextTable.cut(lane.name, to: names)
      let name = shown + String(repeating: " ", count: names - shown.count)
      line("\(name)  " + states(lane, letters))
      if lane.cells.contains(where: { $0.busyPermille > 0 }) { line(margin + dim(load(lane))) }
    }
    if let focus = timeline.focus { pointer(focus, timeline, width, margin) }
    axis(timeline, width, margin)
    legend(timeline, letters)
    if let events = timeline.events { list(events, timeline.focus?.timestamp ?? timeline.begin) }
  }

  // MARK: The moment that it is around

  private mutating func name(_ focus: FocusReport) {
    var words = "around @\(moment(focus.timestamp))"
    if let exit = focus.exit {
      words += ": " + (focus.name == "slowest" ? "the slowest exit, " : "") + exit.words
      words +=
        exit.handling.map { ", handled in \(Text.duration($0))" } ?? ", its next entry is not in the trace"
      words += exit.inKvmRun.map { " after \(Text.duration($0)) in KVM_RUN" } ?? ""
    } else if Moment(focus.name).map({ if case .sinceStart = $0 { false } else { true } }) ?? true {
      words += ": \(focus.name)"
    }
    paragraph(words)
  }

  /// A line below the lanes that points to the moment, and to the end of an exit's handling.
  private mutating func pointer(
    _ focus: FocusReport, _ timeline: TimelineReport, _ width: Int, _ margin: String
  ) {
    let first = column(focus.timestamp, timeline, width)
    let end = focus.exit?.handling.map { focus.timestamp &+ $0 } ?? focus.timestamp
    let last = max(first, column(min(end, timeline.end &- 1), timeline, width))
    let bar = last > first ? "▲" + String(repeating: "─", count: last - first - 1) + "▲" : "▲"
    line(margin + String(repeating: " ", count: first) + bar)
  }

  private mutating func list(_ events: TimelineEventsReport, _ center: Int64) {
    guard !events.events.isEmpty else { return }
    heading(
      "Events around it"
        + (events.more > 0 ? ", of \(Text.number(events.more + UInt64(events.events.count), "event"))" : ""))
    var table = TextTable([.left, .right, .right, .left, .left], ranks: [0, 0, 2, 1, 0])
    for event in events.events {
      let distance = event.timestamp &- center
      table.add([
        event.timestamp == center ? ">" : "", "@" + moment(event.timestamp),
        (distance < 0 ? "" : "+") + Text.duration(distance), event.thread, event.event,
      ])
    }
    show(table, indent: 2, isTitled: false)
  }

  // MARK: Lanes

  private static let deviceAlphabet = Array("ABCDEFGHIJKMNOPQRSTUVWXYZ")

  /// Devices get capital letters, without L, which is the lock.
  private func deviceLetters(_ timeline: TimelineReport) -> [(device: String, letter: Character)] {
    var devices: [String] = []
    for lane in timeline.lanes {
      for cell in lane.cells {
        if let device = cell.device, !devices.contains(device) { devices.append(device) }
      }
    }
    return devices.sorted().enumerated().map { place, device in
      (device, place < Self.deviceAlphabet.count ? Self.deviceAlphabet[place] : "*")
    }
  }

  private func states(_ lane: LaneReport, _ letters: [(device: String, letter: Character)]) -> String {
    var text = ""
    var color = ""
    for cell in lane.cells {
      let (symbol, code) = symbol(cell, letters)
      if usesColor && code != color {
        text += "\u{1b}[0\(code.isEmpty ? "" : ";" + code)m"
        color = code
      }
      text.append(symbol)
    }
    return usesColor && !color.isEmpty ? text + "\u{1b}[0m" : text
  }

  private func symbol(
    _ cell: CellReport, _ letters: [(device: String, letter: Character)]
  ) -> (Character, String) {
    switch cell.state {
    case "in_kvm_run": ("█", "32")
    case "dispatch", "handling":
      (letters.first { $0.device == cell.device }?.letter ?? "*", "36")
    case "lock_wait": ("L", "31")
    case "other": ("o", "33")
    case "asleep": ("·", "2")
    case "polling": ("~", "35")
    case "unknown": ("?", "31")
    default: (" ", "")
    }
  }

  /// How much of each column was spent in userspace at work.
  private func load(_ lane: LaneReport) -> String {
    let levels = Array(" ▁▂▃▄▅▆▇█")
    return String(
      lane.cells.map { cell in
        cell.busyPermille == 0 ? levels[0] : levels[1 + min(7, cell.busyPermille * 8 / 1001)]
      })
  }

  // MARK: Around the lanes

  private mutating func marks(_ timeline: TimelineReport, _ width: Int, _ margin: String) {
    guard !timeline.marks.isEmpty else { return }
    var labels = Array(repeating: Character(" "), count: width)
    var free = 0
    for mark in timeline.marks {
      let place = column(mark.timestamp, timeline, width)
      let label = "▼" + String(mark.value)
      guard place >= free, place + label.count <= width else {
        if place >= free, place < width {
          labels[place] = "▼"
          free = place + 1
        }
        continue
      }
      for (offset, character) in label.enumerated() { labels[place + offset] = character }
      free = place + label.count
    }
    line(margin + String(labels))
  }

  private func column(_ timestamp: Int64, _ timeline: TimelineReport, _ width: Int) -> Int {
    let part = Double(timestamp - timeline.begin) / Double(max(1, timeline.end - timeline.begin))
    return min(max(0, Int(part * Double(width))), width - 1)
  }

  private mutating func axis(_ timeline: TimelineReport, _ width: Int, _ margin: String) {
    var ticks = ""
    var labels = ""
    let span = Double(timeline.end - timeline.begin)
    var place = 0
    while place < width {
      ticks += ticks.count < place ? String(repeating: "─", count: place - ticks.count) : ""
      ticks += "┬"
      let label = moment(timeline.begin + Int64(span * Double(place) / Double(width)))
      if place + label.count <= width || place == 0 {
        labels += String(repeating: " ", count: max(0, place - labels.count)) + label
      }
      place += 20
    }
    ticks += String(repeating: "─", count: max(0, width - ticks.count))
    line(margin + ticks)
    line(margin + labels)
  }

  private mutating func legend(_ timeline: TimelineReport, _ letters: [(device: String, letter: Character)]) {
    let states = Set(timeline.lanes.flatMap { $0.cells.compactMap(\.state) })
    let names = [
      ("in_kvm_run", "█ in KVM_RUN"), ("other", "o other userspace"), ("lock_wait", "L waiting for a lock"),
      ("asleep", "· asleep"), ("polling", "~ polling"), ("unknown", "? unknown (events lost)"),
    ]
    var words = names.filter { states.contains($0.0) }.map(\.1)
    if states.contains("dispatch") || states.contains("handling") {
      words += letters.map { "\($0.letter) in \($0.device)" }
    }
    if timeline.lanes.contains(where: { $0.cells.contains { $0.state == nil } }) {
      words.append("blank: nothing is known")
    }
    line()
    paragraph(
      "each column shows the state that took most of it: " + words.joined(separator: ", ")
        + "; below it, ▁ to █: the part spent working in userspace")
  }
}
