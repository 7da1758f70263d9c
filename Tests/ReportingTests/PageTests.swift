import Foundation
import Reports
import Testing

@testable import Pages
@testable import Reporting

/// Pages of runs (`report`), without a browser.
@Suite("Pages of runs")
struct PageTests {
  private static func run(_ name: String) throws -> ReportedRun {
    let (_, builder) = try ReportTests.builder(name)
    var run = ReportedRun(name: "traces/\(name)", builder)
    run.picture = try ReportTests.all(name).first { $0.timeline != nil }
    return run
  }

  private static func comparison(_ a: String, _ b: String) throws -> ReportPage {
    let runs = try [a, b].map { try ReportTests.builder($0).1.compared() }
    let report = Report.comparing([runs[0]], with: [runs[1]], ComparisonPlan())
    return ReportPage(comparing: report, [try run(a), try run(b)])
  }

  private static func pages(_ name: String) throws -> [String] {
    [ReportPage(try run(name)).html, try comparison("doorbell-ioeventfd", name).html]
  }

  @Test("are well-formed, and every link leads to a place of its own", arguments: ReportTests.names)
  func links(_ name: String) throws {
    for html in try Self.pages(name) {
      let page = try HTMLPage(html)
      #expect(Set(page.anchors).count == page.anchors.count)
      #expect(page.targets.count > 5 && page.targets.allSatisfy(page.anchors.contains))
      #expect(page.sections > 5)
      #expect(!html.contains("url(") && !html.contains("@import"))
      // Of addresses, only the name of HTML's vocabulary.
      #expect(html.components(separatedBy: "://").count == 2)
    }
  }

  @Test("say all that the commands' texts say", arguments: ReportTests.names)
  func words(_ name: String) throws {
    let (_, builder) = try ReportTests.builder(name)
    let words = Set(try HTMLPage(ReportPage(try Self.run(name)).html).words)
    for report in [builder.explain(), builder.summary(), builder.paths()] {
      // What to ask further is on the page already.
      let text = TextRenderer.render(report, style: TextStyle(width: 1000)).split(separator: "ask further:")[
        0]
      let missing = text.split(whereSeparator: \.isWhitespace).map(String.init).filter { word in
        !word.allSatisfy { ("▁"..."▏").contains($0) } && !words.contains(word)
      }
      #expect(missing.isEmpty, "\(report.command)")
    }
  }

  @Test("show markup in names as text")
  func hostileNames() throws {
    var run = try Self.run("doorbell-exits")
    run.name = HTMLTests.hostile
    run.summary = try HTMLTests.poisoned(run.summary, besides: [])
    run.explain = try HTMLTests.poisoned(run.explain, besides: [])
    run.paths = try HTMLTests.poisoned(run.paths, besides: ["kind", "name"])
    run.picture = try run.picture.map { try HTMLTests.poisoned($0, besides: ["state"]) }
    func poisoned(_ exits: ExitDistribution) -> ExitDistribution {
      ExitDistribution(
        label: exits.label + HTMLTests.hostile, exits: exits.exits, inKvmRun: exits.inKvmRun,
        handling: exits.handling)
    }
    run.devices = run.devices.map(poisoned)
    let html = ReportPage(run).html
    let page = try HTMLPage(html)
    #expect(page.words.contains { $0.contains("<script>alert(1)</script>\"'><img") })
    #expect(!html.contains("<script") && !html.contains("<img"))
    #expect(!html.unicodeScalars.contains { ["\u{202e}", "\u{2066}", "\u{1b}", "\u{9b}"].contains($0) })
  }
}

/// Distributions of exits, which charts are drawn of.
@Suite("Distributions of exits")
struct ExitDistributionTests {
  @Test("have all exits in their bars, and the percentiles of the table", arguments: ReportTests.names)
  func distributions(_ name: String) throws {
    let (_, builder) = try ReportTests.builder(name)
    for grouping in [ExitGrouping.device, .reason] {
      let table = try #require(builder.exits(by: grouping).exits?.groups)
      let found = builder.exitDistributions(by: grouping)
      #expect(found.map(\.label) == table.map(\.label))
      for (row, exits) in zip(table, found) {
        #expect(exits.handling.latency == row.exits.handling && exits.inKvmRun.latency == row.exits.inKvmRun)
        for distribution in [exits.handling, exits.inKvmRun] { check(distribution) }
      }
    }
  }

  private func check(_ distribution: LatencyDistribution) {
    let latency = distribution.latency
    #expect(distribution.bars.reduce(0) { $0 + $1.count } == latency.count)
    for (beyond, value, fewest) in [
      (500_000, latency.p50, 20), (100_000, latency.p90, 100), (10_000, latency.p99, 1000),
      (1000, latency.p999, 10_000),
    ] as [(UInt64, Int64, UInt64)] {
      #expect(distribution.percentile(beyond: beyond) == (latency.count >= fewest ? value : nil))
    }
    let values = distribution.points.map(\.value)
    #expect(
      values == values.sorted() && values.allSatisfy { (latency.minimum...latency.maximum).contains($0) })
  }
}
