import Foundation
import Reports
import Testing

@testable import Reporting

/// What is said to happen a second, where events are missing.
@Suite("Rates")
struct RateTests {
  @Test("of a lossy run count what is missing, or what is recorded by the time that is known")
  func lossy() throws {
    let report = try ReportTests.builder("lossy").1.summary()
    let summary = try #require(report.summary)
    let all = try #require(summary.allExits?.rate)
    let missing = summary.vcpus.reduce(0) { $0 + $1.pairing.missingExits }
    #expect(all.basis == "with_missing" && missing > 0)
    // 25 000 writes, the power-off, and the signal that ends the run.
    let truth = 25_002e9 / Double(report.trace.duration)
    #expect(abs(all.perSecond / truth - 1) < 1e-9)
    let writes = try #require(summary.exits.max { $0.count < $1.count }?.rate)
    #expect(writes.basis == "covered")
    #expect(abs(writes.perSecond / truth - 1) < 0.1)
    let compare = try #require(Report.comparing(report, with: report).compare)
    #expect(compare.exits.last?.a?.perSecond == all.perSecond && compare.exits.last?.a?.basis == all.basis)
    let text = TextRenderer.render(Report.comparing(report, with: report))
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("≈: by the time that is known"))
    #expect(text.contains(Text.rate(all.perSecond, isEstimate: false).replacing(Text.space, with: " ")))
  }

  @Test("of a complete run are what was recorded by all of the time", arguments: ["mixed", "whole"])
  func complete(_ name: String) throws {
    let report = try ReportTests.builder(name).1.summary()
    let exits = try #require(report.summary).exits
    for exit in exits {
      let rate = try #require(exit.rate)
      #expect(rate.basis == "recorded")
      #expect(abs(rate.perSecond - Double(exit.count) * 1e9 / Double(report.trace.duration)) < 1e-3)
    }
    #expect(report.summary?.allExits?.rate?.basis == "recorded")
    #expect(!TextRenderer.render(report).contains("≈") && !TextRenderer.render(report).contains("≥"))
  }

  @Test("of a time of which nothing is known are none")
  func nothing() {
    #expect(RateReport(5, time: 0, coverage: 1) == nil)
    #expect(RateReport(5, time: 10, coverage: 0) == nil)
    #expect(RateReport(5, missing: 5, time: 1_000_000_000, coverage: 0)?.perSecond == 10)
    #expect(RateReport(5, time: 1_000_000_000, coverage: 0.5)?.perSecond == 10)
  }

  @Test("of a small part of the time say nothing of the rest")
  func burst() {
    #expect(RateReport(5, time: 1_000_000_000, coverage: 0.49) == nil)
    #expect(RateReport(numbered: [(5, 1_000)], of: 100_000) == nil)
    #expect(RateReport(numbered: [(5, 60_000), (5, 40_000)], of: 100_000) == nil)
    #expect(RateReport(numbered: [(5, 50_000), (10, 100_000)], of: 100_000)?.perSecond == 200_000)
  }
}
