import Reports

/// What latency costs in processor time, and the other way round.
extension DocumentBuilder {
  /// More rows are in JSON.
  private static let mostPoints = 32

  mutating func frontier(_ frontier: SweepFrontierReport) {
    let (first, second) = (SweepText.title(frontier), "evidence")
    var table = DocumentTable([.left, .right, .right, .left, .left], ranks: [0, 0, 0, 0, 1])
    table.add([first, "latency", "CPU", "frontier", second])
    let points = frontier.points.sorted { ($0.latency, $0.label) < ($1.latency, $1.label) }
    for point in points.prefix(Self.mostPoints) {
      table.add([
        "  " + point.label, SweepFrontierText.time(point.latency), SweepFrontierText.time(point.cpu),
        point.isOnFrontier ? "on it" : "off it", SweepFrontierText.evidence(point),
      ])
    }
    show(table)
    if points.count > Self.mostPoints {
      line("  and \(points.count - Self.mostPoints) more (--format json)")
    }
    remark(
      "latency: \(frontier.latency); CPU: \(frontier.cpu); medians of runs; on the frontier: no other's medians are less in one and no more in the other; "
        + "beaten: another one is better in one and not worse in the other, by evidence; that any is wrongly said to be beaten has a chance of "
        + "\(EvidenceText.percent(frontier.level)) at most")
  }
}

/// Pieces of what is said of latency and processor time.
package enum SweepFrontierText {
  /// ns, as people read them.
  package static func time(_ nanoseconds: Double) -> String {
    guard nanoseconds.isFinite else { return "–" }
    return Text.duration(Int64(min(max(0, nanoseconds.rounded()), 9e18)))
  }

  package static func evidence(_ point: SweepPointReport) -> String {
    guard let first = point.beatenBy.first else { return "not beaten" }
    return "beaten by \(first)" + (point.beatenBy.count > 1 ? " and \(point.beatenBy.count - 1) more" : "")
  }
}
