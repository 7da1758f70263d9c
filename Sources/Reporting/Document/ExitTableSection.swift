import Reports

extension DocumentBuilder {
  /// What stands behind a latency that is 100 times the median or more.
  private static let tailMark = "!"

  /// What stands behind a latency that may have been a wait for a CPU.
  private static let waitMark = " w"

  /// One line on what matters most.
  mutating func dominant(_ summary: SummaryReport) {
    guard let dominant = summary.dominant else { return }
    let states = [
      "in_kvm_run": "in \(report.guestRun)", "dispatch": "in dispatch", "lock_wait": "waiting for locks",
      "other": "in userspace for other things", "unknown": "of the time unknown",
      "outside": "of the time before or after events",
      "waiting_for_cpu": "runnable but waiting for a CPU",
    ]
    var words: [String] = []
    if let state = dominant.state, let time = dominant.stateTime {
      words.append("\(Text.percent(time, of: dominant.vcpuTime)) \(states[state] ?? state)")
    }
    words += counted(dominant)
    if let cost = dominant.exitCost, let exit = costliest(summary) {
      words.append("costliest: \(ExitText.short(exit)), " + share(cost, of: dominant.vcpuTime) + each(cost))
      // The counters do not tell which exits the waits were in: the least is without them, the most with them.
      if let waiting = dominant.waiting, waiting >= dominant.vcpuTime / 10 {
        words[words.count - 1] +=
          ", with waits for a CPU" + (cost.atLeast == 0 ? "" : " but in the least")
      }
    } else if let cost = dominant.cost, cost.atMost > 0 {
      words.append("userspace exits " + share(cost, of: dominant.vcpuTime))
    } else if dominant.handling > 0 {
      words.append("handling exits \(Text.percent(dominant.handling, of: dominant.vcpuTime))")
    }
    blank()
    strong(words.joined(separator: " · "))
  }

  /// What of the time in KVM_RUN was neither the guest nor KVM's work, where it is a tenth of the time or more.
  private func counted(_ dominant: DominantReport) -> [String] {
    func share(_ time: Int64?) -> String? {
      guard let time, time >= dominant.vcpuTime / 10 else { return nil }
      return Text.percent(time, of: dominant.vcpuTime)
    }
    var words: [String] = []
    if dominant.state == "waiting_for_cpu", let inKvmRun = share(dominant.inKvmRun) {
      words.append("\(inKvmRun) in \(report.guestRun) by its events")
    } else if let waiting = share(dominant.waiting) {
      words.append("\(waiting) runnable but waiting for a CPU")
    }
    if let halted = share(dominant.halted) { words.append("\(halted) halted") }
    return words
  }

  private func costliest(_ summary: SummaryReport) -> ExitReport? {
    ExitOrder.cost.sorted(summary.exits.filter { $0.reason != nil }) { $0 }.first
  }

  /// `likely 38.1 % of the time (31.2 to 44.0 %)`: what kinds are ordered by, no less than the floor, no more than all of KVM_RUN and
  /// handling.
  private func share(_ cost: ExitCostReport, of time: Int64) -> String {
    func percent(_ cost: Int64) -> String { Text.percent(cost, of: time) }
    let (least, likely, most) = (percent(cost.atLeast), percent(cost.likely), percent(cost.atMost))
    if least == most || cost.atLeast == 0 && likely == most { return "\(most) of the time" }
    if cost.likely == 0 { return "at most \(most) of the time" }
    let words = "likely \(likely) of the time "
    if cost.atLeast == 0 { return words + "(at most \(most))" }
    let unit = Text.space + "%"
    let from = least.hasSuffix(unit) && !least.hasPrefix("<") ? String(least.dropLast(unit.count)) : least
    return words + "(\(from) to \(most))"
  }

  /// Of one exit, where that is not for the most part the guest's own time before it.
  private func each(_ cost: ExitCostReport) -> String {
    guard cost.atMost <= 2 * cost.likely else { return "" }
    return cost.average.map { ", \(Text.duration($0)) each" } ?? ""
  }

  mutating func exits(_ exits: [ExitReport], _ all: ExitTotalReport?, _ costs: ExitCostsReport?) {
    guard !exits.isEmpty else { return }
    let shown = exits.prefix(16)
    exitTable(shown.map { (ExitText.short($0), $0) }, all, costs)
    if exits.count > shown.count {
      let rest = exits.dropFirst(shown.count).reduce(0) { $0 + $1.count }
      suggestion(
        "  \(exits.count - shown.count) more kinds, \(Text.count(rest)) exits: ", "exits --by address")
    }
    exitLegend(shown.map(\.handling) + (all.map { [$0.handling] } ?? []), costs)
  }

