import Reporting
import Reports
import Statistics

/// The ways of a queue's kicks to their interrupts, a row for each: what happens in boxes, and how long it took from one to
/// the next on the arrows between, the median above and the 99th percentile below.
struct PathDiagram {
  /// A row.
  struct Lane {
    /// What stands before it.
    let title: String
    /// Smaller, below the title.
    let remarks: [String]
    /// `ioeventfd`, `exit` or `request`: how it looks.
    let kind: String
    let boxes: [String]
    /// From each box to the next; nil: not measured.
    let stages: [LatencyReport?]
    /// Sums, below the row.
    let sums: [(name: String, latency: LatencyReport)]
    /// The part of the queue's kicks that went this way, 0 to 1: the thickness of the arrows; nil: not known.
    let share: Double?
  }

  private static let titleWidth = 150.0
  private static let boxWidth = 92.0
  private static let gap = 74.0
  private static let boxHeight = 26.0

  /// - Parameters:
  ///   - name: Of the queue.
  ///   - lanes: At least one.
  static func html(_ name: String, _ lanes: [Lane]) -> String {
    let boxes = lanes.map(\.boxes.count).max() ?? 0
    let width = titleWidth + Double(boxes) * boxWidth + Double(max(0, boxes - 1)) * gap + 8
    var drawing = SVGDrawing(
      width: width, height: lanes.reduce(0) { $0 + height($1) }, title: "The way of requests to \(name)",
      description: lanes.map(words).joined(separator: ". "))
    var y = 0.0
    for lane in lanes {
      draw(lane, width, y, &drawing)
      y += height(lane)
    }
    return drawing.html
  }

  private static func height(_ lane: Lane) -> Double { lane.sums.isEmpty ? 78 : 94 }

  private static func draw(_ lane: Lane, _ width: Double, _ y: Double, _ drawing: inout SVGDrawing) {
    drawing.rect("lane \(lane.kind)", x: 0, y: y + 2, width: width, height: height(lane) - 6, rounded: 4)
    drawing.text(lane.title, x: 10, y: y + 26, "label")
    for (place, remark) in lane.remarks.enumerated() {
      drawing.text(remark, x: 10, y: y + 41 + 13 * Double(place), "tick")
    }
    let middle = y + 36
    for (place, box) in lane.boxes.enumerated() {
      let x = titleWidth + Double(place) * (boxWidth + gap)
      if place > 0 {
        arrow(lane.stages[place - 1], lane, "\(lane.boxes[place - 1]) → \(box)", x - gap, x, middle, &drawing)
      }
      drawing.rect("box", x: x, y: middle - boxHeight / 2, width: boxWidth, height: boxHeight, rounded: 4)
      drawing.text(box, x: x + boxWidth / 2, y: middle + 4, anchor: .middle)
    }
    let sums = lane.sums.map { "\($0.name) \(both($0.latency))" }
    if !sums.isEmpty {
      drawing.text(sums.joined(separator: "   ·   "), x: titleWidth, y: y + 80, "sum")
    }
  }

  private static func arrow(
    _ stage: LatencyReport?, _ lane: Lane, _ name: String, _ from: Double, _ to: Double, _ y: Double,
    _ drawing: inout SVGDrawing
  ) {
    let kind = stage == nil ? "arrow unmeasured" : "arrow \(lane.kind)"
    // So wide that most kicks' way is seen at once, and few kicks' is still seen.
    let thickness = lane.share.map { 1.2 + 3.8 * $0 } ?? 2
    let n = SVGDrawing.number
    drawing.path(
      kind,
      "M\(n(from + 2)) \(n(y - thickness / 2))H\(n(to - 9))V\(n(y - 5))L\(n(to - 1)) \(n(y))L\(n(to - 9)) \(n(y + 5))"
        + "V\(n(y + thickness / 2))H\(n(from + 2))Z")
    guard let stage else { return }
    let middle = (from + to) / 2 - 2
    let tip =
      "\(name): \(Text.count(stage.count)), p50 \(Text.duration(stage.p50)), p99 \(Text.duration(stage.p99)), max \(Text.duration(stage.maximum))"
    drawing.text(Text.duration(stage.p50), x: middle, y: y - 8, "value", anchor: .middle, tip: tip)
    if stage.count >= PathDiagram.fewestForTail {
      drawing.text(Text.duration(stage.p99), x: middle, y: y + 17, "tick", anchor: .middle, tip: tip)
    }
  }

  /// Of fewer a p99 says next to nothing.
  static let fewestForTail = Percentile.fewestEvents(permille: 990)

  private static func both(_ latency: LatencyReport) -> String {
    Text.duration(latency.p50) + (latency.count >= fewestForTail ? " / \(Text.duration(latency.p99))" : "")
  }

  private static func words(_ lane: Lane) -> String {
    var parts = [lane.title] + lane.remarks
    for (place, stage) in lane.stages.enumerated() {
      guard let stage else { continue }
      parts.append("\(lane.boxes[place]) to \(lane.boxes[place + 1]) p50 \(Text.duration(stage.p50))")
    }
    parts += lane.sums.map { "\($0.name) p50 \(Text.duration($0.latency.p50))" }
    return parts.joined(separator: ", ")
  }
}
