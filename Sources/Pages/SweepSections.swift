import Reporting
import Reports

/// What a page says of a sweep.
struct SweepSections {
  private let report: Report
  private let sweep: SweepReport
  private let place = HTMLPlace(prefix: "sweep-")

  /// - Parameter report: Of `compare` on a sweep.
  init?(_ report: Report) {
    guard let sweep = report.sweep else { return nil }
    (self.report, self.sweep) = (report, sweep)
  }

  /// What was asked, and the machine that the first run was made on.
  var introduction: String {
    var machine = Report(command: report.command, trace: report.trace)
    machine.machine = report.machine
    let run = HTMLRenderer.fragment(of: machine, at: place, saysRun: true).introduction
    return HTMLRenderer.fragment(of: report, at: place).introduction
      + "<div class=\"side\">\n<p class=\"remark\">The machine, as its first run says:</p>\n\(run)</div>\n"
  }

  /// What is recommended comes first; each with its drawing before its table.
  var sections: [PageSection] {
    let drawings = drawings
    let all = HTMLRenderer.fragment(of: report, at: place).sections.map { section in
      var section = PageSection(section)
      section.html = (drawings[section.title] ?? "") + section.html
      return section
    }
    let first = Set((sweep.choices ?? []).map(SweepText.title) + (sweep.frontiers ?? []).map(SweepText.title))
    return all.filter { first.contains($0.title) }.sorted { isChoice($0) && !isChoice($1) }
      + all.filter { !first.contains($0.title) }
  }

  private func isChoice(_ section: PageSection) -> Bool {
    (sweep.choices ?? []).contains { SweepText.title($0) == section.title }
  }

  // MARK: Drawings

  /// By the titles of sections.
  private var drawings: [String: String] {
    var drawings: [String: String] = [:]
    for frontier in sweep.frontiers ?? [] {
      drawings[SweepText.title(frontier)] =
        PagePiece.figure(
          FrontierChart.html(frontier),
          "\(frontier.latency) against \(frontier.cpu), medians of runs, and the frontier", isWide: true)
        + FrontierChart.key
    }
    for effect in sweep.effects where effect.dependsOn == nil {
      drawings[SweepText.title(effect)] = plot(
        SweepText.title(effect), effect.evidence.primary, effect.evidence, ("B less", "B more"),
        "B ÷ A, its interval of \(EvidenceText.percent(1 - effect.evidence.level)) or more, and the band of what counts as the same"
      )
    }
    if let evidence = sweep.effects.first?.evidence {
      let contrasts = (sweep.interactions ?? []).flatMap { interaction in
        interaction.metrics.map { metric($0, "\(SweepText.subject(interaction)): \($0.name)") }
      }
      let found = contrasts.filter { $0.verdict == "depends" } + contrasts.filter { $0.verdict != "depends" }
      drawings[SweepText.interactions] = plot(
        SweepText.interactions, Array(found.prefix(Self.mostInteractions)), evidence,
        ("less there", "more there"),
        "B ÷ A at that level of the other factor, divided by that at its first one")
    }
    return drawings
  }

  /// More are in the table, or in JSON.
  private static let mostInteractions = 32

  private func plot(
    _ title: String, _ metrics: [MetricReport], _ evidence: EvidenceReport, _ ends: (String, String),
    _ caption: String
  ) -> String {
    let drawn = metrics.filter { $0.ratio != nil }
    guard !drawn.isEmpty else { return "" }
    return PagePiece.figure(
      ForestPlot.html(
        title, drawn, isPrimary: true, evidence, range: ForestPlot.range(drawn, evidence), ends: ends),
      caption, isWide: true)
  }

  private func metric(_ contrast: SweepContrastReport, _ name: String) -> MetricReport {
    var metric = MetricReport(
      name: name, unit: "ns", isLessBetter: false, a: [], b: [], medianA: nil, medianB: nil,
      verdict: contrast.verdict)
    (metric.ratio, metric.lower, metric.upper) = (contrast.ratio, contrast.lower, contrast.upper)
    return metric
  }
}
