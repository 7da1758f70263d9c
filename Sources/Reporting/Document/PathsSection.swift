import Reports

extension DocumentBuilder {
  mutating func paths() {
    guard let paths = report.paths else { return }
    if let filter = paths.filter { paragraph("only \(filter)") }
    if let calibration = paths.calibration, paths.paths.contains(where: { $0.stamps > 0 }) {
      let rate = Text.fixed(1e3 / calibration.nanosecondsPerTick, 3)
      let source = calibration.points > 1 ? "first and last clock reading" : "one clock reading and tsc_khz"
      paragraph(
        "guest stamps: TSC at \(rate) MHz by \(source), exact to \(calibration.uncertainty) ns at these points"
      )
    }
    guard !paths.paths.isEmpty || paths.requests?.isEmpty == false else {
      blank()
      line("no such paths in this trace")
      return
    }
    for path in (paths.requests ?? []).prefix(32) { requests(path) }
    for path in paths.paths.prefix(32) { show(path) }
    if paths.paths.count > 32 {
      blank()
      paragraph(
        "\(paths.paths.count - 32) more paths: narrow it down with --device and --queue, or use --format json"
      )
    }
  }

  private mutating func show(_ path: PathReport) {
    let queue = path.queue.map { " queue \($0)" } ?? path.source.map { " " + $0 } ?? ""
    heading("\(Text.cut(path.device, to: 40))\(queue) · \(kind(path))")
    var words: [String] = []
    if path.kicks > 0 {
      let whose = report.trace.hasLosses ? "those of this queue that were recorded" : "this queue's"
      let share = path.sharePermille.map { " (\(Text.percent(Int64($0), of: 1000)) of \(whose))" } ?? ""
      words.append(Text.number(path.kicks, "kick") + share)
    }
    words.append(Text.number(path.handlers, "handler"))
    if path.kind == "ioeventfd", path.handlers > 0, !report.trace.hasLosses {
      words.append(
        "\(Text.fixed(Double(path.kicks) / Double(path.handlers), 2)) kicks each, at most \(path.mostKicks)")
    }
    if path.requests > 0 { words.append(Text.number(path.requests, "request")) }
    if path.interrupts > 0 { words.append("\(Text.count(path.interrupts)) raised an interrupt") }
    if path.alreadyAwake > 0 { words.append("\(Text.count(path.alreadyAwake)) found the loop awake") }
    paragraph(words.joined(separator: " · "), indent: 2)
    stages(path)
    if let steps = path.slowest { slowest(steps, of: path) }
  }

  private func kind(_ path: PathReport) -> String {
    switch path.kind {
    case "ioeventfd": "ioeventfd: kick → wakeup → handler → request → interrupt"
    case "exit": "userspace exit: exit → dispatch → request → interrupt → re-entry"
    case "coalesced": "writes that KVM kept, carried out at another exit"
    case "access": "userspace exit, register access: exit → dispatch → re-entry"
    default: "source of an event loop: wakeup → handler"
    }
  }

  private mutating func stages(_ path: PathReport) {
    let isLoop = path.kind == "ioeventfd" || path.kind == "loop"
    let arrival = isLoop ? "wakeup" : "exit"
    let begin = isLoop ? "handler" : "dispatch"
    let names = [
      ("kick_to_arrival", "earliest kick → \(arrival)"),
      ("arrival_to_begin", "\(arrival) → \(begin)"), ("behind_other", "other device's → \(begin)"),
      ("begin_to_request", "\(begin) → first request"),
      ("request_to_completion", "first request → last completed"),
      ("begin_to_completion", "\(begin) → last completed"),
      ("completion_to_interrupt", "completed → interrupt"), ("interrupt_to_end", "→ end of \(begin)"),
      ("end_to_reentry", "\(begin) end → re-entry"), ("handler", "all of the \(begin)"),
      ("arrival_to_interrupt", "\(arrival) → interrupt"),
      ("kick_to_interrupt", "earliest kick → interrupt"),
      ("arrival_to_reentry", "exit → re-entry"), ("kick_to_pickup", "guest's kick → picked up, each"),
    ]
    let sums = [
      "handler", "arrival_to_interrupt", "kick_to_interrupt", "arrival_to_reentry", "kick_to_pickup",
    ]
    var table = DocumentTable(
      [.left] + Array(repeating: .right, count: 6) + [.leftNumber], ranks: [0, 3, 0, 5, 1, 4, 0, 2])
    table.add(["stage", "count", "p50", "p90", "p99", "p99.9", "max", "at"])
    for isSum in [false, true] {
      for (name, label) in names where sums.contains(name) == isSum {
        guard let latency = path.stage(name) else { continue }
        let words = [
          (isSum ? "= " : "  ") + label, Text.count(latency.count), Text.duration(latency.p50),
          Text.duration(latency.p90), Text.duration(latency.p99), Text.duration(latency.p999),
          Text.duration(latency.maximum),
        ]
        table.add(words.map(DocumentTable.Cell.text) + [cell(latency.maximumExemplar)])
      }
    }
    show(table, indent: 2, isTitled: false)
  }

  /// The slowest one, by the most that is known of it as ``ReportBuilder`` chooses, drawn to scale: each step with the
  /// time since the first one and since the one before.
  private mutating func slowest(_ steps: [StepReport], of path: PathReport) {
    let isLoop = path.kind == "ioeventfd" || path.kind == "loop"
    let measures = [
      ("kick_to_interrupt", "earliest kick → interrupt"), ("arrival_to_reentry", "exit → re-entry"),
      ("arrival_to_interrupt", isLoop ? "wakeup → interrupt" : "exit → interrupt"),
    ]
    let measure = measures.first { path.stage($0.0) != nil }?.1 ?? (isLoop ? "handler" : "dispatch")
    guard let first = steps.first, let last = steps.last else { return }
    let whole = last.timestamp - first.timestamp
    let begin = moment(first.timestamp)
    paragraph("the one with the longest \(measure): \(Text.duration(whole)) from @\(begin) s", indent: 2)
    var table = DocumentTable([.right, .right, .left, .left], ranks: [0, 1, 2, 0])
    var before = first.timestamp
    table.hasTitles = false
    table.bars = DocumentTable.BarRoom(beside: 72, most: 60)
    for step in steps.prefix(24) {
      let spent = step.timestamp - before
      func part(_ time: Int64) -> Double { whole > 0 ? Double(time) / Double(whole) : 0 }
      table.add([
        .text("+" + Text.duration(step.timestamp - first.timestamp)),
        .text(spent > 0 ? Text.duration(spent) : ""),
        .span(begin: part(before - first.timestamp), length: part(spent)), .text(step.event),
      ])
      before = step.timestamp
    }
    show(table, indent: 4, isTitled: false)
    if steps.count > 24 { line("    … \(steps.count - 24) more steps") }
  }
}
