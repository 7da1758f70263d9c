import Reporting
import Reports

/// What a page says of runs of two configurations.
struct ComparisonSections {
  /// Metrics that are not declared beforehand, in the plot.
  private static let mostExploratory = 32

  private let report: Report
  private let place = HTMLPlace(prefix: "compare-")

  /// - Parameter report: Of `compare`.
  init(_ report: Report) { self.report = report }

  /// What was run and read.
  var introduction: String {
    guard let compare = report.compare else { return "" }
    var other = Report(command: report.command, trace: compare.other)
    other.machine = compare.otherMachine
    var first = report
    first.compare = nil
    return [("A", first), ("B", other)].map { side, report in
      let paths = report.trace.paths.joined(separator: " ")
      let runs = side == "A" ? compare.evidence?.a : compare.evidence?.b
      let more = (runs?.count ?? 1) - 1
      let which = more > 0 ? "\(paths), the first of \(more + 1) runs" : paths
      return "<div class=\"side\">\n<p class=\"strong\">\(side): \(HTMLText.escaped(which))</p>\n"
        + HTMLRenderer.fragment(of: report, at: place, saysRun: true).introduction + "</div>\n"
    }.joined()
  }

  /// In reading order.
  var section: PageSection {
    let fragment = HTMLRenderer.fragment(of: report, at: place)
    let plots = plots
    return PageSection(
      "A against B", at: place, html: fragment.introduction,
      sections: fragment.sections.map { section in
        var section = PageSection(section)
        section.html = (plots[section.title] ?? "") + section.html
        return section
      })
  }

  /// Estimates and intervals, by the title of the section that has them as a table; none where there is one run of each.
  private var plots: [String: String] {
    guard let evidence = report.compare?.evidence else { return [:] }
    let primary = evidence.primary.filter { $0.ratio != nil }
    let exploratory = Array(evidence.exploratory.filter { $0.ratio != nil }.prefix(Self.mostExploratory))
    let range = ForestPlot.range(primary + exploratory, evidence)
    func plot(_ title: String, _ metrics: [MetricReport], isPrimary: Bool) -> String {
      guard !metrics.isEmpty else { return "" }
      let caption =
        "\(title): B ÷ A, its interval of \(EvidenceText.percent(1 - evidence.level)) or more, and the band of what counts as the same"
      return PagePiece.figure(
        ForestPlot.html(title, metrics, isPrimary: isPrimary, evidence, range: range), caption, isWide: true)
    }
    return [
      EvidenceText.primary: plot(EvidenceText.primary, primary, isPrimary: true),
      EvidenceText.exploratory: plot(EvidenceText.exploratory, exploratory, isPrimary: false),
    ]
  }
}
