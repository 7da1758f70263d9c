import Reports

/// Which configuration to take, as far as the runs tell.
extension DocumentBuilder {
  /// More lines of evidence are in JSON.
  private static let mostLines = 10

  mutating func choice(_ choice: SweepChoiceReport) {
    heading(SweepText.title(choice))
    strong(SweepChoiceText.sentence(choice))
    if choice.unbeaten.count > 1, !choice.common.isEmpty {
      paragraph(
        "what they have in common: "
          + choice.common.map { "\($0.factor) \($0.level)" }.joined(separator: ", "), indent: 2)
    }
    let lines = SweepChoiceText.evidence(choice)
    for line in lines.prefix(Self.mostLines) { paragraph(line, indent: 2) }
    if lines.count > Self.mostLines { line("  and \(lines.count - Self.mostLines) more (--format json)") }
    guard !choice.judged.isEmpty else { return }
    // Of some pairs a metric cannot be told: a run of either does not have it, or their exits are not the same ones.
    func pairs(with metric: String) -> Int {
      choice.pairs.filter { $0.metrics.contains { $0.name == metric } }.count
    }
    let judged = choice.judged.map { metric in
      let known = pairs(with: metric)
      return known == choice.pairs.count
        ? metric
        : "\(metric) (in \(known) of \(number(choice.pairs.count, "pair")), which alone can be compared by it)"
    }
    var words =
      "judged by \(judged.joined(separator: ", ")): one configuration beats another where it is better in one of these, and worse in none, by evidence; "
      + "that any of these differences is wrongly stated has a chance of \(EvidenceText.percent(choice.level)) at most, for all pairs together"
    if !choice.notJudged.isEmpty {
      words +=
        "; not by \(choice.notJudged.joined(separator: ", ")), of which neither end is better, or which not all runs have"
    }
    remark(words + "; other metrics: --primary (docs/comparison.md)")
  }
}

/// What is recommended, in words.
package enum SweepChoiceText {
  /// What a reader takes home.
  package static func sentence(_ choice: SweepChoiceReport) -> String {
    let names = choice.unbeaten.joined(separator: "; ")
    let all = Set(choice.pairs.flatMap { [$0.a, $0.b] }).count
    switch choice.verdict {
    case "one": return "\(names): no other beats it"
    case "several":
      return "\(names): no other beats these, and there is no evidence of which of them is best"
    case "trade" where choice.unbeaten.isEmpty:
      return "it depends on what counts: each is beaten by another one"
    case "trade":
      return "it depends on what counts: \(names): no other beats these, and they trade one for another"
    case "same" where choice.unbeaten.count == all: return "all are the same: take any"
    case "same": return "\(names): no other beats these, and they are the same: take any of them"
    case "no_evidence": return "none is recommended: there is no evidence of any being better than another"
    case "too_few_runs": return "none is recommended: too few blocks to tell, it takes 8"
    default: return "none is recommended: no primary metric of which less is better is in all runs"
    }
  }

  /// Why, a line each.
  package static func evidence(_ choice: SweepChoiceReport) -> [String] {
    let unbeaten = Set(choice.unbeaten)
    let trades = choice.pairs.filter {
      $0.outcome == .trade && (unbeaten.isEmpty || unbeaten.contains($0.a) && unbeaten.contains($0.b))
    }.map { "\($0.b) against \($0.a): \(differences($0))" }
    let wins = choice.pairs.compactMap { pair -> String? in
      switch pair.outcome {
      case .aBeats where unbeaten.contains(pair.a):
        "\(pair.a) beats \(pair.b), which has \(differences(pair))"
      case .bBeats where unbeaten.contains(pair.b):
        "\(pair.b) beats \(pair.a): it has \(differences(pair))"
      default: nil
      }
    }
    return trades + wins
  }

  /// What B has more or less of, then what is not known to differ.
  private static func differences(_ pair: SweepPairReport) -> String {
    let proven = pair.metrics.filter { ["better", "worse"].contains($0.verdict) }.map {
      "\($0.name) \(EvidenceText.change($0.ratio)) (\(SweepText.interval($0)))"
    }
    let open = pair.metrics.filter { !["better", "worse"].contains($0.verdict) }.map {
      "\($0.name) \(SweepText.plain($0.verdict)) (\(SweepText.interval($0)))"
    }
    return (proven + open).joined(separator: ", ")
  }
}
