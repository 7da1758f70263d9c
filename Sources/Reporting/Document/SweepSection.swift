import Reports

/// What a sweep says.
extension DocumentBuilder {
  mutating func sweep() {
    guard let sweep = report.sweep else { return }
    if let question = sweep.question { strong(question) }
    var words = [
      number(sweep.configurations.count, "configuration"),
      "\(number(sweep.blocks, "block")) in which all of them ran",
    ]
    if sweep.missing > 0 { words.append("\(number(sweep.missing, "run")) not made yet") }
    paragraph(words.joined(separator: " · "))
    let disturbed = sweep.configurations.filter { $0.disturbed > 0 }
    if !disturbed.isEmpty {
      strong(
        "disturbed by other programs: "
          + disturbed.map { "\($0.disturbed) of \(number($0.runs, "run")) of \($0.label)" }.joined(
            separator: ", "))
    }
    let repeated = sweep.configurations.filter { $0.repeated != nil }
    if !repeated.isEmpty {
      paragraph(
        "made again, as they were disturbed: "
          + repeated.map { "\(number($0.repeated ?? 0, "run")) of \($0.label)" }.joined(separator: ", "))
    }
    if let looks = sweep.looks { show(looks) }
    guard !sweep.effects.isEmpty else {
      return paragraph("there is one configuration, and nothing to compare it with")
    }
    for effect in sweep.effects { show(effect) }
    effectsRemark(sweep)
    interactions(sweep)
    for frontier in sweep.frontiers ?? [] { self.frontier(frontier) }
    for choice in sweep.choices ?? [] { self.choice(choice) }
  }

  private mutating func show(_ looks: SweepLooksReport) {
    let place = (looks.looks.firstIndex(of: looks.blocks) ?? 0) + 1
    paragraph(
      "look \(place) of \(looks.looks.count), until \(looks.metric) is known to ±\(EvidenceText.percent(looks.width)): "
        + (looks.isNarrow
          ? "it is, and no more blocks were made"
          : place == looks.looks.count ? "it is not, and no more blocks were planned" : "not yet")
        + "; each look has an equal part of the level, so that what is said at any of them is wrong with no larger chance than in a single comparison"
    )
  }

  private mutating func effectsRemark(_ sweep: SweepReport) {
    let level = sweep.effects.first?.evidence.level ?? 0
    // Those that are not told, as they depend on others, were looked at as well.
    let count = sweep.effects.count
    remark(
      "B÷A of blocks, and its interval of \(EvidenceText.percent(1 - level)) or more: Hodges-Lehmann; what is said of an effect's primary metrics is wrong with a "
        + "chance of \(EvidenceText.percent(level)) at most"
        + (count > 1
          ? ", of any of \(count) effects of \(EvidenceText.percent(level * Double(count)))" : "")
        + "; no evidence does not mean that nothing differs (docs/comparison.md); other metrics: --format json"
    )
  }

  private mutating func show(_ effect: SweepEffectReport) {
    let evidence = effect.evidence
    heading(SweepText.title(effect))
    if let others = effect.dependsOn {
      return paragraph(
        "depends on \(others.joined(separator: ", ")): what it is on average holds at no level of \(others.count > 1 ? "these" : "that"), so it is told for each",
        indent: 2)
    }
    for warning in evidence.warnings { strong("warning: " + warning) }
    primary(evidence)
    paragraph(conclusion(effect), indent: 2)
  }

  /// What a reader takes home.
  private func conclusion(_ effect: SweepEffectReport) -> String {
    func names(_ verdicts: Set<String>) -> String? {
      let found = effect.evidence.primary.filter { verdicts.contains($0.verdict) }
      return found.isEmpty
        ? nil : found.map { "\($0.name) \($0.ratio.map(EvidenceText.change) ?? "")" }.joined(separator: ", ")
    }
    let better = names(["better"]), worse = names(["worse"])
    let judged = effect.evidence.primary.filter { $0.verdict != "not_in_all_runs" }
    switch (better, worse) {
    case (let better?, nil): return "\(effect.to) is better: \(better)"
    case (nil, let worse?): return "\(effect.from) is better: \(effect.to) has \(worse)"
    case (let better?, let worse?):
      return "it depends on what counts: \(effect.to) is better in \(better), and worse in \(worse)"
    case (nil, nil):
      if judged.contains(where: { $0.verdict == "too_few_runs" }) {
        return "too few blocks to tell: it takes 8"
      }
      if !judged.isEmpty, judged.allSatisfy({ $0.verdict == "same" }) {
        return "the same in all primary metrics"
      }
      return "no evidence of either being better"
    }
  }

