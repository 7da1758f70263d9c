import Foundation
import Reports
import Testing

@testable import Pages
@testable import Reporting

/// Charts say what the reports say.
@Suite("Charts")
struct ChartTests {
  private static func exits(_ name: String) throws -> [ExitDistribution] {
    try ReportTests.builder(name).1.exitDistributions(by: .device)
  }

  @Test("a scale of time has each duration at its logarithm, and labels that are true")
  func timeAxis() {
    for range in [1...10, 0...0, 7...7, 900...1_100_000, 1...Int64.max, 350...360] as [ClosedRange<Int64>] {
      let axis = TimeAxis(range, from: 10, to: 410)
      let ticks = axis.ticks
      #expect(!ticks.isEmpty)
      let places = ticks.map { axis.position($0.duration) }
      #expect(places == places.sorted() && places.allSatisfy { (10 - 1e-6...410 + 1e-6).contains($0) })
      for (one, two) in zip(ticks, ticks.dropFirst()) where two.duration > one.duration {
        // Equal ratios are equal lengths.
        let length =
          (axis.position(two.duration) - axis.position(one.duration))
          / log(Double(two.duration) / Double(one.duration))
        let whole =
          (places.last! - places.first!) / log(Double(ticks.last!.duration) / Double(ticks.first!.duration))
        #expect(abs(length - whole) < 0.02 * whole)
      }
      for bound in [range.lowerBound, range.upperBound] {
        #expect((10...410).contains(axis.position(bound)))
      }
    }
  }

