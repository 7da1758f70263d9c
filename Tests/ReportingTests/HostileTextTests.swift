import Reports
import Testing

@testable import Reporting

/// Names in a trace are whatever its writer wanted.
@Suite("Text of hostile names")
struct HostileTextTests {
  @Test("fits the page and holds no control characters", arguments: [false, true])
  func names(_ usesColor: Bool) throws {
    for report in try ReportTests.all("lossy") + ReportTests.all("doorbell-exits") {
      var report = report
      let name =
        String(repeating: "x", count: 150) + "\u{1b}]0;title\u{7}\u{1b}[2J\n\u{9b}1m\r\u{1b}[8m\u{1b}[31m"
        + "end"
      report.machine?.guest = name
      report.machine?.kernel = name
      report.trace.diagnostics = [name]
      report.trace.lostPackets = 12
      report.trace.discardedEvents = 1 << 40
      report.trace.isPartial = true
      report.findings = [name]
      report.exits?.filter = name
      report.paths?.filter = name
      for index in report.exits?.groups.indices ?? 0..<0 { report.exits?.groups[index].label = name }
      for index in report.paths?.paths.indices ?? 0..<0 { report.paths?.paths[index].device = name }
      for index in report.summary?.exits.indices ?? 0..<0 {
        report.summary?.exits[index].device = "d \(index)"
      }
      let text = TextRenderer.render(report, style: TextStyle(usesColor: usesColor))
      // Colours are those of a report without such names.
      #expect(!text.contains("\u{1b}[8m") && !text.contains("\u{1b}[31m"))
      let plain = text.replacing(#/\u{1b}\[[0-9;]*m/#, with: "")
      for line in plain.split(separator: "\n") { #expect(line.count <= 100, "\(report.command): \(line)") }
      #expect(!plain.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
      #expect(plain.contains("PARTIAL: "))
    }
  }

  @Test("suggested commands can be copied")
  func suggestions() throws {
    var report = try ReportTests.builder("mixed").1.summary()
    report.trace.paths = ["/tmp/my run", "it's"]
    #expect(TextRenderer.render(report).contains("'/tmp/my run' 'it'\\''s'"))
    report.trace.paths = ["/tmp/a\u{1b}[2Jb", "/tmp/\u{10feff}"]
    #expect(TextRenderer.render(report).contains("$'/tmp/a\\x1b[2Jb' $'/tmp/\\xff'"))
    report.trace.paths = ["/" + String(repeating: "long/", count: 14)]
    let lines = TextRenderer.render(report).split(separator: "\n")
    #expect(lines.contains { $0.hasSuffix("\\") })
    #expect(lines.allSatisfy { $0.count <= 100 })
  }
}
