import Reporting
import Reports

/// Charts of exits.
enum ExitSections {
  /// More kinds than this have no histogram; the table has all.
  private static let mostHistograms = 8

  /// Histograms and percentiles by device and by reason.
  static func charts(_ run: ReportedRun, at place: HTMLPlace) -> [PageSection] {
    var sections = [section("Latencies by device", run.devices, run, at: place)]
    // Where each device has a reason of its own both would be the same.
    if run.reasons.count < run.devices.count {
      sections.append(section("Latencies by reason", run.reasons, run, at: place))
    }
    return sections.compactMap { $0 }
  }

  private static func section(
    _ title: String, _ exits: [ExitDistribution], _ run: ReportedRun, at place: HTMLPlace
  ) -> PageSection? {
    let drawn = exits.filter { $0.handling.latency.count > 0 || $0.inKvmRun.latency.count > 0 }
    guard !drawn.isEmpty else { return nil }
    let shown = drawn.prefix(mostHistograms)
    let latencies = (shown.map(\.handling.latency) + shown.map(\.inKvmRun.latency)).filter { $0.count > 0 }
    let range = (latencies.map(\.minimum).min() ?? 0)...(latencies.map(\.maximum).max() ?? 0)
    let percentiles = [
      ("handling", \ExitDistribution.handling),
      ("time in \(run.summary.guestRun) before the exit", \.inKvmRun),
    ].compactMap { title, path in
      PercentileChart.html(title, drawn.map { .init(name: $0.label, distribution: $0[keyPath: path]) })
        .map { PagePiece.figure($0, "Percentiles of \(title)") }
    }
    let histograms = shown.map {
      PagePiece.figure(
        HistogramChart.html($0, range: range, guestRun: run.summary.guestRun),
        "\($0.label): \(Text.number($0.exits.count, "exit"))")
    }
    var html = PagePiece.cards(percentiles) + PagePiece.cards(histograms)
    if drawn.count > shown.count {
      html += PagePiece.remark(
        "\(drawn.count - shown.count) kinds more, which cost less, are in the table below only.")
    }
    return PageSection(title, at: place, html: html)
  }

  /// Exits by the guest's functions, or by ranges of addresses where these are not known; nil: the trace does not have where
  /// exits come from.
  static func places(_ run: ReportedRun, at place: HTMLPlace) -> PageSection? {
    guard let report = run.places, let exits = report.exits else { return nil }
    let hasSymbols = exits.by == ExitGrouping.symbol.rawValue
    var inner = place
    inner.prefix += "places-"
    let fragment = HTMLRenderer.fragment(of: report, at: inner)
    let title = hasSymbols ? "Exits by the guest's functions" : "Exits by the guest's addresses"
    // Of histograms, which follow, those by device are enough for a page.
    return PageSection(
      title, at: place,
      html: fragment.introduction + (fragment.sections.first?.html ?? "")
        + kinds(exits.groups, title, at: place)
        + PagePiece.remark(
          hasSymbols
            ? "The function that each exit's instruction pointer was in."
            : "By ranges of addresses; --symbols tells the guest's functions."))
  }

  /// What the exits of each place are.
  private static func kinds(_ groups: [ExitHistogramReport], _ title: String, at place: HTMLPlace) -> String {
    var table = DocumentTable([.left, .right, .left])
    table.add(["Where", "instructions", "exits"])
    for group in groups.prefix(40) {
      guard let place = group.exits.place else { continue }
      let kinds = place.kinds.prefix(6).map { "\($0.exits) (\(Text.count($0.count)))" }
      let more = place.kinds.count - kinds.count + (place.otherKinds ?? 0)
      table.add([
        Text.cut(group.label, to: 60), Text.count(UInt64(place.instructions)),
        kinds.joined(separator: ", ") + (more > 0 ? ", and \(more) more kinds" : ""),
      ])
    }
    return HTMLRenderer.html(of: table, named: title, at: place)
  }
}
