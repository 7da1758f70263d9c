extension TextRenderer {
  /// What stands behind a latency that is 100 times the median or more.
  private static let tailMark = "!"

  /// One line on what matters most.
  mutating func dominant(_ summary: SummaryReport) {
    guard let dominant = summary.dominant else { return }
    let states = [
      "in_kvm_run": "in KVM_RUN", "dispatch": "in dispatch", "lock_wait": "waiting for locks",
      "other": "in userspace for other things", "unknown": "of the time unknown",
      "outside": "of the time before or after events",
    ]
    var words: [String] = []
    if let state = dominant.state, let time = dominant.stateTime {
      words.append("\(Text.percent(time, of: dominant.vcpuTime)) \(states[state] ?? state)")
    }
    guard dominant.exit != nil, let exit = summary.exits.first(where: { $0.reason != nil }) else {
      if dominant.handling > 0 {
        words.append("handling exits \(Text.percent(dominant.handling, of: dominant.vcpuTime))")
      }
      return heading(words.joined(separator: " · "))
    }
    let latency = exit.handling
    words.append(
      "costliest: \(ExitText.short(exit)), \(Text.percent(latency.total, of: dominant.handling)) of handling, max "
        + Text.duration(latency.maximum))
    let line = words.joined(separator: " · ")
    let tail = latency.tail(latency.maximum).map { ", \(Text.count(UInt64($0)))× p50" } ?? ""
    heading((line + tail).count <= Self.width ? line + tail : line)
  }

  mutating func exits(_ exits: [ExitReport], _ all: ExitTotalReport?) {
    guard !exits.isEmpty else { return }
    let shown = exits.prefix(16)
    // Wide numbers cost a column: the rate first, then the 90th percentile.
    let columns = [[], ["per s"], ["per s", "p90"]].map { table(shown, all, without: $0) }
    show(columns.first { $0.lines().allSatisfy { $0.count <= Self.width } } ?? columns[2])
    if exits.count > shown.count {
      let rest = exits.dropFirst(shown.count).reduce(0) { $0 + $1.count }
      suggestion(
        "  \(exits.count - shown.count) more kinds, \(Text.count(rest)) exits: ", "exits --by address")
    }
    let marks =
      hasTail(shown.map(\.handling) + (all.map { [$0.handling] } ?? []))
      ? "; !: ≥\(Text.space)100\(Text.space)× p50" : ""
    line(dim("  times: handling, exit to next entry; @: seconds from the start; ×n: n addresses" + marks))
  }

  private func hasTail(_ latencies: [LatencyReport]) -> Bool {
    latencies.contains { $0.tail($0.maximum) != nil }
  }

  private func table(
    _ exits: ArraySlice<ExitReport>, _ all: ExitTotalReport?, without left: [String]
  ) -> TextTable {
    let titles = ["count", "per s", "total", "p50", "p90", "p99", "p99.9", "max", "slowest"]
    let kept = titles.indices.filter { !left.contains(titles[$0]) }
    var table = TextTable(
      [.left] + kept.map { titles[$0] == "slowest" ? .left : .right }, separator: " ")
    table.add(["Userspace exits"] + kept.map { titles[$0] })
    var rows = exits.map { ("  " + ExitText.short($0), $0.count, $0.handling) }
    if exits.count > 1, let all { rows.append(("  all exits", all.count, all.handling)) }
    let marks = { (value: (LatencyReport) -> Int64) in rows.contains { $0.2.tail(value($0.2)) != nil } }
    let room = (marks(\.p999), marks(\.maximum))
    for (name, count, latency) in rows {
      let cells = cells(count, latency, room)
      table.add([name] + kept.map { cells[$0] })
    }
    return table
  }

  /// - Parameter room: Whether the columns of the 99.9th percentile and the maximum have marks.
  private func cells(_ count: UInt64, _ latency: LatencyReport, _ room: (Bool, Bool)) -> [String] {
    let head = [Text.count(count), Text.rate(count, over: report.trace.duration)]
    guard latency.count > 0 else { return head + Array(repeating: "–", count: 6) + [""] }
    func marked(_ time: Int64, _ room: Bool) -> String {
      Text.duration(time) + (latency.tail(time) != nil ? Self.tailMark : room ? " " : "")
    }
    let times = [latency.total, latency.p50, latency.p90, latency.p99].map(Text.duration)
    return head + times + [marked(latency.p999, room.0), marked(latency.maximum, room.1)]
      + [at(latency.maximumExemplar)]
  }
}