  @Test(
    "histograms have a bar for each that is not empty, as high as its count", arguments: ReportTests.names)
  func histograms(_ name: String) throws {
    for exits in try Self.exits(name) {
      let all = [exits.handling.latency, exits.inKvmRun.latency].filter { $0.count > 0 }
      guard let low = all.map(\.minimum).min(), let high = all.map(\.maximum).max() else { continue }
      let svg = try SVGElements(HistogramChart.html(exits, range: low...high, guestRun: "KVM_RUN"))
      for (kind, distribution) in [("hist-a", exits.handling), ("hist-b", exits.inKvmRun)] {
        let rects = svg.all("rect", kind)
        #expect(rects.count == distribution.bars.count)
        let most = distribution.bars.map(\.count).max() ?? 1
        for (rect, bar) in zip(rects, distribution.bars) {
          let height = HistogramChart.panelHeight * Double(bar.count) / Double(most)
          #expect(abs(rect.number("height") - max(1, height)) < 0.02)
          #expect(rect.tip.hasSuffix(": \(Text.count(bar.count))"))
          #expect(
            rect.number("x") >= 0 && rect.number("x") + rect.number("width") <= HistogramChart.width + 1)
        }
        let begins = rects.map { $0.number("x") }
        #expect(begins == begins.sorted())
      }
    }
  }

  @Test("bars of threads are as long as their times, and fill the whole", arguments: ReportTests.names)
  func shares(_ name: String) throws {
    let report = try ReportTests.builder(name).1.summary()
    let summary = try #require(report.summary)
    let rows = TimeShareChart.rows(of: summary, "KVM_RUN")
    #expect(rows.count == summary.vcpus.count + summary.loops.count)
    for row in rows {
      #expect(row.parts.reduce(0) { $0 + $1.time } == row.span)
      for part in row.parts where !part.parts.isEmpty {
        #expect(part.parts.reduce(0) { $0 + $1.time } <= part.time)
      }
    }
    let html = try #require(TimeShareChart.html(of: report))
    let svg = try SVGElements("<div>\(html)</div>")
    let bars = svg.all("rect", "state").filter { $0.number("height") == 20 }
    var rest = bars[...]
    for row in rows {
      let own = rest.prefix(row.parts.count)
      rest = rest.dropFirst(row.parts.count)
      let length = own.reduce(0) { $0 + $1.number("width") }
      for (rect, part) in zip(own, row.parts) {
        #expect(rect.classes.contains(part.kind))
        #expect(abs(rect.number("width") - length * Double(part.time) / Double(row.span)) < 0.1)
        #expect(rect.tip.contains("\(row.name): \(part.name) "))
      }
    }
    #expect(rest.isEmpty)
  }

  @Test("lines of percentiles rise, and go through the table's", arguments: ReportTests.names)
  func percentiles(_ name: String) throws {
    let exits = try Self.exits(name)
    let series = exits.map { PercentileChart.Series(name: $0.label, distribution: $0.handling) }
    let drawn = series.filter { !$0.distribution.points.isEmpty }.prefix(PercentileChart.mostSeries)
    guard let html = PercentileChart.html("handling", series) else {
      #expect(drawn.isEmpty)
      return
    }
    let svg = try SVGElements(html)
    #expect(svg.all("polyline").map(\.tip) == drawn.map(\.name))
    for line in svg.all("polyline") {
      let points = (line.attributes["points"] ?? "").split(separator: " ").map {
        $0.split(separator: ",").compactMap { Double($0) }
      }
      #expect(points.map { $0[0] } == points.map { $0[0] }.sorted())
      // Up is less.
      #expect(points.map { $0[1] } == points.map { $0[1] }.sorted(by: >))
    }
    let tips = svg.all("circle").map(\.tip)
    for line in drawn where line.distribution.latency.count >= 1000 {
      let latency = line.distribution.latency
      #expect(tips.contains("\(line.name): p50 \(Text.duration(latency.p50))"))
      #expect(tips.contains("\(line.name): p99 \(Text.duration(latency.p99))"))
    }
  }

  @Test("ways have what paths measured on their arrows", arguments: ReportTests.names)
  func ways(_ name: String) throws {
    let paths = try #require(try ReportTests.builder(name).1.paths().paths)
    let queues = QueueLanes.queues(paths)
    #expect(queues.isEmpty == !(paths.paths.contains { $0.kicks > 0 } || paths.requests != nil))
    let known =
      paths.paths.flatMap { $0.stages.map(\.latency) }
      + (paths.requests ?? []).flatMap { $0.stages.map(\.latency) }
    for queue in queues {
      for lane in queue.lanes {
        #expect(lane.boxes.count == lane.stages.count + 1)
        #expect(lane.stages.compactMap { $0 }.allSatisfy(known.contains))
      }
      let svg = try SVGElements(PathDiagram.html(queue.name, queue.lanes))
      let medians = queue.lanes.flatMap { $0.stages.compactMap { $0.map { Text.duration($0.p50) } } }
      #expect(svg.all("text", "value").map { $0.text.prefix(while: { $0 != ":" }) }.count == medians.count)
      for (text, median) in zip(svg.all("text", "value"), medians) { #expect(text.text.hasPrefix(median)) }
      #expect(
        svg.all("path", "unmeasured").count
          == queue.lanes.reduce(0) { $0 + $1.stages.filter { $0 == nil }.count })
    }
  }

  @Test("intervals are where the scale has their ends, and end in arrows beyond it")
  func forest() throws {
    let evidence = EvidenceReport(
      design: "pairs", level: 0.01, equivalence: 0.02, a: [], b: [], warnings: [], primary: [],
      exploratory: [])
    func metric(_ name: String, _ ratio: Double, _ lower: Double, _ upper: Double) -> MetricReport {
      var metric = MetricReport(
        name: name, unit: "ns", isLessBetter: true, a: [], b: [], medianA: 1, medianB: ratio,
        verdict: upper < 1 ? "better" : lower > 1 ? "worse" : "no_evidence")
      (metric.ratio, metric.lower, metric.upper) = (ratio, lower, upper)
      return metric
    }
    let metrics = [
      metric("half", 0.5, 0.45, 0.55), metric("same", 1.001, 0.99, 1.012), metric("twice", 2, 1.5, 2.5),
      metric("beyond", 50, 40, 60), metric("far", 9, 0.02, 70),
    ]
    let range = ForestPlot.range(metrics, evidence)
    #expect(abs(range.upperBound - 10) < 1e-9 && abs(range.lowerBound - 0.1) < 1e-9)
    let svg = try SVGElements(ForestPlot.html("Metrics", metrics, isPrimary: true, evidence, range: range))
    let none = try #require(svg.all("line", "none").first).number("x1")
    // Of one that is as much less as another is more, the places are as far from no effect.
    let squares = svg.all("rect", "effect")
    #expect(squares.count == 4)
    let centres = squares.map { $0.number("x") + 4 - none }
    #expect(abs(centres[0] + centres[2]) < 0.05 && centres[0] < 0 && abs(centres[1]) < 1)
    #expect(squares.map(\.classes).map { $0[1] } == ["better", "no_evidence", "worse", "no_evidence"])
    // An arrow for each end that is not on the scale.
    #expect(svg.all("polyline", "outline").count == 4)
    let lines = svg.all("line", "effect").filter { $0.number("y1") == $0.number("y2") }
    let unit = centres[2] / log(2)
    #expect(lines.count == 4)
    for (line, ends) in zip(lines, [(0.45, 0.55), (0.99, 1.012), (1.5, 2.5), (0.1, 10)]) {
      #expect(abs(line.number("x1") - none - unit * log(ends.0)) < 0.1)
      #expect(abs(line.number("x2") - none - unit * log(ends.1)) < 0.1)
    }
    for metric in metrics { #expect(svg.all("desc").first?.text.contains(metric.name) == true) }
  }
}
