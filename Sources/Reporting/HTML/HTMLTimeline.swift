import Reports

/// Threads' states over time, drawn as SVG: what is a character on a terminal is a piece of a bar.
extension HTMLRenderer {
  private static let cellWidth = 9
  private static let laneHeight = 18
  private static let loadHeight = 8

  /// - Parameters:
  ///   - origin: Where moments are counted from, ns since the clock's origin.
  ///   - guestRun: What vCPUs' threads are in while their guests run.
  mutating func draw(_ timeline: TimelineReport, origin: Int64, guestRun: String) {
    let names = timeline.lanes.map(\.name.count).max() ?? 0
    let left = 7 * min(names, 40) + 12
    let top = timeline.marks.isEmpty ? 4 : 20
    let width = timeline.columns * Self.cellWidth
    let pitch = Self.laneHeight + Self.loadHeight + 8
    let bottom = top + timeline.lanes.count * pitch
    beginWide()
    add(
      html: "<svg class=\"lanes\" role=\"img\" aria-label=\"Threads' states over time\" "
        + "width=\"\(left + width + 80)\" height=\"\(bottom + 36)\">\n")
    marks(timeline, left, top, width)
    for (place, lane) in timeline.lanes.enumerated() {
      let y = top + place * pitch
      let name = HTMLText.escaped(Text.cut(lane.name, to: 40))
      add(html: "<text x=\"0\" y=\"\(y + 13)\">\(name)</text>\n")
      states(lane, timeline.letters, left, y)
      load(lane, left, y + Self.laneHeight + 2)
    }
    focus(timeline, left, top, width, bottom)
    axis(timeline, origin, left, width, bottom)
    add(html: "</svg>\n")
    endWide()
    key(timeline, guestRun)
  }

  /// What the colours are; the paragraph that follows tells the signs.
  private mutating func key(_ timeline: TimelineReport, _ guestRun: String) {
    let states = Set(timeline.lanes.flatMap { $0.cells.compactMap(\.state) })
    let kinds = [
      ("in_kvm_run", "in \(guestRun)"), ("dispatch", "in a device"), ("handling", "in a handler"),
      ("other", "other userspace"), ("lock_wait", "waiting for a lock"), ("asleep", "asleep"),
      ("polling", "polling"), ("unknown", "unknown"), ("load", "awake in userspace"),
    ]
    var html = "<p class=\"key\">"
    for (kind, words) in kinds where states.contains(kind) || kind == "load" {
      html += "<span><svg class=\"lanes\" aria-hidden=\"true\">"
      html += "<rect class=\"\(kind)\" width=\"100%\" height=\"100%\" /></svg>\(words)</span>\n"
    }
    add(html: html + "</p>\n")
  }

  // MARK: Lanes

  private mutating func states(
    _ lane: LaneReport, _ letters: [(device: String, letter: Character)], _ left: Int, _ y: Int
  ) {
    var start = 0
    while start < lane.cells.count {
      let cell = lane.cells[start]
      // What a thread did else in a piece, while it was asleep for most of it, is no other state.
      func isSame(_ other: CellReport) -> Bool {
        other.state == cell.state
          && (other.device == cell.device || cell.state != "dispatch" && cell.state != "handling")
      }
      var end = start + 1
      while end < lane.cells.count, isSame(lane.cells[end]) { end += 1 }
      if let state = cell.state, let (kind, sign) = look(state, cell.device, letters) {
        let (x, width) = (left + start * Self.cellWidth, (end - start) * Self.cellWidth)
        let device = kind == "dispatch" || kind == "handling" ? cell.device : nil
        let words = ([state] + [device].compactMap { $0 }).joined(separator: " ")
        var html = "<rect class=\"\(kind)\" x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" "
        html += "height=\"\(Self.laneHeight)\"><title>\(HTMLText.escaped(words))</title></rect>"
        if !sign.isEmpty {
          let style = kind == "asleep" || kind == "unknown" ? "\(kind)-sign" : "sign"
          html += "<text class=\"\(style)\" x=\"\(x + width / 2)\" y=\"\(y + 13)\">\(sign)</text>"
        }
        add(html: html + "\n")
      }
      start = end
    }
  }

