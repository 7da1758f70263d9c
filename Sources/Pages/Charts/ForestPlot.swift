import Glibc
import Reporting
import Reports

/// What runs say of each metric: the estimate of B ÷ A and its interval on a logarithmic scale, the line of no effect, and the
/// band of what counts as the same. Those declared beforehand are filled, the others are not.
struct ForestPlot {
  private static let width = 980.0
  private static let pitch = 22.0
  private static let left = 300.0
  private static let right = 300.0
  private static let top = 30.0

  /// - Parameters:
  ///   - metrics: At least one with a ratio.
  ///   - isPrimary: They were declared beforehand.
  ///   - range: What the scale has to have, as ratios; what goes beyond ends in an arrow.
  ///   - ends: What is on either side of no effect.
  static func html(
    _ title: String, _ metrics: [MetricReport], isPrimary: Bool, _ evidence: EvidenceReport,
    range: ClosedRange<Double>, ends: (less: String, more: String) = ("B less", "B more")
  ) -> String {
    let bottom = top + Double(metrics.count) * pitch
    var drawing = SVGDrawing(
      width: width, height: bottom + 22, title: "\(title): B ÷ A with intervals",
      description: metrics.map { words($0, evidence) }.joined(separator: ". "))
    let (low, high) = (log(range.lowerBound), log(range.upperBound))
    func x(_ ratio: Double) -> Double {
      left + (width - left - right) * (log(ratio) - low) / (high - low)
    }
    let band = (
      x(max(range.lowerBound, 1 / (1 + evidence.equivalence))),
      x(min(range.upperBound, 1 + evidence.equivalence))
    )
    drawing.rect("band", x: band.0, y: top - 6, width: band.1 - band.0, height: bottom - top + 6)
    scale(range, x, bottom, &drawing)
    drawing.line("none", x(1), top - 6, x(1), bottom)
    drawing.text(ends.less, x: x(1) - 8, y: 12, "tick", anchor: .end)
    drawing.text(ends.more, x: x(1) + 8, y: 12, "tick")
    for (place, metric) in metrics.enumerated() {
      draw(metric, evidence, isPrimary, range, x, top + (Double(place) + 0.5) * pitch, &drawing)
    }
    return drawing.html
  }

  /// The scale for all plots of a page: intervals in full, up to ten times either way, and never less than what counts as the
  /// same, three times.
  static func range(_ metrics: [MetricReport], _ evidence: EvidenceReport) -> ClosedRange<Double> {
    var most = 3 * log(1 + evidence.equivalence)
    for ratio in metrics.flatMap({ [$0.ratio, $0.lower, $0.upper] }).compactMap({ $0 })
    where ratio > 0 && ratio.isFinite {
      most = max(most, abs(log(ratio)) * 1.05)
    }
    most = min(most, log(10))
    return exp(-most)...exp(most)
  }

  private static func draw(
    _ metric: MetricReport, _ evidence: EvidenceReport, _ isPrimary: Bool, _ range: ClosedRange<Double>,
    _ x: (Double) -> Double, _ y: Double, _ drawing: inout SVGDrawing
  ) {
    let verdict = EvidenceText.verdict(metric, evidence)
    let kind = "effect \(metric.verdict)" + (isPrimary ? "" : " open")
    drawing.text(Text.cut(metric.name, to: 44), x: 0, y: y + 4, isPrimary ? "label" : "", tip: metric.name)
    var said = metric.ratio.map(EvidenceText.change) ?? "–"
    if let lower = metric.lower, let upper = metric.upper {
      let (from, to) = (max(lower, range.lowerBound), min(upper, range.upperBound))
      if from <= to {
        drawing.line(
          kind, x(from), y, x(to), y,
          tip: "\(metric.name): \(EvidenceText.change(lower)) … \(EvidenceText.change(upper))")
      }
      for ratio in [lower, upper] { end(ratio, range, kind, x, y, &drawing) }
      said += " (\(EvidenceText.change(lower)) … \(EvidenceText.change(upper)))"
    }
    if let ratio = metric.ratio, range.contains(ratio) {
      drawing.rect(kind, x: x(ratio) - 4, y: y - 4, width: 8, height: 8, tip: "\(metric.name): \(said)")
    }
    let at = width - right + 12
    drawing.text(said, x: at, y: y + 4)
    drawing.text(verdict, x: width, y: y + 4, "verdict \(metric.verdict)", anchor: .end)
  }

  /// The end of an interval: a bar, or an arrow where it goes on.
  private static func end(
    _ ratio: Double, _ range: ClosedRange<Double>, _ kind: String, _ x: (Double) -> Double, _ y: Double,
    _ drawing: inout SVGDrawing
  ) {
    guard !range.contains(ratio) else {
      return drawing.line(kind, x(ratio), y - 4, x(ratio), y + 4)
    }
    let isBelow = ratio < range.lowerBound
    let tip = x(isBelow ? range.lowerBound : range.upperBound)
    let back = tip + (isBelow ? 6 : -6)
    drawing.polyline("\(kind) outline", [(back, y - 4), (tip, y), (back, y + 4)])
  }

  // MARK: Scale

  /// Round ratios, the roundest first.
  private static let marks: [(ratio: Double, label: String)] = [
    (1, "0"), (0.5, "−50 %"), (2, "+100 %"), (0.1, "×0.1"), (10, "×10"), (0.2, "−80 %"), (5, "×5"),
    (0.9, "−10 %"), (1.1, "+10 %"),
    (0.8, "−20 %"), (1.2, "+20 %"), (0.7, "−30 %"), (1.5, "+50 %"), (0.95, "−5 %"), (1.05, "+5 %"),
    (0.98, "−2 %"),
    (1.02, "+2 %"), (0.99, "−1 %"), (1.01, "+1 %"),
  ]

  private static func scale(
    _ range: ClosedRange<Double>, _ x: (Double) -> Double, _ bottom: Double, _ drawing: inout SVGDrawing
  ) {
    var taken: [Double] = []
    for mark in marks where range.contains(mark.ratio) {
      let place = x(mark.ratio)
      guard taken.allSatisfy({ abs($0 - place) > 46 }) else { continue }
      taken.append(place)
      if mark.ratio != 1 { drawing.line("grid", place, top - 6, place, bottom) }
      drawing.text(
        mark.label.replacing(" ", with: Text.space), x: place, y: bottom + 15, "tick", anchor: .middle)
    }
    drawing.line("axis", left, bottom, width - right, bottom)
  }

  private static func words(_ metric: MetricReport, _ evidence: EvidenceReport) -> String {
    var words = "\(metric.name): \(EvidenceText.verdict(metric, evidence))"
    if let ratio = metric.ratio { words += ", \(EvidenceText.change(ratio))" }
    if let lower = metric.lower, let upper = metric.upper {
      words += " (\(EvidenceText.change(lower)) to \(EvidenceText.change(upper)))"
    }
    return words
  }
}