  /// A row for each of these exits, and one for all of them.
  mutating func exitTable(
    _ exits: [(name: String, exit: ExitReport)], _ all: ExitTotalReport?, _ costs: ExitCostsReport?
  ) {
    var rows = exits.map { Row(name: $0.name, $0.exit) }
    if exits.count > 1, let all { rows.append(Row(name: "all exits", all)) }
    let count = all?.count ?? exits.reduce(0) { $0 &+ $1.exit.count }
    show(table(rows, of: count, costs))
  }

  /// What the columns of the table of exits mean.
  mutating func exitLegend(_ latencies: [LatencyReport], _ costs: ExitCostsReport?) {
    var clauses: [Document.Clause] = []
    func explain(_ text: String, _ columns: Set<String> = [], otherwise: String? = nil) {
      clauses.append(Document.Clause(text: text, columns: columns, otherwise: otherwise))
    }
    if let costs {
      let floor =
        costs.floor.map {
          " up to \(costs.factor)\(Text.space)×\(Text.space)\(Text.duration($0)) each (floor: "
            + (costs.floorExit ?? "all") + ")"
        } ?? ""
      explain("cost: of the vCPUs' time: handling, and \(report.guestRun) before the exits" + floor)
      explain("at most: all of \(report.guestRun), with the guest's own time", ["at most"])
      explain("each: \(report.guestRun) and handling on average", ["each"])
      explain("start-up and power-off left out")
    }
    explain("run: \(report.guestRun)", ["run p50", "run p99"])
    let handling = ": handling, exit to next entry"
    explain("p50 to max" + handling, ["p50", "p99"], otherwise: "max" + handling)
    // A wait's mark takes the other one's place.
    if latencies.contains(where: { $0.tail($0.maximum) != nil && $0.maximumExemplar?.cpuWait == nil }) {
      explain("!: 100\(Text.space)×\(Text.space)p50 or more")
    }
    if latencies.contains(where: { $0.maximumExemplar?.cpuWait != nil }) {
      explain("w: its thread waited for a CPU around then, long enough to be why")
    }
    legend(clauses, .remark)
  }

  /// A line of the table of exits.
  private struct Row {
    let name: String
    let count: UInt64
    let inKvmRun: LatencyReport
    let handling: LatencyReport
    let cost: ExitCostReport?

    init(name: String, _ exit: ExitReport) {
      (self.name, count, inKvmRun, handling, cost) =
        (name, exit.count, exit.inKvmRun, exit.handling, exit.cost)
    }

    init(name: String, _ all: ExitTotalReport) {
      (self.name, count, inKvmRun, handling, cost) = (name, all.count, all.inKvmRun, all.handling, all.cost)
    }
  }

  private func table(_ rows: [Row], of count: UInt64, _ costs: ExitCostsReport?) -> DocumentTable {
    let titles = [
      "count", "share", "cost", "at most", "each", "run p50", "run p99", "p50", "p99", "max", "slowest",
    ]
    // The highest go first where there is no room.
    let ranks = [0, 8, 0, 1, 3, 6, 9, 7, 5, 2, 4]
    var table = DocumentTable(
      [.left] + titles.map { $0 == "slowest" ? .leftNumber : .right }, ranks: [0] + ranks, separator: " ")
    table.add(["Userspace exits"] + titles)
    let hasTails = rows.contains { $0.handling.tail($0.handling.maximum) != nil }
    let hasWaits = rows.contains { $0.handling.maximumExemplar?.cpuWait != nil }
    let room = hasWaits ? Self.waitMark.count : hasTails ? Self.tailMark.count : 0
    for row in rows {
      let cells = cells(row, of: count, costs, room)
      table.add([.text("  " + row.name)] + cells)
    }
    return table
  }

  /// - Parameter room: Columns that marks of the maximum take.
  private func cells(_ row: Row, of count: UInt64, _ costs: ExitCostsReport?, _ room: Int)
    -> [DocumentTable.Cell]
  {
    func part(_ time: Int64?) -> String {
      guard let time, let costs else { return "–" }
      return Text.percent(time, of: costs.vcpuTime)
    }
    func time(_ latency: LatencyReport, _ time: Int64) -> String {
      latency.count > 0 ? Text.duration(time) : "–"
    }
    let (run, handling) = (row.inKvmRun, row.handling)
    var mark = handling.tail(handling.maximum) != nil ? Self.tailMark : ""
    if handling.maximumExemplar?.cpuWait != nil { mark = Self.waitMark }
    mark += String(repeating: " ", count: max(0, room - mark.count))
    let words = [
      Text.count(row.count), Text.percent(Int64(clamping: row.count), of: Int64(clamping: count)),
      part(row.cost?.likely), part(row.cost?.atMost), row.cost?.average.map(Text.duration) ?? "–",
      time(run, run.p50), time(run, run.p99), time(handling, handling.p50), time(handling, handling.p99),
      handling.count > 0 ? Text.duration(handling.maximum) + mark : "–",
    ]
    return words.map(DocumentTable.Cell.text) + [cell(handling.maximumExemplar)]
  }
}
