import Reporting
import Reports

/// A page of one or several runs: one file that opens without a network. All of it but the interactive timeline does without
/// scripts, and it is well-formed XML as well.
package struct ReportPage {
  private let title: String
  private var introduction = ""
  private var sections: [PageSection] = []
  /// A run's timeline is on it.
  private var hasTimeline = false

  /// A page of one run.
  package init(_ run: ReportedRun) {
    title = run.name
    let parts = RunSections(run, number: 1, prefix: "")
    introduction = parts.introduction
    sections = parts.sections
    hasTimeline = run.timeline != nil
  }

  /// A page of runs of two configurations.
  ///
  /// - Parameters:
  ///   - comparison: The report of `compare`.
  ///   - runs: Those that are told of one by one.
  package init(comparing comparison: Report, _ runs: [ReportedRun]) {
    let compared = ComparisonSections(comparison)
    let evidence = comparison.compare?.evidence
    let sides = [
      (comparison.trace.paths, evidence?.a.count ?? 1),
      (comparison.compare?.other.paths ?? [], evidence?.b.count ?? 1),
    ]
    title = sides.map { paths, count in
      paths.joined(separator: " ") + (count > 1 ? " and \(Text.number(UInt64(count - 1), "run")) more" : "")
    }.joined(separator: " against ")
    introduction = compared.introduction
    sections = [compared.section]
    for (place, run) in runs.enumerated() {
      let number = place + 1
      let parts = RunSections(run, number: number, prefix: "run\(number)-")
      sections.append(
        PageSection(
          anchor: "run\(number)", title: run.name, html: parts.introduction, sections: parts.sections))
      if run.timeline != nil { hasTimeline = true }
    }
  }

  /// A page of a sweep.
  ///
  /// - Parameters:
  ///   - sweep: The report of `compare` on its directory; of any other the page is empty.
  ///   - name: What the page calls it.
  package init(sweep: Report, name: String) {
    title = name
    guard let parts = SweepSections(sweep) else { return }
    introduction = parts.introduction
    sections = parts.sections
  }

  /// The page.
  package var html: String {
    let name = HTMLText.escaped(title)
    return """
      <!DOCTYPE html>
      <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
      <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="\(policy)" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>exeunt: \(name)</title>
      <style>
      \(HTMLStyle.css)
      \(PageStyle.css)
      \(hasTimeline ? TimelineViewer.style : "")</style>
      </head>
      <body class="report">
      <header>
      <h1>\(name)</h1>
      \(introduction)\(navigation)</header>
      <main>
      \(sections.map { $0.element() }.joined())</main>
      \(hasTimeline ? "<script>\(TimelineViewer.script)</script>\n" : "")\
      </body>
      </html>

      """
  }

  /// Nothing is loaded, and no script runs but the timeline's own.
  private var policy: String {
    "default-src 'none'; style-src 'unsafe-inline'"
      + (hasTimeline ? "; script-src \(TimelineViewer.scriptSource)" : "")
  }

  /// Links to the sections, and to those of each run.
  private var navigation: String {
    "<nav aria-label=\"Sections\">\n\(Self.links(sections, depth: sections.contains { $0.anchor == "run1" } ? 2 : 1))</nav>\n"
  }

  private static func links(_ sections: [PageSection], depth: Int) -> String {
    let items = sections.map { section in
      let inner =
        depth > 1 && section.anchor.hasPrefix("run") ? links(section.sections, depth: depth - 1) : ""
      return
        "<li><a href=\"#\(section.anchor)\">\(HTMLText.escaped(Text.cut(section.title, to: 48)))</a>\(inner)</li>\n"
    }
    return "<ul>\n\(items.joined())</ul>\n"
  }
}
