import Reporting
import Reports

/// Where the time of each thread went: a bar for each, and below it what is known of its parts.
struct TimeShareChart {
  /// A part of a bar.
  struct Part {
    let name: String
    /// Its colour's class.
    let kind: String
    /// ns.
    let time: Int64
    /// What it was, in the same unit, no more than it together; empty: nothing is known.
    var parts: [Part] = []
  }

  /// A thread.
  struct Row {
    let name: String
    let parts: [Part]
    /// ns that the bar stands for.
    let span: Int64
  }

  /// The most threads that are drawn; the table has all.
  static let mostRows = 64

  private static let width = 880.0
  private static let barHeight = 20.0
  private static let thinHeight = 7.0
  private static let pitch = 38.0

  /// The threads of a summary that have any events.
  static func rows(of summary: SummaryReport, _ guestRun: String) -> [Row] {
    let vcpus = summary.vcpus.map { Row(name: $0.name, parts: parts($0, guestRun), span: $0.span) }
    let loops = summary.loops.map { Row(name: $0.name, parts: parts($0), span: $0.span) }
    return (vcpus + loops).filter { row in row.span > 0 && row.parts.contains { $0.kind != "outside" } }
  }

  /// The chart with its key; nil: no thread has any events.
  static func html(of report: Report) -> String? {
    guard let summary = report.summary else { return nil }
    let rows = rows(of: summary, report.guestRun)
    guard !rows.isEmpty else { return nil }
    var html = PagePiece.figure(self.html(rows), "Where the time of each thread went", isWide: true)
    let kinds = Set(rows.flatMap { row in row.parts.flatMap { [$0] + $0.parts }.map { "state " + $0.kind } })
    html += PagePiece.key(words(report.guestRun).filter { kinds.contains($0.kind) })
    if rows.count > mostRows {
      html += PagePiece.remark("\(rows.count - mostRows) threads more are in the tables only.")
    }
    return html
      + PagePiece.remark(
        "The thin bars below: what is known of a part, by device, or by what KVM and the host count.")
  }

  /// What colours stand for.
  private static func words(_ guestRun: String) -> [(kind: String, words: String)] {
    [
      ("in_kvm_run", "in \(guestRun)"), ("dispatch", "in a device"), ("handling", "in a handler"),
      ("other", "other userspace"), ("lock_wait", "waiting for a lock or a CPU"),
      ("asleep", "asleep or halted"),
      ("polling", "polling"), ("unknown", "unknown"), ("outside", "before or after events"),
    ].map { (kind: "state " + $0.0, words: $0.1) }
  }

  /// - Parameter rows: At least one.
  private static func html(_ rows: [Row]) -> String {
    let shown = rows.prefix(mostRows)
    let left = min(150, (shown.map { SVGDrawing.width(of: $0.name) }.max() ?? 0) + 10)
    let bottom = Double(shown.count) * pitch
    let spans = shown.map(\.span)
    var drawing = SVGDrawing(
      width: width, height: bottom + 20, title: "Where the time of each thread went",
      description: shown.map(words).joined(separator: ". "))
    let length = width - left - 24
    for (place, row) in shown.enumerated() {
      let y = Double(place) * pitch + 2
      drawing.text(Text.cut(row.name, to: 24), x: 0, y: y + 14, "label", tip: row.name)
      draw(row, left, length, y, &drawing)
    }
    for percent in [0, 25, 50, 75, 100] {
      let x = left + length * Double(percent) / 100
      drawing.line("axis", x, bottom, x, bottom + 4)
      let time = percent == 100 && spans.min() == spans.max() ? " · \(Text.duration(spans.first ?? 0))" : ""
      drawing.text(
        "\(percent)\(Text.space)%" + time, x: x + (percent == 100 ? 24 : 0), y: bottom + 16, "tick",
        anchor: percent == 0 ? .start : percent == 100 ? .end : .middle)
    }
    return drawing.html
  }

