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
    guard !sweep.effects.isEmpty else {
      return paragraph("there is one configuration, and nothing to compare it with")
    }
    for effect in sweep.effects { show(effect) }
    let level = sweep.effects.first?.evidence.level ?? 0
    remark(
      "B÷A of blocks, and its interval of \(EvidenceText.percent(1 - level)) or more: Hodges-Lehmann; what is said of an effect's primary metrics is wrong with a "
        + "chance of \(EvidenceText.percent(level)) at most"
        + (sweep.effects.count > 1
          ? ", of any of \(sweep.effects.count) effects of \(EvidenceText.percent(level * Double(sweep.effects.count)))"
          : "")
        + "; no evidence does not mean that nothing differs (docs/comparison.md); other metrics: --format json"
    )
  }

  private mutating func show(_ effect: SweepEffectReport) {
    let evidence = effect.evidence
    heading(
      "\(effect.factor): B \(effect.to) against A \(effect.from)"
        + (effect.over.isEmpty ? "" : ", averaged over \(effect.over.joined(separator: ", "))"))
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
}
