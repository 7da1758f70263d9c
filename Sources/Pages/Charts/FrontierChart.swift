import Reporting
import Reports

/// Latency against processor time: a point for each configuration, a faint dot for each of its runs, and the frontier.
struct FrontierChart {
  private static let width = 980.0
  private static let left = 78.0
  private static let right = 330.0
  private static let top = 34.0
  private static let bottom = 46.0
  /// Between names.
  private static let pitch = 15.0
  /// Names of so many have room; of more, those on the frontier are told.
  private static let mostNames = 40

  /// A point that has a name.
  private struct Name {
    let point: SweepPointReport
    let x: Double
    let y: Double
    var label: Double
  }

  static func html(_ frontier: SweepFrontierReport) -> String {
    let points = frontier.points
    let named = points.count <= mostNames ? points : Array(points.filter(\.isOnFrontier).prefix(mostNames))
    let height = max(360, top + bottom + Double(named.count + 1) * pitch)
    let x = FrontierAxis(
      points.map(\.cpu) + points.flatMap { $0.runs.compactMap(\.last) }, from: left, to: width - right)
    let y = FrontierAxis(
      points.map(\.latency) + points.flatMap { $0.runs.compactMap(\.first) }, from: height - bottom, to: top)
    var drawing = SVGDrawing(
      width: width, height: height, title: SweepText.title(frontier),
      description: points.map(words).joined(separator: ". "))
    grid(x, y, height - bottom, frontier, &drawing)
    for run in points.flatMap(\.runs) where run.count == 2 {
      drawing.circle("run", x: x.position(run[1]), y: y.position(run[0]), radius: 2)
    }
    let steps = stairs(points).map { (x: x.position($0.cpu), y: y.position($0.latency)) }
    if steps.count > 1 { drawing.polyline("frontier", steps, tip: "the frontier") }
    names(named, x, y, height - bottom, &drawing)
    for point in points {
      drawing.circle(
        kind(point), x: x.position(point.cpu), y: y.position(point.latency), radius: 5, tip: words(point))
    }
    return drawing.html
  }

  /// What colours stand for.
  static let key = PagePiece.key([
    ("point on", "on the frontier"), ("point off", "off it, not beaten by evidence"),
    ("point beaten", "beaten, by evidence"), ("run", "a run"),
  ])

  private static func kind(_ point: SweepPointReport) -> String {
    point.beatenBy.isEmpty ? point.isOnFrontier ? "point on" : "point off" : "point beaten"
  }

  /// What can be had for how much: who pays for more gets the less latency from there on.
  private static func stairs(_ points: [SweepPointReport]) -> [(cpu: Double, latency: Double)] {
    let sorted = points.filter(\.isOnFrontier).sorted { ($0.cpu, $0.latency) < ($1.cpu, $1.latency) }
    var stairs: [(cpu: Double, latency: Double)] = []
    for point in sorted {
      if let last = stairs.last { stairs.append((point.cpu, last.latency)) }
      stairs.append((point.cpu, point.latency))
    }
    return stairs
  }

  private static func grid(
    _ x: FrontierAxis, _ y: FrontierAxis, _ base: Double, _ frontier: SweepFrontierReport,
    _ drawing: inout SVGDrawing
  ) {
    let far = width - right
    var free = Double.infinity
    for tick in y.ticks {
      let place = y.position(tick.value)
      drawing.line("grid", left, place, far, place)
      guard place <= free else { continue }
      drawing.text(tick.label, x: left - 6, y: place + 4, "tick", anchor: .end)
      free = place - 14
    }
    var last = -Double.infinity
    for tick in x.ticks {
      let place = x.position(tick.value)
      drawing.line("grid", place, top, place, base)
      let half = SVGDrawing.width(of: tick.label) / 2
      guard place - half > last else { continue }
      drawing.text(tick.label, x: place, y: base + 15, "tick", anchor: .middle)
      last = place + half + 6
    }
    drawing.line("axis", left, base, far, base)
    drawing.line("axis", left, top, left, base)
    drawing.text("latency: \(Text.cut(frontier.latency, to: 60))", x: 4, y: 14, "label")
    drawing.text("CPU: \(Text.cut(frontier.cpu, to: 60))", x: far, y: base + 34, "label", anchor: .end)
  }

  /// Names in a column of their own, so that none is over another, with lines to their points.
  private static func names(
    _ points: [SweepPointReport], _ x: FrontierAxis, _ y: FrontierAxis, _ base: Double,
    _ drawing: inout SVGDrawing
  ) {
    var names = points.map { point in
      let place = y.position(point.latency)
      return Name(point: point, x: x.position(point.cpu), y: place, label: place)
    }.sorted { ($0.y, $0.x) < ($1.y, $1.x) }
    for index in names.indices.dropFirst() {
      names[index].label = max(names[index].label, names[index - 1].label + pitch)
    }
    // What was pushed out at the bottom comes back from there.
    var lowest = base
    for index in names.indices.reversed() {
      names[index].label = min(names[index].label, lowest)
      lowest = names[index].label - pitch
    }
    for name in names {
      drawing.line("leader grid", name.x + 5, name.y, width - right + 6, name.label)
      drawing.text(
        Text.cut(name.point.label, to: 47), x: width - right + 10, y: name.label + 4,
        name.point.isOnFrontier ? "label" : "", tip: words(name.point))
    }
  }

  private static func words(_ point: SweepPointReport) -> String {
    "\(point.label): latency \(SweepFrontierText.time(point.latency)), CPU \(SweepFrontierText.time(point.cpu)), "
      + (point.isOnFrontier ? "on the frontier" : "off the frontier")
      + ", \(SweepFrontierText.evidence(point))"
  }
}
