import Reports

/// What several runs say of a difference.
extension DocumentBuilder {
  mutating func evidence(_ evidence: EvidenceReport) {
    for warning in evidence.warnings { strong("warning: " + warning) }
    if evidence.design == "one_each" {
      paragraph(
        "one run each: no statement about configurations, as two runs of one configuration differ as well; give several "
          + "runs of both, compare A… --against B…")
      limits(evidence)
      return
    }
    paragraph(words(evidence))
    metrics(EvidenceText.primary, evidence.primary, evidence)
    if let few = evidence.primary.first(where: { $0.verdict == "too_few_runs" }), let smallest = few.smallestP
    {
      strong(
        "too few runs: no p-value below \(Text.fixed(smallest, 4)) is possible, where \(EvidenceText.percent(evidence.level)) is needed; it takes 8 pairs, or 5 runs of both"
      )
    }
    let shown = Array(evidence.exploratory.filter { $0.ratio != nil }.prefix(24))
    metrics(EvidenceText.exploratory, shown, evidence, isBrief: true)
    if evidence.exploratory.count > shown.count {
      line("  and \(evidence.exploratory.count - shown.count) more (--format json)")
    }
    apart(evidence.primary + shown, isPaired: evidence.design == "pairs")
    remark(
      "exploratory: each as if it were the only one, so some differ by chance; B÷A and its interval of \(EvidenceText.percent(1 - evidence.level)) or more: Hodges-Lehmann; could show: the smallest difference "
        + "that these runs could have shown; a difference in any primary metric is wrongly stated with a chance of \(EvidenceText.percent(evidence.level)) at most; no evidence does "
        + "not mean that nothing differs (docs/comparison.md)")
    limits(evidence)
  }

  /// Metrics whose estimate the medians beside it contradict, as of runs that fall into groups: each is right about something else.
  private mutating func apart(_ metrics: [MetricReport], isPaired: Bool) {
    let apart = metrics.compactMap { metric -> String? in
      guard let a = metric.medianA, let b = metric.medianB, a > 0, let lower = metric.lower,
        let upper = metric.upper, !(lower...upper).contains(b / a)
      else { return nil }
      return "\(metric.name) (\(EvidenceText.change(b / a)))"
    }
    guard !apart.isEmpty else { return }
    strong(
      "the medians say another ratio than B÷A: " + apart.joined(separator: ", ")
        + "; B÷A is from the differences of " + (isPaired ? "the pairs" : "all runs of A from all of B")
        + ", and both can be right where runs fall into groups: look at the single runs (--format json)")
  }

  /// The metrics that are declared beforehand, as a table of a section that has begun.
  mutating func primary(_ evidence: EvidenceReport) {
    metrics(EvidenceText.primary, evidence.primary, evidence, isTitled: false)
  }

  private func words(_ evidence: EvidenceReport) -> String {
    let counts = "A: \(number(evidence.a.count, "run")), B: \(number(evidence.b.count, "run"))"
    return evidence.design == "pairs"
      ? "\(number(evidence.a.count, "pair")) of runs, A and B next to each other"
      : counts + ", not in pairs: what drifts over time is not told from a difference"
  }

  /// - Parameters:
  ///   - isBrief: Names are long: what can be told from the rest is left out.
  ///   - isTitled: It begins a section.
  private mutating func metrics(
    _ title: String, _ metrics: [MetricReport], _ evidence: EvidenceReport, isBrief: Bool = false,
    isTitled: Bool = true
  ) {
    let none = metrics.filter { $0.verdict == "not_in_all_runs" && $0.medianA == nil && $0.medianB == nil }
    let metrics = metrics.filter { metric in !none.contains { $0.name == metric.name } }
    if metrics.isEmpty, none.isEmpty { return }
    var table = DocumentTable(
      isBrief
        ? [.left, .right, .right, .right, .left] : [.left, .right, .right, .right, .right, .right, .left],
      ranks: isBrief ? [0, 1, 0, 0, 0] : [0, 2, 2, 0, 0, 1, 0])
    let titles = ["B÷A", "interval"] + (isBrief ? [] : ["could show"]) + ["verdict"]
    table.add([title, "A"] + (isBrief ? [] : ["B"]) + titles)
    for metric in metrics {
      let interval = metric.lower.flatMap { lower in
        metric.upper.map { "\(EvidenceText.change(lower)) … \(EvidenceText.change($0))" }
      }
      let detectable = metric.detectable.map { "±" + EvidenceText.percentage($0 - 1) } ?? "–"
      table.add(
        ["  " + metric.name, value(metric.medianA, metric.unit)]
          + (isBrief ? [] : [value(metric.medianB, metric.unit)])
          + [metric.ratio.map(EvidenceText.change) ?? "–", interval ?? "–"] + (isBrief ? [] : [detectable])
          + [EvidenceText.verdict(metric, evidence)])
    }
    if !metrics.isEmpty { show(table, isTitled: isTitled) } else if isTitled { heading(title) }
    if !none.isEmpty { paragraph("in no run: " + none.map(\.name).joined(separator: ", "), indent: 2) }
  }

  private func value(_ value: Double?, _ unit: String) -> String {
    guard let value else { return "–" }
    return switch unit {
    case "ns": Text.duration(Int64(min(value.rounded(), 9e18)))
    case "count": Text.fixed(value, 3)
    default: Text.rate(value, isEstimate: false) + "/s"
    }
  }

  private mutating func limits(_ evidence: EvidenceReport) {
    for limit in evidence.limits ?? [] {
      let words =
        switch limit.verdict {
        case "exceeded": "passed, by evidence"
        case "kept": "kept, by evidence"
        case "undecided": "too little to tell: neither is shown"
        case "too_few_runs": "too few runs to tell, whatever they show"
        default: "too little to tell: not all runs have this metric"
        }
      paragraph("limit: \(limit.limit): \(words)")
    }
  }
}

/// What runs say of a metric, in words.
package enum EvidenceText {
  /// The title of metrics that are declared beforehand.
  package static let primary = "Primary metrics"
  /// That of all others.
  package static let exploratory = "Exploratory"

  /// What is shown of it.
  package static func verdict(_ metric: MetricReport, _ evidence: EvidenceReport) -> String {
    switch metric.verdict {
    case "same": "same within ±" + percent(evidence.equivalence)
    case "no_evidence": "no evidence"
    case "too_few_runs": "too few runs"
    case "not_in_all_runs": "not in all runs"
    case let verdict: verdict.uppercased()
    }
  }

  /// A ratio as what B has more.
  package static func change(_ ratio: Double) -> String {
    if ratio >= 10 || ratio <= 0.1 { return "×" + Text.significant(ratio) }
    return (ratio >= 1 ? "+" : "−") + percentage((ratio - 1).magnitude)
  }

  /// A part of 1 with as many digits as matter.
  package static func percentage(_ part: Double) -> String {
    Text.fixed(part * 100, part < 10 ? 1 : 0) + Text.space + "%"
  }

  /// A part of 1, whole or with one digit; below 1 % with two.
  package static func percent(_ part: Double) -> String {
    let percent = part * 100
    let isWhole = (percent - percent.rounded()).magnitude < 1e-9
    return Text.fixed(percent, isWhole ? 0 : percent < 1 ? 2 : 1) + Text.space + "%"
  }
}
