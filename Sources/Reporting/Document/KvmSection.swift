import Reports

/// KVM's own counters: a row for each vCPU, and every explanation once.
extension DocumentBuilder {
  mutating func kvm(_ kvm: [KvmReport]) {
    guard !kvm.isEmpty else { return }
    heading("KVM's own counters beside what the trace has, between readings \(apart(kvm)) apart")
    let vcpus = Array(kvm.filter { $0.scope == "vcpu" }.prefix(64))
    if vcpus.contains(where: { !$0.checks.isEmpty }) { show(checks(vcpus), isTitled: false) }
    if let counting = report.summary?.counting { paragraph(counting, indent: 2) }
    for (words, names) in explanations(vcpus) {
      let isAll = names.count == vcpus.count
      let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
      paragraph((isAll ? "" : shown + " ") + words, indent: 2)
    }
    if vcpus.count == 1 {
      let words = rest(vcpus[0]).map {
        switch $0.name {
        case Self.halted: "halted, asleep \($0.text)"
        case Self.polling: "halted, polling \($0.text)"
        default: "\($0.name) \($0.text)"
        }
      }
      if !words.isEmpty { paragraph(words.joined(separator: " · "), indent: 2) }
    } else {
      counters(vcpus)
    }
    if vcpus.contains(where: { $0.counters.contains { $0.name == Self.halted && $0.count > 0 } }),
      report.summary?.vcpus.contains(where: { $0.scheduling != nil }) == true
    {
      paragraph("halted: until the thread ran again, so its waiting for a CPU is in it", indent: 2)
    }
    histograms(vcpus)
    for scope in kvm.filter({ $0.scope != "vcpu" }).prefix(4) {
      let levels = (scope.levels ?? []).filter { $0.count > 0 }.map { ($0.name, Text.count($0.count)) }
      let words = (rest(scope).map { ($0.name, $0.text) } + levels).map { "\($0.0) \($0.1)" }
      if !words.isEmpty {
        paragraph((scope.machine.map { $0 + " " } ?? "") + "VM " + words.joined(separator: " · "), indent: 2)
      }
    }
    let count = kvm.filter { $0.scope == "vcpu" }.count
    if count > vcpus.count { line("  and \(count - vcpus.count) more vCPUs (--format json)") }
  }

  private static let halted = "halt_wait_ns"
  private static let haltPolls = ["halt_poll_success_ns", "halt_poll_fail_ns"]
  private static let polling = "halt_poll_ns"

  private func name(_ scope: KvmReport) -> String {
    report.summary?.vcpus.first { $0.id == scope.id && $0.machine == scope.machine }?.name
      ?? "vcpu\(scope.id)"
  }

  private func checks(_ vcpus: [KvmReport]) -> DocumentTable {
    func check(_ scope: KvmReport, _ name: String) -> KvmCheckReport? {
      scope.checks.first { $0.counter == name }
    }
    let hasMissing = vcpus.contains { $0.checks.contains { $0.missing ?? 0 > 0 } }
    var table = DocumentTable(
      [.left] + Array(repeating: .right, count: hasMissing ? 8 : 7),
      ranks: [0, 0, 0, 0] + (hasMissing ? [1] : []) + [2, 2, 3, 3])
    table.add(
      ["", "exits", "traced", "inside KVM"] + (hasMissing ? ["missing"] : [])
        + ["io_exits", "traced", "mmio_exits", "traced"])
    for scope in vcpus {
      func pair(_ name: String) -> [String] {
        check(scope, name).map { [Text.count($0.kvm), Text.count($0.traced)] } ?? ["–", "–"]
      }
      let exits = check(scope, "exits")
      let inside = exits.flatMap { exits -> UInt64? in
        let isKnown = exits.agrees || exits.cause == KvmCause.insideKvm.rawValue
        return isKnown ? exits.missing.map { exits.kvm &- exits.traced &- $0 } : nil
      }
      table.add(
        ["  " + name(scope)] + pair("exits") + [inside.map(Text.count) ?? "–"]
          + (hasMissing ? [exits?.missing.map(Text.count) ?? "–"] : []) + pair("io_exits")
          + pair("mmio_exits"))
    }
    return table
  }

  /// What is to be said about differences, each once, with the vCPUs that it is about.
  private func explanations(_ vcpus: [KvmReport]) -> [(words: String, vcpus: [String])] {
    var found: [(words: String, vcpus: [String])] = []
    for counter in ["exits", "io_exits", "mmio_exits"] {
      for scope in vcpus {
        for check in scope.checks where check.counter == counter {
          guard let explanation = check.explanation else { continue }
          let cause = check.cause.flatMap(KvmCause.init(rawValue:))
          // The table has the numbers.
          if counter == "exits", cause == .insideKvm, vcpus.count > 1 || !explanation.contains("kicks") {
            continue
          }
          let general = vcpus.count > 1 || cause == .missing ? cause?.words(counter) : nil
          let words = "\(counter): \(general ?? explanation)"
          if let place = found.firstIndex(where: { $0.words == words }) {
            found[place].vcpus.append(name(scope))
          } else {
            found.append((words, [name(scope)]))
          }
        }
      }
    }
    return found
  }

