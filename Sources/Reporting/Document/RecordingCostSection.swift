import Reports

/// What recording itself took of threads' time.
extension DocumentBuilder {
  mutating func recordingCost(_ summary: SummaryReport) {
    let vcpus = summary.vcpus.map { ($0.name, $0.recording, $0.span) }
    let loops = summary.loops.map { ($0.name, $0.recording, $0.span) }
    let threads = (vcpus + loops).compactMap { name, cost, span in
      cost.map { (name: name, cost: $0, span: span) }
    }.filter { $0.cost.events > 0 }.sorted { $0.cost.time > $1.cost.time }
    guard let first = threads.first?.cost else { return }
    func each(_ time: Int64) -> String {
      Text.duration(Int64((Double(time) / Double(first.events)).rounded()))
    }
    let shown = threads.prefix(4).map { name, cost, span in
      "\(name) \(Text.duration(cost.time)) for \(Text.number(cost.events, "event")), \(Text.percent(cost.time, of: span))"
    }
    // Machines have measurements of their own.
    let measured =
      report.machines == nil
      ? "emitting an event took about \(each(first.time)), at least \(each(first.atLeast)), when it began"
      : "estimated"
    paragraph(
      "recording itself (\(measured)): " + shown.joined(separator: "; ")
        + (threads.count > shown.count ? "; \(number(threads.count - shown.count, "thread")) less" : ""),
      indent: 2)
  }
}
