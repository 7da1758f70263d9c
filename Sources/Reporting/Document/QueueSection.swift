import Reports

extension DocumentBuilder {
  /// What devices did with their queues.
  mutating func queues(_ queues: [QueueReport]) {
    guard !queues.isEmpty else { return }
    var table = DocumentTable([.left] + Array(repeating: .right, count: 6), ranks: [0, 0, 3, 4, 2, 1, 5])
    table.add([
      "Queues", "requests", "per wakeup", "per s", "in flight mean/p99/max", "irqs each", "suppressed each",
    ])
    let shown = queues.prefix(24)
    for queue in shown { table.add(cells(queue)) }
    show(table)
    if queues.count > shown.count { line("  \(queues.count - shown.count) more (--format json)") }
    func clause(_ text: String, _ column: String) -> Document.Clause {
      Document.Clause(text: text, columns: [column])
    }
    legend([
      clause("per wakeup: requests taken in one wakeup or exit", "per wakeup"),
      clause("per s: bytes asked for", "per s"),
      clause("in flight: taken and not completed, over time", "in flight mean/p99/max"),
      clause("irqs each: interrupts that the driver asked for, for each request completed", "irqs each"),
      clause("suppressed each: times that it was told without one", "suppressed each"),
    ])
    for queue in shown { troubles(queue) }
  }

  private func cells(_ queue: QueueReport) -> [String] {
    let isPartial = queue.isPartial ?? false
    func ratio(_ value: Double?) -> String {
      value.map { (isPartial ? "≈" + Text.space : "") + Text.fixed($0, 2) } ?? "–"
    }
    var depth = "unknown"
    if let known = queue.depth {
      // Of what is known only the most is a bound: what is missing may be busier, or idle.
      let (about, atLeast) = isPartial ? ("≈" + Text.space, "≥" + Text.space) : ("", "")
      depth = "\(about)\(Text.fixed(known.mean, 2)) / \(about)\(known.p99) / \(atLeast)\(known.maximum)"
    }
    return [
      "  \(queue.device) q\(queue.queue)",
      (isPartial ? "≥" + Text.space : "") + Text.count(queue.requests), ratio(queue.requestsPerWakeup),
      queue.byteRate.map(bytes) ?? "–", depth, ratio(queue.interruptsPerRequest),
      ratio(queue.suppressedPerRequest),
    ]
  }

  private func bytes(_ rate: RateReport) -> String {
    (RateReport.isEstimate(rate.basis) ? "≈" + Text.space : "") + Text.bytes(UInt64(max(rate.perSecond, 0)))
  }

  /// What went wrong, and for how long something is not known.
  private mutating func troubles(_ queue: QueueReport) {
    var words: [String] = []
    for error in queue.errors ?? [] {
      words.append("\(Text.number(error.count, "request")) \(error.name.uppercased())")
    }
    if let givenUp = queue.givenUp { words.append("\(Text.count(givenUp)) given up at a reset") }
    if let errors = queue.hostErrors {
      words.append(
        "the host said "
          + errors.map { "\($0.name) \(Text.number($0.count, "time"))" }.joined(separator: ", "))
    }
    if let depth = queue.depth, queue.isPartial ?? false {
      words.append("in flight known for \(Text.duration(depth.known))")
    }
    guard !words.isEmpty else { return }
    paragraph("\(queue.device) q\(queue.queue): " + words.joined(separator: " · "), indent: 2)
  }

  /// The way of each request, stage by stage.
  mutating func requests(_ path: RequestPathReport) {
    heading("\(Text.cut(path.device, to: 40)) queue \(path.queue) · each request: \(way(path))")
    let names = [
      ("kick_to_exit", "guest's kick → exit"), ("exit_to_popped", "exit → popped"),
      ("kick_to_wakeup", "guest's kick → wakeup"), ("wakeup_to_popped", "wakeup → popped"),
      ("kick_to_popped", "guest's kick, later → popped"), ("popped_to_submitted", "popped → submitted"),
      ("submitted_to_completed", "submitted → completed"), ("completed_to_pushed", "completed → pushed"),
      ("popped_to_pushed", "popped → pushed at once"), ("pushed_to_interrupt", "pushed → interrupt"),
      ("kick_to_pushed", "guest's kick → pushed"), ("kick_to_interrupt", "guest's kick → interrupt"),
    ]
    var table = DocumentTable(
      [.left] + Array(repeating: .right, count: 7) + [.leftNumber], ranks: [0, 0, 3, 0, 5, 1, 4, 0, 2])
    table.add(["stage", "share", "count", "p50", "p90", "p99", "p99.9", "max", "at"])
    for (name, label) in names {
      guard let stage = path.stage(name) else { continue }
      let latency = stage.latency
      let words = [
        (stage.sharePermille == nil ? "= " : "  ") + label,
        stage.sharePermille.map { share($0, latency) } ?? "", Text.count(latency.count),
        Text.duration(latency.p50), Text.duration(latency.p90), Text.duration(latency.p99),
        Text.duration(latency.p999), Text.duration(latency.maximum),
      ]
      table.add(words.map(DocumentTable.Cell.text) + [cell(latency.maximumExemplar)])
    }
    show(table, indent: 2, isTitled: false)
  }

  /// What takes less than a thousandth takes something.
  private func share(_ permille: UInt64, _ latency: LatencyReport) -> String {
    permille == 0 && latency.total > 0 ? Text.percent(1, of: 10_000) : Text.percent(Int64(permille), of: 1000)
  }

  private func way(_ path: RequestPathReport) -> String {
    let isExit = path.stage("exit_to_popped") != nil
    let isLoop = path.stage("wakeup_to_popped") != nil
    let arrival = isExit ? isLoop ? "exit or wakeup → " : "exit → " : isLoop ? "wakeup → " : ""
    let kick = path.stage("kick_to_pushed") != nil ? "kick → " : ""
    let host = path.stage("submitted_to_completed") != nil ? "submitted → completed → " : ""
    let interrupt = path.stage("pushed_to_interrupt") != nil ? " → interrupt" : ""
    return kick + arrival + "popped → " + host + "pushed" + interrupt
  }
}
