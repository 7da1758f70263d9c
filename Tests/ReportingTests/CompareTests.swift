import Analysis
import CTF
import Reports
import Testing

@testable import Reporting

/// Two recordings side by side.
@Suite("compare")
struct CompareTests {
  private static func compare(_ a: String, _ b: String) throws -> (a: Report, b: Report, both: Report) {
    let (one, two) = (try ReportTests.builder(a).1.summary(), try ReportTests.builder(b).1.summary())
    return (one, two, Report.comparing(one, with: two))
  }

  @Test("a recording with itself: nothing differs and every ratio is 1", arguments: ReportTests.names)
  func same(_ name: String) throws {
    let compare = try #require(try Self.compare(name, name).both.compare)
    #expect(compare.differences.isEmpty)
    #expect(compare.threads.allSatisfy { $0.a == $0.b && $0.a != nil })
    for row in compare.exits + compare.paths {
      #expect(row.a == row.b && row.a != nil)
      let ratio = try #require(row.ratio)
      for value in [ratio.perSecond, ratio.p50, ratio.p99, ratio.total] { #expect(value ?? 1 == 1) }
    }
  }

  @Test(
    "every exit, stage and thread of either is there once, with its numbers",
    arguments: [("doorbell-ioeventfd", "doorbell-exits"), ("mixed", "lossy"), ("polling-loop", "mixed")])
  func complete(_ first: String, _ second: String) throws {
    let (a, b, both) = try Self.compare(first, second)
    let compare = try #require(both.compare)
    for (report, side) in [(a, \ComparisonReport.a), (b, \ComparisonReport.b)] {
      let summary = try #require(report.summary)
      let exits = compare.exits.dropLast().compactMap { $0[keyPath: side] }
      #expect(exits.map(\.count).sorted() == summary.exits.map(\.count).sorted())
      #expect(exits.reduce(0) { $0 + $1.total } == summary.allExits?.handling.total)
      #expect(compare.exits.last?[keyPath: side]?.count == summary.allExits?.count)
      let handlers = compare.paths.filter { $0.name.hasSuffix(" handler") }.compactMap { $0[keyPath: side] }
      // The kicks of a queue are one row, whichever way they went.
      var queues: [String: UInt64] = [:]
      for path in summary.paths {
        queues["\(path.device) \(path.queue ?? -1)", default: 0] += path.stage("handler")?.count ?? 0
      }
      #expect(handlers.map(\.count).sorted() == queues.values.filter { $0 > 0 }.sorted())
    }
    for (report, side) in [(a, \ThreadComparisonReport.a), (b, \ThreadComparisonReport.b)] {
      let times = compare.threads.compactMap { $0[keyPath: side] }
      #expect(times.count == (report.summary?.vcpus.count ?? 0) + (report.summary?.loops.count ?? 0))
      #expect(times.allSatisfy { $0.reduce(0) { $0 + $1.time } == report.trace.duration })
    }
    for row in compare.exits + compare.paths {
      #expect((row.ratio == nil) == (row.a == nil || row.b == nil))
      if let ratio = row.ratio?.total, let a = row.a?.total, let b = row.b?.total {
        #expect(abs(ratio * Double(a) - Double(b)) <= Double(b) / 1e9)
      }
    }
    #expect(try Report(json: try both.json()) == both)
    let text = TextRenderer.render(both)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 }, "\(text)")
    let isOneSided = (compare.exits + compare.paths).contains { $0.ratio == nil }
    #expect(text.contains("only in ") == isOneSided)
  }

  @Test("what was configured differently comes first, and which way a kick went shows")
  func configuration() throws {
    let both = try Self.compare("doorbell-ioeventfd", "doorbell-exits").both
    let compare = try #require(both.compare)
    let difference = try #require(compare.differences.first { $0.name == "ioeventfd" })
    #expect(difference.a == "on" && difference.b == "off")
    #expect(compare.differences.allSatisfy { $0.a != $0.b })
    let handler = try #require(compare.paths.first { $0.name == "doorbell0 q0 handler" })
    #expect(handler.waysA == ["ioeventfd"] && handler.waysB == ["exit"] && handler.ratio != nil)
    let lines = TextRenderer.render(both).split(separator: "\n")
    let titles = ["Configuration", "Where the time went", "Event loops", "Userspace exits", "I/O paths"]
    let places = titles.map { title in lines.firstIndex { $0.hasPrefix(title) } ?? -1 }
    #expect(places == places.sorted() && places[0] > 0)
    let rows = lines.filter { $0.hasPrefix("  ioeventfd ") }
    #expect(rows.count == 1 && rows[0].contains(" on ") && rows[0].hasSuffix(" off"))
  }
}
