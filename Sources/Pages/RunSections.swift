import Reporting
import Reports

/// What a page says of one run.
struct RunSections {
  private let run: ReportedRun
  private let place: HTMLPlace

  /// - Parameters:
  ///   - number: Of the run on the page, from 1.
  ///   - prefix: What names of its sections begin with.
  init(_ run: ReportedRun, number: Int, prefix: String) {
    self.run = run
    var place = HTMLPlace(prefix: prefix)
    if run.timeline != nil, let begin = run.summary.trace.begin { place.timeline = (number, begin) }
    self.place = place
  }

  /// What was run and read.
  var introduction: String {
    HTMLRenderer.fragment(of: run.summary, at: place, saysRun: true, parts: []).introduction
  }

  /// In reading order, those that there is something to say in.
  var sections: [PageSection] {
    guard run.summary.summary != nil, run.summary.trace.begin != nil else {
      return group("Contents", [.outline])
    }
    let all =
      [findings] + group("Where the time went", [.outline, .time], TimeShareChart.html(of: run.summary)) + [
        timeline
      ]
      + [exits] + [ExitSections.places(run, at: place)].compactMap { $0 } + [ways] + group("More", [.more])
    return all.filter { !$0.isEmpty }
  }

  // MARK: Sections

  private var findings: PageSection {
    let fragment = HTMLRenderer.fragment(of: run.explain, at: place)
    return PageSection(
      "Findings", at: place, html: fragment.introduction, sections: fragment.sections.map(PageSection.init))
  }

  /// Parts of the summary, after a chart.
  private func group(_ title: String, _ parts: Set<SummaryPart>, _ chart: String? = nil) -> [PageSection] {
    let fragment = HTMLRenderer.fragment(of: run.summary, at: place, parts: parts)
    var section = PageSection(
      anchor: place.prefix + "part-" + HTMLText.anchor(title), title: title,
      html: fragment.introduction + (chart ?? ""), sections: fragment.sections.map(PageSection.init))
    // One heading is enough.
    if let first = section.sections.first, first.title == title {
      section.html += first.html
      section.sections.removeFirst()
    }
    return [section]
  }

  private var timeline: PageSection {
    var section = PageSection("Timeline", at: place)
    let picture = run.picture.map { HTMLRenderer.fragment(of: $0, at: place) }
    let still = picture.map { $0.introduction + $0.sections.map(\.html).joined() } ?? ""
    if let timeline = run.timeline {
      section.html = timeline + (still.isEmpty ? "" : "<noscript>\n\(still)</noscript>\n")
    } else {
      section.html = still
    }
    return section
  }

  private var exits: PageSection {
    let table = group("Exits", [.exits])[0]
    var section = PageSection("Exits", at: place, html: table.html)
    section.sections = ExitSections.charts(run, at: place) + table.sections
    return section
  }

  private var ways: PageSection {
    var section = group("I/O paths", [.ways])[0]
    let diagrams = (run.paths.paths.map(QueueLanes.queues) ?? []).map {
      PagePiece.figure(PathDiagram.html($0.name, $0.lanes), $0.name, isWide: true)
    }
    if !diagrams.isEmpty {
      section.html +=
        diagrams.joined()
        + PagePiece.remark(
          "On the arrows: the median above, the 99th percentile below where there are enough; an arrow is the thicker, the more of the queue's kicks went that way, and grey where nothing was measured."
        )
    }
    let table = HTMLRenderer.fragment(of: run.paths, at: place)
    section.html += table.introduction
    section.sections += table.sections.map(PageSection.init)
    return section
  }
}
