import Foundation
import Reports
import Testing

@testable import Reporting

/// Pages of reports: the same documents as the text.
@Suite("Reports as HTML")
struct HTMLTests {
  private static func reports(_ name: String) throws -> [Report] {
    let a = try ReportTests.builder("doorbell-ioeventfd").1.summary()
    let b = try ReportTests.builder(name).1.summary()
    return try ReportTests.all(name) + [ReportTests.builder(name).1.check(), Report.comparing(a, with: b)]
  }

  /// The words of a text of a report, without what is drawn.
  private static func words(_ report: Report) -> [String] {
    // So wide that no column is left out.
    var lines = TextRenderer.render(report, style: TextStyle(width: 1000)).split(separator: "\n")
    if let timeline = report.timeline,
      let last = lines.firstIndex(where: { $0.hasPrefix("each column shows") }),
      let name = timeline.lanes.first?.name, let first = lines.firstIndex(where: { $0.hasPrefix(name) })
    {
      lines.removeSubrange((timeline.marks.isEmpty ? first : first - 1)..<last - 1)
    }
    return lines.flatMap { $0.split(separator: " ") }.map(String.init).filter { word in
      !word.allSatisfy { ("▁"..."▏").contains($0) }
    }
  }

  @Test("say all that the text says, in its order", arguments: ReportTests.names)
  func text(_ name: String) throws {
    for report in try Self.reports(name) {
      let html = HTMLRenderer.render(report)
      let page = try HTMLPage(html)
      var rest = page.words[...]
      for word in Self.words(report) {
        guard let place = rest.firstIndex(of: word) else {
          Issue.record("\(report.command) of \(name): '\(word)' is not where it should be")
          break
        }
        rest = rest[(place + 1)...]
      }
      for lane in report.timeline?.lanes ?? [] { #expect(page.words.contains(lane.name)) }
      for path in report.compare?.other.paths ?? [] {
        #expect(html.split(separator: "\n").contains { $0.hasPrefix("<h1>") && $0.contains(path) })
      }
      for mark in report.timeline?.marks ?? [] { #expect(page.words.contains(String(mark.value))) }
    }
  }

  @Test("have the document's sections, each with a link to it", arguments: ReportTests.names)
  func sections(_ name: String) throws {
    for report in try Self.reports(name) {
      let page = try HTMLPage(HTMLRenderer.render(report))
      let titles = DocumentBuilder.document(report).blocks.compactMap { block -> String? in
        switch block {
        case .heading(let text): return text
        case .table(let table):
          guard table.isTitled, case .text(let title)? = table.rows.first?.first else { return nil }
          return title
        default: return nil
        }
      }
      #expect(page.headings == titles.map { HTMLPage.words($0).joined(separator: " ") })
      #expect(page.sections == page.headings.count)
      #expect(Set(page.anchors).count == page.anchors.count)
      #expect(page.targets.allSatisfy(page.anchors.contains))
      #expect(page.anchors.count == page.headings.count)
    }
  }

  @Test(
    "align numbers to the right, and have as many cells in each row as columns", arguments: ReportTests.names)
  func tables(_ name: String) throws {
    for report in try Self.reports(name) {
      let tables = DocumentBuilder.document(report).blocks.compactMap { block -> DocumentTable? in
        if case .table(let table) = block { table } else { nil }
      }
      let page = try HTMLPage(HTMLRenderer.render(report))
      #expect(page.rows == tables.flatMap { table in table.rows.map { _ in table.alignments.count } })
      let numbers = tables.flatMap { table in
        table.rows.dropFirst(table.hasTitles ? 1 : 0).flatMap { row in
          row.indices.filter { table.alignments[$0] == .right }.compactMap { column -> String? in
            guard case .text(let text) = row[column], !text.isEmpty else { return nil }
            return HTMLPage.words(text).joined(separator: " ")
          }
        }
      }
      #expect(page.numbers == numbers)
    }
  }

  /// What a trace may call things, to be taken for markup.
  static let hostile =
    "</title></style><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;b&gt;]]><!--"
    + "\u{1b}[2J\u{0}\u{9b}\u{202e}\u{2066}\u{ffff}"

  /// The report with hostile text behind each string of it.
  static func poisoned(_ report: Report, besides known: Set<String>) throws -> Report {
    func poison(_ value: Any) -> Any {
      switch value {
      case let text as String: return text + hostile
      case let list as [Any]: return list.map(poison)
      case let object as [String: Any]:
        return object.reduce(into: [String: Any]()) { result, entry in
          result[entry.key] = known.contains(entry.key) ? entry.value : poison(entry.value)
        }
      default: return value
      }
    }
    let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(report))
    return try JSONDecoder().decode(Report.self, from: JSONSerialization.data(withJSONObject: poison(json)))
  }

  @Test(
    "show markup in names as text",
    arguments: [
      [],
      // Words of reports themselves, which tell what there is to be said.
      [
        "command", "kind", "state", "basis", "reason", "direction", "statistic", "by", "sortedBy", "end",
        "scope",
      ],
    ] as [Set<String>])
  func hostileNames(_ known: Set<String>) throws {
    for report in try Self.reports("lossy") + Self.reports("doorbell-exits") {
      var report = try Self.poisoned(report, besides: known)
      report.findings = [Self.hostile]
      report.trace.diagnostics = [Self.hostile]
      report.machines = [NamedMachineReport(name: Self.hostile, machine: report.machine)]
      let html = HTMLRenderer.render(report)
      // A real parser refuses what is not well-formed, and control characters.
      let page = try HTMLPage(html)
      #expect(page.elements.isSubset(of: HTMLPage.knownElements))
      #expect(page.attributes.isSubset(of: HTMLPage.knownAttributes))
      #expect(page.words.contains { $0.contains("<script>alert(1)</script>\"'><img") })
      #expect(!html.contains("<script") && !html.contains("<img"))
      #expect(!html.unicodeScalars.contains { ["\u{202e}", "\u{2066}", "\u{1b}", "\u{9b}"].contains($0) })
    }
  }

  @Test("need nothing outside of themselves", arguments: ReportTests.names)
  func selfContained(_ name: String) throws {
    for report in try Self.reports(name) {
      let html = HTMLRenderer.render(report)
      let page = try HTMLPage(html)
      #expect(page.elements.isSubset(of: HTMLPage.knownElements))
      #expect(page.attributes.isSubset(of: HTMLPage.knownAttributes))
      #expect(!html.contains("url(") && !html.contains("@import"))
      // Of an address, only the name of HTML's vocabulary.
      #expect(html.components(separatedBy: "://").count == 2)
    }
  }
}