  /// Counters that grew and are not compared with the trace. What KVM says of halts in several counters is one time.
  private func rest(_ scope: KvmReport) -> [(name: String, text: String)] {
    let halts = [Self.halted] + Self.haltPolls
    let grown = scope.counters.filter { counter in
      counter.count > 0 && !scope.checks.contains { $0.counter == counter.name }
    }
    let rest = grown.filter { !halts.contains($0.name) }.map { counter in
      (
        counter.name,
        counter.name.hasSuffix("_ns")
          ? Text.duration(Int64(clamping: counter.count)) : Text.count(counter.count)
      )
    }
    let waited = grown.first { $0.name == Self.halted }.map { Int64(clamping: $0.count) } ?? 0
    let polled = grown.filter { Self.haltPolls.contains($0.name) }.reduce(0) {
      $0 &+ Int64(clamping: $1.count)
    }
    guard waited > 0 || polled > 0 else { return rest }
    func share(_ time: Int64) -> String {
      "\(Text.duration(time)) (\(Text.percent(time, of: scope.end &- scope.begin)))"
    }
    let polling = polled > 0 ? [(Self.polling, share(polled))] : []
    return (waited > 0 ? [(Self.halted, share(waited))] : []) + polling + rest
  }

  /// Bars of KVM's own histograms, of all vCPUs together.
  private mutating func histograms(_ vcpus: [KvmReport]) {
    var names: [(name: String, unit: String?)] = []
    for histogram in vcpus.flatMap({ $0.histograms ?? [] })
    where !names.contains(where: { $0.name == histogram.name }) {
      names.append((histogram.name, histogram.unit))
    }
    for (name, unit) in names.prefix(8) {
      var buckets: [UInt64: KvmBucketReport] = [:]
      for bucket in vcpus.flatMap({ $0.histograms ?? [] }).filter({ $0.name == name }).flatMap(\.buckets) {
        buckets[bucket.from, default: KvmBucketReport(from: bucket.from, through: bucket.through, count: 0)]
          .count +=
          bucket.count
      }
      let rows = buckets.values.sorted { $0.from < $1.from }
      guard let largest = rows.map(\.count).max() else { continue }
      func value(_ value: UInt64) -> String {
        unit == "ns"
          ? Text.duration(Int64(clamping: value)) : Text.count(value) + (unit.map { " " + $0 } ?? "")
      }
      line("  \(name)" + (vcpus.count > 1 ? ", all vCPUs" : ""))
      var table = DocumentTable([.right, .leftNumber, .right, .left], ranks: [0, 0, 0, 0])
      table.hasTitles = false
      table.bars = DocumentTable.BarRoom(beside: 48, most: 40)
      for row in rows {
        table.add([
          .text(value(row.from)), .text(row.through.map { "– " + value($0) } ?? "and more"),
          .text(Text.count(row.count)), .bar(Double(row.count) / Double(largest)),
        ])
      }
      show(table, indent: 4, isTitled: false)
    }
  }

  /// Tables of the other counters, as many beside each other as fit.
  private mutating func counters(_ vcpus: [KvmReport]) {
    let values = vcpus.map { scope in Dictionary(rest(scope), uniquingKeysWith: { first, _ in first }) }
    var seen: Set<String> = []
    let names = vcpus.flatMap(rest).map(\.name).filter { seen.insert($0).inserted }
    var table = DocumentTable([.left] + Array(repeating: .right, count: names.count))
    table.narrowing = .splits
    table.add([""] + names.map { $0 == Self.halted ? "halted, asleep" : $0 == Self.polling ? "polling" : $0 })
    for (scope, values) in zip(vcpus, values) {
      table.add(["  " + name(scope)] + names.map { values[$0] ?? "–" })
    }
    show(table, isTitled: false)
  }

  /// How much of the time the first and the last reading are apart.
  private func apart(_ kvm: [KvmReport]) -> String {
    let apart = kvm.map { $0.end &- $0.begin }
    if report.machines != nil {
      return "\(Text.duration(apart.min() ?? 0)) to \(Text.duration(apart.max() ?? 0))"
    }
    let whole = report.trace.duration
    let (from, to) = (Text.percent(apart.min() ?? 0, of: whole), Text.percent(apart.max() ?? 0, of: whole))
    return "\(from == to ? from : "\(from) to \(to)") of the \(Text.duration(whole))"
  }
}
