import Glibc
import Reporting

/// Percentiles of several kinds of exits: how long is half of them, the slowest tenth, hundredth and so on. Both scales are
/// logarithmic, so that a tail is as wide as the rest.
struct PercentileChart {
  /// A line.
  struct Series {
    let name: String
    let distribution: LatencyDistribution
  }

  /// The percentiles that have a label and a dot, by the millionths of durations beyond them.
  static let labelled: [(beyond: UInt64, label: String)] = [
    (500_000, "50"), (100_000, "90"), (10_000, "99"), (1_000, "99.9"), (100, "99.99"),
  ]
  /// More lines could not be told apart.
  static let mostSeries = 6

  private static let width = 586.0
  private static let height = 290.0
  private static let left = 52.0
  private static let right = 176.0
  private static let top = 24.0
  private static let bottom = 36.0

  /// - Parameters:
  ///   - title: What is measured.
  ///   - series: At most ``mostSeries`` are drawn, those with percentiles that something can be said of; nil where none has.
  static func html(_ title: String, _ series: [Series]) -> String? {
    let shown = Array(series.filter { !$0.distribution.points.isEmpty }.prefix(mostSeries))
    let values = shown.flatMap { $0.distribution.points.map(\.value) }
    guard let shortest = values.min(), let longest = values.max() else { return nil }
    let axis = TimeAxis(shortest...longest, from: height - bottom, to: top)
    let rarest = shown.compactMap { $0.distribution.points.last.map { depth($0.beyond) } }.max() ?? 1
    let end = max(1, rarest)
    func x(_ beyond: UInt64) -> Double { left + depth(beyond) / end * (width - left - right) }
    var drawing = SVGDrawing(
      width: width, height: height, title: "Percentiles of \(title)",
      description: shown.map(words).joined(separator: ". "))
    drawing.text(title, x: left, y: 12, "label")
    grid(axis, end, x, &drawing)
    for (place, line) in shown.enumerated() {
      let points = line.distribution.points.map { (x: x($0.beyond), y: axis.position($0.value)) }
      drawing.polyline("line s\(place + 1)", points, tip: line.name)
      for (beyond, label) in labelled {
        guard let value = line.distribution.percentile(beyond: beyond) else { continue }
        drawing.circle(
          "dot s\(place + 1)", x: x(beyond), y: axis.position(value), radius: 3,
          tip: "\(line.name): p\(label) \(Text.duration(value))")
      }
    }
    names(shown, axis, x, &drawing)
    return drawing.html
  }

  /// How far out a percentile is: 0, 1, 2 for p0, p90, p99.
  private static func depth(_ beyond: UInt64) -> Double { 6 - log10(Double(max(1, beyond))) }

  private static func grid(
    _ axis: TimeAxis, _ end: Double, _ x: (UInt64) -> Double, _ drawing: inout SVGDrawing
  ) {
    let (far, base) = (width - right, height - bottom)
    var free = Double.infinity
    for tick in axis.ticks {
      let y = axis.position(tick.duration)
      drawing.line(tick.label.isEmpty ? "minor" : "grid", left, y, far, y)
      if !tick.label.isEmpty, y <= free {
        drawing.text(tick.label, x: left - 6, y: y + 4, "tick", anchor: .end)
        free = y - 13
      }
    }
    for (beyond, label) in labelled where depth(beyond) <= end + 1e-9 {
      drawing.line("grid", x(beyond), top, x(beyond), base)
      drawing.text(label, x: x(beyond), y: base + 14, "tick", anchor: .middle)
    }
    drawing.line("axis", left, base, far, base)
    drawing.text("percentile", x: (left + far) / 2, y: base + 29, "tick", anchor: .middle)
  }

  /// The names of the lines beside their ends, moved apart where these are close to each other.
  private static func names(
    _ series: [Series], _ axis: TimeAxis, _ x: (UInt64) -> Double, _ drawing: inout SVGDrawing
  ) {
    struct End {
      let place: Int
      let x: Double
      let y: Double
      var label: Double
    }
    var ends = series.enumerated().compactMap { place, line in
      line.distribution.points.last.map {
        End(place: place, x: x($0.beyond), y: axis.position($0.value), label: axis.position($0.value))
      }
    }.sorted { $0.y < $1.y }
    let pitch = 14.0
    for index in ends.indices.dropFirst() {
      ends[index].label = max(ends[index].label, ends[index - 1].label + pitch)
    }
    // What was pushed out at the bottom comes back from there.
    var lowest = height - bottom
    for index in ends.indices.reversed() {
      ends[index].label = min(ends[index].label, lowest)
      lowest = ends[index].label - pitch
    }
    for end in ends {
      drawing.line("leader s\(end.place + 1)", end.x + 4, end.y, width - right + 6, end.label)
      drawing.text(
        Text.cut(series[end.place].name, to: 23), x: width - right + 9, y: end.label + 4,
        "name s\(end.place + 1)",
        tip: series[end.place].name)
    }
  }

  private static func words(_ series: Series) -> String {
    let values = labelled.compactMap { beyond, label in
      series.distribution.percentile(beyond: beyond).map { "p\(label) \(Text.duration($0))" }
    }
    return series.name + ": " + (values.isEmpty ? "too few for a median" : values.joined(separator: ", "))
  }
}
