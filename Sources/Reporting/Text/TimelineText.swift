import Reports

/// Threads' states over time, a character for each cell.
extension TextRenderer {
  /// The longest name of a thread that is shown whole.
  private static let longestName = 20

  /// The number of cells that a timeline of these threads has room for.
  package static func timelineCells(threads: [String], style: TextStyle) -> Int {
    style.width - 2 - min(longestName, threads.map(\.count).max() ?? 5)
  }

  /// - Parameter origin: Where moments are counted from, ns since the clock's origin.
  mutating func draw(_ timeline: TimelineReport, origin: Int64) {
    let names = min(Self.longestName, timeline.lanes.map(\.name.count).max() ?? 0)
    let letters = timeline.letters
    let width = timeline.columns
    let margin = String(repeating: " ", count: names + 2)
    marks(timeline, width, margin)
    for lane in timeline.lanes {
      let shown = Text.cut(lane.name, to: names)
      let name = shown + String(repeating: " ", count: names - shown.count)
      line("\(name)  " + states(lane, letters))
      if lane.cells.contains(where: { $0.busyPermille > 0 }) { line(margin + dim(load(lane))) }
    }
    if let focus = timeline.focus { pointer(focus, timeline, width, margin) }
    axis(timeline, origin, width, margin)
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

  // MARK: Lanes

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

  private mutating func axis(
    _ timeline: TimelineReport, _ origin: Int64, _ width: Int, _ margin: String
  ) {
    var ticks = ""
    var labels = ""
    let span = Double(timeline.end - timeline.begin)
    var place = 0
    while place < width {
      ticks += ticks.count < place ? String(repeating: "─", count: place - ticks.count) : ""
      ticks += "┬"
      let label = Text.moment(
        timeline.begin + Int64(span * Double(place) / Double(width)), since: origin)
      if place + label.count <= width || place == 0 {
        labels += String(repeating: " ", count: max(0, place - labels.count)) + label
      }
      place += 20
    }
    ticks += String(repeating: "─", count: max(0, width - ticks.count))
    line(margin + ticks)
    line(margin + labels)
  }
}
