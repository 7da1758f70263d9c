import Reports

/// What made a run slow, what weighs most first.
extension DocumentBuilder {
  mutating func explain() {
    guard let explain = report.explain else { return }
    blank()
    guard isExeunt else {
      strong("There are no events of exeunt in this trace that could be explained.")
      return
    }
    let low = Text.fixed(explain.thresholds.low * 100, 0) + Text.space + "%"
    if explain.findings.isEmpty {
      strong(
        "Nothing found: nothing that is looked for costs \(low) of the time of the threads that it would be taken from."
      )
    } else {
      strong(
        number(explain.findings.count, "finding")
          + (explain.findings.count > 1 ? ", those that weigh most first" : ""))
    }
    for (place, finding) in explain.findings.enumerated() { show(finding, place + 1) }
    if !explain.notKnown.isEmpty {
      heading("Not known")
      for sentence in explain.notKnown { paragraph(Text.unbroken(sentence), indent: 2) }
    }
    if !explain.findings.isEmpty {
      blank()
      remark(
        "costs can overlap: the same time can be part of several findings; from \(low) of the time of all threads that it is "
          + "taken from, or five times as much of one thread's, a cost is a finding (docs/explain.md)")
    }
  }

  private mutating func show(_ finding: FindingReport, _ place: Int) {
    heading("\(place). \(finding.severity.uppercased()): \(Text.unbroken(finding.title))")
    paragraph(cost(finding.cost) + words(finding.numbers), indent: 2)
    if let parts = finding.parts, parts.count > 1 || parts.first?.name != finding.subject {
      let words = parts.map {
        "\($0.name): \(Text.count($0.count)), \(Text.duration($0.time))"
      }
      paragraph("of this " + words.joined(separator: " · "), indent: 2)
    }
    if let callers = finding.callers { paragraph(words(callers, finding.otherCallers), indent: 2) }
    for advice in finding.advice { paragraph("try: " + Text.unbroken(advice), indent: 2) }
    if let estimate = finding.estimate {
      paragraph("what that saves: \(saving(estimate)), if \(Text.unbroken(estimate.assumption))", indent: 2)
    }
    if let exemplar = finding.exemplar { suggestMoment("  see: ", exemplar.timestamp) }
    if let more = finding.more { suggestion("  see: ", more + ofWindow) }
  }

  /// Where in the guest exits come from.
  private func words(_ callers: [FindingCallerReport], _ others: Int?) -> String {
    let shown = callers.prefix(4).map { caller in
      (caller.symbol.map { Text.cut($0, to: 60) } ?? "0x" + String(caller.address, radix: 16))
        + " (\(Text.count(caller.count)))"
    }
    let more = callers.count - shown.count + (others ?? 0)
    return (callers.first?.symbol == nil ? "from the guest at " : "from the guest's ")
      + shown.joined(separator: ", ") + (more > 0 ? " and \(more) more places" : "")
  }

  /// The options that have another command analyse the same part. It ends before the moment of --to, so what ends with the last event
  /// has none.
  private var ofWindow: String {
    guard let window = report.trace.window, let begin = report.trace.begin, window.begin >= begin else {
      return ""
    }
    func seconds(_ moment: Int64) -> String {
      let (whole, rest) = (moment &- begin).quotientAndRemainder(dividingBy: 1_000_000_000)
      let digits = String(rest)
      return "\(whole)." + String(repeating: "0", count: 9 - digits.count) + digits
    }
    let to = window.end < report.trace.end ?? .max ? " --to \(seconds(window.end))" : ""
    return " --from \(seconds(window.begin))" + to
  }

  private func cost(_ cost: FindingCostReport) -> String {
    let whose =
      switch cost.whose {
      case "vcpus": "the vCPUs' time"
      case "threads": "the time of all threads"
      case "elapsed": "the time analysed"
      default: "the time of \(cost.whose)"
      }
    return "costs \(Text.duration(cost.time)), \(Text.percent(cost.time, of: cost.of)) of \(whose)"
      + bounds(cost.atLeast, cost.atMost)
  }

  private func saving(_ estimate: FindingEstimateReport) -> String {
    (estimate.atMost == nil && estimate.atLeast == nil ? "up to " : "likely ") + Text.duration(estimate.saves)
      + bounds(estimate.atLeast, estimate.atMost)
  }

  private func bounds(_ atLeast: Int64?, _ atMost: Int64?) -> String {
    let bounds = [
      atLeast.map { "at least \(Text.duration($0))" }, atMost.map { "at most \(Text.duration($0))" },
    ].compactMap { $0 }
    return bounds.isEmpty ? "" : " (" + bounds.joined(separator: ", ") + ")"
  }

  private func words(_ numbers: [FindingNumberReport]) -> String {
    numbers.map { number in
      let name = number.name.replacing("_", with: " ")
      let value =
        number.unit == "ns" ? Text.duration(number.value) : Text.count(UInt64(clamping: number.value))
      return " · \(name) \(value)"
    }.joined()
  }
}