  private static func draw(
    _ row: Row, _ left: Double, _ length: Double, _ y: Double, _ drawing: inout SVGDrawing
  ) {
    var begin: Int64 = 0
    func x(_ time: Int64) -> Double { left + length * Double(time) / Double(row.span) }
    for part in row.parts {
      let (from, to) = (x(begin), x(begin &+ part.time))
      let share = Text.percent(part.time, of: row.span)
      let tip = "\(row.name): \(part.name) \(share), \(Text.duration(part.time))"
      drawing.rect("state \(part.kind)", x: from, y: y, width: to - from, height: barHeight, tip: tip)
      label(["\(part.name) \(share)", part.name], part.kind, from, to, y + 14, &drawing)
      var inner = begin
      for piece in part.parts {
        let (from, to) = (x(inner), x(inner &+ piece.time))
        drawing.rect(
          "state \(piece.kind)", x: from, y: y + barHeight + 2, width: max(0, to - from - 0.5),
          height: thinHeight,
          tip:
            "\(row.name), \(part.name): \(piece.name) \(Text.percent(piece.time, of: row.span)), \(Text.duration(piece.time))"
        )
        inner &+= piece.time
      }
      begin &+= part.time
    }
  }

  /// The longest of the texts that fits.
  private static func label(
    _ texts: [String], _ kind: String, _ from: Double, _ to: Double, _ y: Double, _ drawing: inout SVGDrawing
  ) {
    guard let text = texts.first(where: { SVGDrawing.width(of: $0) + 8 < to - from }) else { return }
    drawing.text(text, x: (from + to) / 2, y: y, "in-\(kind)", anchor: .middle)
  }

  private static func words(_ row: Row) -> String {
    "\(row.name): "
      + row.parts.map { "\($0.name) \(Text.percent($0.time, of: row.span))" }.joined(separator: ", ")
  }

  // MARK: Parts

  private static func parts(_ vcpu: VcpuReport, _ guestRun: String) -> [Part] {
    let devices = named(vcpu.devices, "dispatch")
    return some([
      Part(
        name: "in \(guestRun)", kind: "in_kvm_run", time: vcpu.inKvmRun, parts: kvmRun(vcpu.kvmRun, guestRun)),
      Part(name: "in a device", kind: "dispatch", time: vcpu.dispatch, parts: devices),
      Part(name: "waiting for a lock", kind: "lock_wait", time: vcpu.lockWait),
      Part(name: "other", kind: "other", time: vcpu.other),
      Part(name: "unknown", kind: "unknown", time: vcpu.unknown),
      Part(name: "outside", kind: "outside", time: vcpu.outside),
    ])
  }

  private static func parts(_ loop: LoopReport) -> [Part] {
    let sources = named(loop.sources, "handling")
    return some([
      Part(name: "asleep", kind: "asleep", time: loop.asleep),
      Part(name: "polling", kind: "polling", time: loop.polling),
      Part(name: "in a handler", kind: "handling", time: loop.handling, parts: sources),
      Part(name: "waiting for a lock", kind: "lock_wait", time: loop.lockWait),
      Part(name: "other", kind: "other", time: loop.other),
      Part(name: "unknown", kind: "unknown", time: loop.unknown),
      Part(name: "outside", kind: "outside", time: loop.outside),
    ])
  }

  /// What the counters tell of it, which adds up to the time in KVM_RUN.
  private static func kvmRun(_ report: KvmRunReport?, _ guestRun: String) -> [Part] {
    guard let report else { return [] }
    return some([
      Part(
        name: guestRun == "KVM_RUN" ? "guest or KVM" : "guest or translator", kind: "in_kvm_run",
        time: report.guestOrKvm),
      Part(name: "polling for a halted guest's wakeup", kind: "polling", time: report.haltPolling ?? 0),
      Part(name: "halted", kind: "asleep", time: report.halted ?? 0),
      Part(name: "asleep", kind: "asleep", time: report.asleep ?? 0),
      Part(name: "waiting for a CPU, at most", kind: "lock_wait", time: report.waiting ?? 0),
      Part(name: "not read", kind: "outside", time: report.unread),
    ])
  }

  /// Those that take most by themselves.
  private static func named(_ shares: [ShareReport], _ kind: String) -> [Part] {
    let sorted = shares.sorted { $0.time > $1.time }
    let parts = sorted.prefix(16).map { Part(name: $0.name, kind: kind, time: $0.time) }
    let rest = sorted.dropFirst(16)
    return parts
      + some([Part(name: "\(rest.count) others", kind: kind, time: rest.reduce(0) { $0 &+ $1.time })])
  }

  private static func some(_ parts: [Part]) -> [Part] { parts.filter { $0.time > 0 } }
}