  /// The class of a state's pieces, and the sign that a terminal shows for it; nil: nothing is drawn.
  private func look(
    _ state: String, _ device: String?, _ letters: [(device: String, letter: Character)]
  ) -> (kind: String, sign: String)? {
    switch state {
    case "in_kvm_run": ("in_kvm_run", "")
    case "dispatch", "handling": (state, String(letters.first { $0.device == device }?.letter ?? "*"))
    case "lock_wait": ("lock_wait", "L")
    case "other": ("other", "o")
    case "asleep": ("asleep", "·")
    case "polling": ("polling", "~")
    case "unknown": ("unknown", "?")
    default: nil
    }
  }

  /// How much of each piece was spent in userspace at work.
  private mutating func load(_ lane: LaneReport, _ left: Int, _ y: Int) {
    for (place, cell) in lane.cells.enumerated() where cell.busyPermille > 0 {
      let height = max(1, min(Self.loadHeight, cell.busyPermille * Self.loadHeight / 1000))
      add(
        html:
          "<rect class=\"load\" x=\"\(left + place * Self.cellWidth)\" y=\"\(y + Self.loadHeight - height)\" "
          + "width=\"\(Self.cellWidth - 1)\" height=\"\(height)\" />\n")
    }
  }

  // MARK: Around the lanes

  private func place(_ timestamp: Int64, _ timeline: TimelineReport, _ width: Int) -> Int {
    let part = Double(timestamp &- timeline.begin) / Double(max(1, timeline.end &- timeline.begin))
    return Int(min(max(0, part), 1) * Double(width))
  }

  private mutating func marks(_ timeline: TimelineReport, _ left: Int, _ top: Int, _ width: Int) {
    var free = 0
    for mark in timeline.marks {
      let x = place(mark.timestamp, timeline, width)
      // Where marks are close to each other, the pointer tells the later one's value.
      let label = x >= free ? "▼\(mark.value)" : "▼"
      add(
        html: "<text class=\"mark\" x=\"\(left + x - 3)\" y=\"\(top - 6)\">\(label)"
          + "<title>mark \(mark.value)</title></text>\n")
      free = max(free, x + 7 * label.count)
    }
  }

  /// Where the moment is that was asked for.
  private mutating func focus(
    _ timeline: TimelineReport, _ left: Int, _ top: Int, _ width: Int, _ bottom: Int
  ) {
    guard let focus = timeline.focus else { return }
    let x = left + place(focus.timestamp, timeline, width)
    let handled = focus.exit?.handling.map { focus.timestamp &+ $0 } ?? focus.timestamp
    let end = left + place(handled, timeline, width)
    for x in x == end ? [x] : [x, end] {
      add(html: "<line class=\"focus\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(top - 2)\" y2=\"\(bottom)\" />\n")
    }
  }

  private mutating func axis(
    _ timeline: TimelineReport, _ origin: Int64, _ left: Int, _ width: Int, _ bottom: Int
  ) {
    let columns = timeline.columns
    add(html: "<line x1=\"\(left)\" x2=\"\(left + width)\" y1=\"\(bottom)\" y2=\"\(bottom)\" />\n")
    // Not of both as doubles, which round such times to 256 ns.
    let span = Double(timeline.end &- timeline.begin)
    for column in stride(from: 0, to: columns, by: 20) {
      let x = left + column * Self.cellWidth
      let time = timeline.begin &+ Int64(span * Double(column) / Double(columns))
      add(
        html: "<line x1=\"\(x)\" x2=\"\(x)\" y1=\"\(bottom)\" y2=\"\(bottom + 5)\" />"
          + "<text x=\"\(x)\" y=\"\(bottom + 18)\">\(Text.moment(time, since: origin))</text>\n")
    }
  }
}
