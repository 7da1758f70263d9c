import Reporting
import Reports
import Statistics

/// How long exits of one kind took: a histogram of handling above one of the time in KVM_RUN, or in the translator, on one scale of time.
///
/// Bars are a quarter of a power of two wide, so of one width; their height is the number of exits. No bar is so low as
/// not to be seen: a single long exit matters.
struct HistogramChart {
  static let width = 420.0
  static let panelHeight = 58.0
  private static let top = 18.0
  private static let margin = 6.0
  private static let lowestBar = 1.0

  /// - Parameters:
  ///   - exits: What is drawn.
  ///   - range: What is on the scale of time, the same in all charts that are beside each other, ns.
  ///   - guestRun: What vCPUs' threads are in while their guests run.
  static func html(_ exits: ExitDistribution, range: ClosedRange<Int64>, guestRun: String) -> String {
    let panels = [("handling", exits.handling, "hist-a"), ("in \(guestRun)", exits.inKvmRun, "hist-b")]
      .filter { $0.1.latency.count > 0 }
    let axis = TimeAxis(range, from: margin, to: width - margin)
    let pitch = top + panelHeight
    let bottom = Double(panels.count) * pitch
    var drawing = SVGDrawing(
      width: width, height: bottom + 20, title: "Histogram of \(exits.label)",
      description: panels.map { "\($0.0): \(words($0.1))" }.joined(separator: ". "))
    for tick in axis.ticks {
      let x = axis.position(tick.duration)
      drawing.line(tick.label.isEmpty ? "minor" : "grid", x, top - 4, x, bottom)
    }
    for (place, panel) in panels.enumerated() {
      let base = Double(place + 1) * pitch
      draw(panel.1, panel.2, axis, base: base, &drawing)
      drawing.line("axis", margin, base, width - margin, base)
      markers(panel.0, panel.1.latency, axis, base: base, &drawing)
    }
    labels(axis, y: bottom + 14, width: width, &drawing)
    return drawing.html
  }

  /// The labels of an axis along the bottom, those that there is room for.
  static func labels(_ axis: TimeAxis, y: Double, width: Double, _ drawing: inout SVGDrawing) {
    var free = 0.0
    for tick in axis.ticks where !tick.label.isEmpty {
      let half = SVGDrawing.width(of: tick.label) / 2
      let x = min(max(axis.position(tick.duration), half), width - half)
      guard x - half >= free else { continue }
      drawing.text(tick.label, x: x, y: y, "tick", anchor: .middle)
      free = x + half + 6
    }
  }

  private static func draw(
    _ distribution: LatencyDistribution, _ kind: String, _ axis: TimeAxis, base: Double,
    _ drawing: inout SVGDrawing
  ) {
    guard let most = distribution.bars.map(\.count).max(), most > 0 else { return }
    for bar in distribution.bars {
      let (begin, end) = (axis.position(bar.from), axis.position(bar.through &+ 1))
      let height = max(lowestBar, Double(bar.count) / Double(most) * panelHeight)
      drawing.rect(
        kind, x: begin, y: base - height, width: max(1, end - begin - 0.6), height: height,
        tip: "\(Text.duration(bar.from)) – \(Text.duration(bar.through)): \(Text.count(bar.count))")
    }
  }

  /// The name of the panel, the median and the 99th percentile.
  private static func markers(
    _ name: String, _ latency: LatencyReport, _ axis: TimeAxis, base: Double, _ drawing: inout SVGDrawing
  ) {
    let y = base - panelHeight - 6
    // Of fewer a median says next to nothing.
    guard latency.count >= Percentile.fewestEvents(permille: 500) else {
      let times = Set([latency.minimum, latency.maximum]).sorted().map(Text.duration).joined(separator: " – ")
      return drawing.text("\(name) \(times)", x: margin, y: y, "label")
    }
    let median = axis.position(latency.p50)
    drawing.line("marker", median, base - panelHeight - 3, median, base)
    let label = "\(name) p50 \(Text.duration(latency.p50))"
    let isRight = median > SVGDrawing.width(of: label) + margin
    drawing.text(
      label, x: isRight ? median + 3 : margin, y: y, "label", anchor: isRight ? .end : .start)
    // Of fewer a p99 says next to nothing.
    guard latency.count >= Percentile.fewestEvents(permille: 990) else { return }
    let tail = axis.position(latency.p99)
    let tailLabel = "p99 \(Text.duration(latency.p99))"
    let free = (isRight ? median + 3 : margin + SVGDrawing.width(of: label)) + 8
    drawing.line("marker dashed", tail, base - panelHeight - 3, tail, base)
    let length = SVGDrawing.width(of: tailLabel)
    let x = min(max(tail - 3, free), width - margin - length)
    if x >= free { drawing.text(tailLabel, x: x, y: y, "label") }
  }

  private static func words(_ distribution: LatencyDistribution) -> String {
    let latency = distribution.latency
    return "\(Text.number(latency.count, "exit")), from \(Text.duration(latency.minimum)) to "
      + "\(Text.duration(latency.maximum)), half of them at most \(Text.duration(latency.p50))"
  }
}
