import Foundation
import Reports
import Testing

@testable import Reporting

/// What every report of the recorded traces says, word for word: a change of words, of an order or of a number shows in
/// the diff of the files. `EXEUNT_UPDATE_GOLDEN=1` writes them anew, to be read before they are committed.
@Suite("Reports as they were read and found right")
struct GoldenReportTests {
  private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Golden")
  private static let updates = ProcessInfo.processInfo.environment["EXEUNT_UPDATE_GOLDEN"] == "1"

  @Test("text", arguments: ReportTests.names)
  func text(_ name: String) throws {
    // Of the groupings of exits one: the others put the same histograms together.
    let reports = try ReportTests.all(name).filter { $0.exits == nil || $0.exits?.by == "address" }
    try check(name, reports + [try ReportTests.builder(name).1.check()])
  }

  @Test("text of a comparison")
  func comparison() throws {
    let a = try ReportTests.builder("doorbell-ioeventfd").1.summary()
    let b = try ReportTests.builder("doorbell-exits").1.summary()
    try check("doorbell-ioeventfd-and-exits", [Report.comparing(a, with: b)])
  }

  private func check(_ name: String, _ reports: [Report]) throws {
    let file = Self.directory.appendingPathComponent("\(name).txt")
    let text = reports.map { TextRenderer.render($0) }.joined(separator: "\n––––\n\n")
    if Self.updates { try text.write(to: file, atomically: true, encoding: .utf8) }
    let known = try String(contentsOf: file, encoding: .utf8)
    let (left, right) = (known.split(separator: "\n"), text.split(separator: "\n"))
    for (line, (was, now)) in zip(left, right).enumerated() where was != now {
      Issue.record("\(file.lastPathComponent), line \(line + 1) that is not empty: was '\(was)', is '\(now)'")
      return
    }
    #expect(left.count == right.count)
  }
}
