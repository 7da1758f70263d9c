import Reports

/// Two recordings side by side.
extension DocumentBuilder {
  mutating func compare() {
    guard let compare = report.compare else { return }
    differences(compare)
    if let evidence = compare.evidence { self.evidence(evidence) }
    threads(
      "Where the time went", compare.threads.filter { $0.kind == "vcpu" },
      ["in \(report.guestRun)", "dispatch", "lock", "other", "unknown", "outside"])
    threads(
      "Event loops", compare.threads.filter { $0.kind == "loop" },
      ["asleep", "polling", "handling", "lock", "other", "unknown", "outside"])
    rows("Userspace exits", compare.exits, most: 16)
    rows("I/O paths", compare.paths, most: 16)
    if !compare.exits.isEmpty || !compare.paths.isEmpty {
      let isEstimated = (compare.exits + compare.paths).contains {
        $0.a?.isEstimated == true || $0.b?.isEstimated == true
      }
      remark(
        "×: B÷A, of medians from 10 events on either side, of p99 from 1000; exits: times of handling; paths: times of the stage; 1st: of the kicks that one handler took, "
          + "the earliest"
          + (isEstimated ? "; ≈: by the time that is known" : ""))
    }
  }

  private mutating func differences(_ compare: CompareReport) {
    guard report.machine != nil || compare.otherMachine != nil else { return }
    guard !compare.differences.isEmpty else { return heading("The configurations are the same") }
    let shown = compare.differences.prefix(24).map { ($0.name, $0.a ?? "–", $0.b ?? "–") }
    var table = DocumentTable([.left, .left, .left])
    table.add(["Configuration", "A", "B"])
    for (name, a, b) in shown { table.add(["  " + name, a, b]) }
    // Nothing of what is different may be cut off.
    table.narrowing = .says(
      heading: "Configuration",
      shown.flatMap { name, a, b in ["\(name) of A: \(a)", "\(name) of B: \(b)"] })
    show(table)
    if compare.differences.count > 24 { line("  and \(compare.differences.count - 24) more (--format json)") }
  }

  private mutating func threads(_ title: String, _ threads: [ThreadComparisonReport], _ states: [String]) {
    guard !threads.isEmpty else { return }
    var table = DocumentTable(
      [.left, .left] + Array(repeating: .right, count: states.count), ranks: [0, 0, 0] + (1..<states.count))
    table.add([title, ""] + states)
    for thread in threads.prefix(32) {
      for (side, times) in [("A", thread.a), ("B", thread.b)] {
        let whole = times.map { $0.reduce(0) { $0 &+ $1.time } } ?? 0
        let cells =
          times?.map { Text.percent($0.time, of: whole) } ?? Array(repeating: "–", count: states.count)
        let name = side == "A" ? "  " + thread.name : only(thread.a == nil, thread.b == nil)
        table.add([name, side] + cells)
      }
    }
    show(table)
    if threads.count > 32 { line("  and \(threads.count - 32) more (--format json)") }
    waits(threads)
  }

  /// Time in which threads had no CPU is in all of their other times, and says more of the host than of a configuration.
  private mutating func waits(_ threads: [ThreadComparisonReport]) {
    func share(_ waiting: Int64?, _ times: [ShareReport]?) -> (text: String, counts: Bool) {
      guard let waiting, let whole = times.map({ $0.reduce(0) { $0 &+ $1.time } }), whole > 0 else {
        return ("?", false)
      }
      return (Text.percent(waiting, of: whole), waiting >= whole / 50)
    }
    let waited = threads.prefix(32).compactMap { thread -> String? in
      let (a, b) = (share(thread.waitingA, thread.a), share(thread.waitingB, thread.b))
      return a.counts || b.counts ? "\(thread.name) A \(a.text), B \(b.text)" : nil
    }
    guard !waited.isEmpty else { return }
    paragraph(
      "waited for a CPU: " + waited.joined(separator: "; ")
        + "; these waits are in all times of these threads, and may be the difference",
      indent: 2)
  }

  /// What stands under the name of something.
  private func only(_ isMissingA: Bool, _ isMissingB: Bool) -> String {
    isMissingA ? "    only in B" : isMissingB ? "    only in A" : ""
  }

  private mutating func rows(_ title: String, _ rows: [ComparisonReport], most: Int) {
    guard !rows.isEmpty else { return }
    var table = DocumentTable(
      [.left, .left, .right] + Array(repeating: [.right, .leftNumber], count: 4).flatMap { $0 },
      ranks: [0, 0, 0, 3, 3, 2, 2, 1, 1, 0, 0], separator: " ")
    table.add([title, "", "count", "per s", "×", "p50", "×", "p99", "×", "total", "×"])
    // The last row of exits is their sum.
    let shown = rows.count <= most ? rows : Array(rows.prefix(most - 1)) + [rows[rows.count - 1]]
    // Not too long for a column.
    let names = Text.cut(shown.map { stageName($0.name) }, to: 36)
    for (row, short) in zip(shown, names) {
      for (side, measure) in [("A", row.a), ("B", row.b)] {
        let ratio = side == "B" ? row.ratio : nil
        let fewest = min(row.a?.count ?? 0, row.b?.count ?? 0)
        let name = side == "A" ? "  " + short : ways(row) ?? only(row.a == nil, row.b == nil)
        table.add([name, side] + cells(measure, ratio, fewest))
      }
    }
    show(table)
    if rows.count > shown.count { line("  and \(rows.count - shown.count) more (--format json)") }
  }

  /// Which way kicks went, where that is not the same in both.
  private func ways(_ row: ComparisonReport) -> String? {
    guard let a = row.waysA, let b = row.waysB, a != b else { return nil }
    return "    A by \(a.joined(separator: ", ")), B by \(b.joined(separator: ", "))"
  }

  /// With a path's stage as it is called elsewhere in text.
  private func stageName(_ name: String) -> String {
    let stages = [
      " each_kick_to_pushed": " each kick→pushed", " each_kick_to_interrupt": " each kick→irq",
      " kick_to_pickup": " kick→picked up", " kick_to_arrival": " 1st kick→arrival", " handler": " handled",
      " arrival_to_interrupt": " arrival→irq",
      " kick_to_interrupt": " 1st kick→irq",
    ]
    let stage = stages.first { name.hasSuffix($0.key) }
    return stage.map { name.dropLast($0.key.count) + $0.value } ?? name
  }

  /// Of so few events a percentile is that of one of them, and their quotient says nothing.
  private static let fewestForMedian: UInt64 = 10
  private static let fewestForPercentile: UInt64 = 1000

  /// - Parameter fewest: Events on the side that has fewer.
  private func cells(_ measure: MeasureReport?, _ ratio: RatioReport?, _ fewest: UInt64) -> [String] {
    guard let measure else { return ["–", "–", "", "–", "", "–", "", "–", ""] }
    func times(_ ratio: Double?, from count: UInt64 = Self.fewestForMedian) -> String {
      guard let ratio, fewest >= count else { return "" }
      return "×"
        + (ratio >= 999.5 ? Text.count(UInt64(min(ratio.rounded(), 1e18))) : Text.significant(ratio))
    }
    return [
      Text.count(measure.count),
      measure.basis == nil ? "–" : Text.rate(measure.perSecond, isEstimate: measure.isEstimated),
      times(ratio?.perSecond),
      measure.p50.map(Text.duration) ?? "–", times(ratio?.p50),
      measure.p99.map(Text.duration) ?? "–", times(ratio?.p99, from: Self.fewestForPercentile),
      measure.p50 == nil ? "–" : Text.duration(measure.total),
      times(ratio?.total),
    ]
  }
}