  // MARK: Interactions

  /// More rows are in JSON.
  private static let mostInteractions = 12

  private mutating func interactions(_ sweep: SweepReport) {
    guard let interactions = sweep.interactions, Set(sweep.effects.map(\.factor)).count > 1 else { return }
    guard !interactions.isEmpty else {
      heading(SweepText.interactions)
      return paragraph("too many levels to ask which factors depend on each other")
    }
    let rows = interactions.flatMap { interaction in interaction.metrics.map { (interaction, $0) } }
    let found = rows.filter { $0.1.verdict == "depends" }
    var table = DocumentTable([.left, .left, .right, .right, .left], ranks: [0, 0, 0, 1, 0])
    table.add([SweepText.interactions, "metric", "×", "interval", "verdict"])
    let shown = (found + rows.filter { $0.1.verdict != "depends" }).prefix(Self.mostInteractions)
    for (interaction, metric) in shown {
      table.add([
        "  " + SweepText.subject(interaction), metric.name, EvidenceText.change(metric.ratio),
        SweepText.interval(metric),
        SweepText.verdict(metric, sweep),
      ])
    }
    show(table)
    if rows.count > shown.count { line("  and \(rows.count - shown.count) more (--format json)") }
    let level = sweep.effects.first?.evidence.level ?? 0
    remark(
      "×: by how much more B÷A is at that level of the other factor than at its first one; that any factor is wrongly said to depend on another has a chance of "
        + "\(EvidenceText.percent(level)) at most, for all of these together"
        + (found.isEmpty
          ? "; no evidence does not mean that they do not: averages over the other factors hold as far as that"
          : "")
    )
  }
}

/// Pieces of what a sweep says, in words.
package enum SweepText {
  /// The heading of the section on interactions.
  package static let interactions = "Interactions"

  /// The heading of an effect's section.
  package static func title(_ effect: SweepEffectReport) -> String {
    var title = "\(effect.factor): B \(effect.to) against A \(effect.from)"
    if effect.dependsOn != nil { return title }
    if let at = effect.at { title += ", at \(at.map { "\($0.factor) \($0.level)" }.joined(separator: ", "))" }
    if !effect.over.isEmpty { title += ", averaged over \(effect.over.joined(separator: ", "))" }
    return title
  }

  /// The heading of the section on latency and processor time.
  package static func title(_ frontier: SweepFrontierReport) -> String {
    "Latency against CPU" + (frontier.guest.map { " of \($0)" } ?? "")
  }

  /// The heading of the section on what is recommended.
  package static func title(_ choice: SweepChoiceReport) -> String {
    "Recommendation" + (choice.guest.map { " for \($0)" } ?? "")
  }

  /// What an interaction is about.
  package static func subject(_ interaction: SweepInteractionReport) -> String {
    "\(interaction.factor) \(interaction.to), at \(interaction.other) \(interaction.otherTo)"
  }

  static func interval(_ metric: SweepContrastReport) -> String {
    metric.lower.flatMap { lower in
      metric.upper.map { "\(EvidenceText.change(lower)) … \(EvidenceText.change($0))" }
    } ?? "–"
  }

  static func verdict(_ metric: SweepContrastReport, _ sweep: SweepReport) -> String {
    switch metric.verdict {
    case "same": "same within ±" + EvidenceText.percent(sweep.effects.first?.evidence.equivalence ?? 0)
    case let verdict: verdict == "depends" ? "DEPENDS" : plain(verdict)
    }
  }

  static func plain(_ verdict: String) -> String {
    switch verdict {
    case "no_evidence": "no evidence"
    case "too_few_runs": "too few runs"
    default: verdict
    }
  }
}
