/// KVM's own counters: a row for each vCPU, and every explanation once.
extension TextRenderer {
  mutating func kvm(_ kvm: [KvmReport]) {
    guard !kvm.isEmpty else { return }
    heading("KVM's own counters beside what the trace has, between readings \(apart(kvm)) apart")
    let vcpus = Array(kvm.filter { $0.scope == "vcpu" }.prefix(64))
    if vcpus.contains(where: { !$0.checks.isEmpty }) { show(checks(vcpus), isTitled: false) }
    for (words, names) in explanations(vcpus) {
      let isAll = names.count == vcpus.count
      let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
      paragraph((isAll ? "" : shown + " ") + words, indent: 2)
    }
    if vcpus.count == 1 {
      let words = rest(vcpus[0]).map {
        $0.name == Self.halted ? "halted \($0.text)" : "\($0.name) \($0.text)"
      }
      if !words.isEmpty { paragraph(words.joined(separator: " · "), indent: 2) }
    } else {
      counters(vcpus)
    }
    for scope in kvm.filter({ $0.scope != "vcpu" }).prefix(4) {
      let words = rest(scope).map { "\($0.name) \($0.text)" }
      if !words.isEmpty { paragraph("VM " + words.joined(separator: " · "), indent: 2) }
    }
    let count = kvm.filter { $0.scope == "vcpu" }.count
    if count > vcpus.count { line("  and \(count - vcpus.count) more vCPUs (--format json)") }
  }

  private static let halted = "halt_wait_ns"

  private func name(_ scope: KvmReport) -> String {
    report.summary?.vcpus.first { $0.id == scope.id }?.name ?? "vcpu\(scope.id)"
  }

  private func checks(_ vcpus: [KvmReport]) -> TextTable {
    func check(_ scope: KvmReport, _ name: String) -> KvmCheckReport? {
      scope.checks.first { $0.counter == name }
    }
    let hasMissing = vcpus.contains { $0.checks.contains { $0.missing ?? 0 > 0 } }
    var table = TextTable(
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

  /// Counters that grew and are not compared with the trace.
  private func rest(_ scope: KvmReport) -> [(name: String, text: String)] {
    let rest = scope.counters.filter { counter in
      counter.count > 0 && !scope.checks.contains { $0.counter == counter.name }
    }
    return rest.map { counter in
      guard counter.name == Self.halted else { return (counter.name, Text.count(counter.count)) }
      let time = Int64(clamping: counter.count)
      let share = Text.percent(time, of: scope.end &- scope.begin)
      return (counter.name, "\(Text.duration(time)) (\(share))")
    }.sorted { ($0.0 == Self.halted ? 0 : 1) < ($1.0 == Self.halted ? 0 : 1) }
  }

  /// Tables of the other counters, as many beside each other as fit.
  private mutating func counters(_ vcpus: [KvmReport]) {
    let values = vcpus.map { scope in Dictionary(rest(scope), uniquingKeysWith: { first, _ in first }) }
    var seen: Set<String> = []
    let names = vcpus.flatMap(rest).map(\.name).filter { seen.insert($0).inserted }
    var left = names[...]
    while !left.isEmpty {
      var count = left.count
      while count > 1,
        table(left.prefix(count), vcpus, values).lines().contains(where: { $0.count > width })
      {
        count -= 1
      }
      show(table(left.prefix(count), vcpus, values), isTitled: false)
      left = left.dropFirst(count)
    }
  }

  private func table(
    _ names: ArraySlice<String>, _ vcpus: [KvmReport], _ values: [[String: String]]
  ) -> TextTable {
    var table = TextTable([.left] + Array(repeating: .right, count: names.count))
    table.add([""] + names.map { $0 == Self.halted ? "halted" : $0 })
    for (scope, values) in zip(vcpus, values) {
      table.add(["  " + name(scope)] + names.map { values[$0] ?? "–" })
    }
    return table
  }

  /// How much of the time the first and the last reading are apart.
  private func apart(_ kvm: [KvmReport]) -> String {
    let apart = kvm.map { $0.end &- $0.begin }
    let whole = report.trace.duration
    let (from, to) = (Text.percent(apart.min() ?? 0, of: whole), Text.percent(apart.max() ?? 0, of: whole))
    return "\(from == to ? from : "\(from) to \(to)") of the \(Text.duration(whole))"
  }
}
