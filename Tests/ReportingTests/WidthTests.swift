import Analysis
import CTF
import Foundation
import Reports
import Testing

@testable import Reporting

/// What a page of any width shows.
@Suite("Text fits its page")
struct WidthTests {
  static let widths = [40, 60, 61, 67, 72, 80, 93, 100, 120, 132, 160, 200, 250]

  /// Reports of all commands, and how to make a timeline for a page.
  private struct Reports {
    let all: [Report]
    let timeline: (TextStyle) -> Report

    init(_ name: String) throws {
      let (trace, builder) = try ReportTests.builder(name)
      let begin = try #require(builder.result.begin)
      let summary = builder.summary()
      let other = try ReportTests.builder("doorbell-exits").1.summary()
      all =
        [
          summary, builder.paths(),
          Report.comparing(summary, with: other),
        ] + ExitGrouping.allCases.map { builder.exits(by: $0) }
      timeline = { style in
        let window = begin..<begin + builder.duration + 1
        let cells = TextRenderer.timelineCells(threads: builder.threadNames, style: style)
        let timeline = Timeline.read(trace, window: window, traceBegin: begin, threads: 3, cells: cells)
        return builder.timeline(timeline, window: window)
      }
    }
  }

  @Test("exits that have no row of their own are others, with how many kinds only where that is known")
  func others() throws {
    let report = try ReportTests.builder("mixed").1.exits(by: .device)
    var exits = try #require(report.exits?.groups.first).exits
    exits.reason = nil
    exits.addresses = 5
    #expect(ExitText.label(exits) == "others (about 5 kinds)")
    exits.addresses = 0
    #expect(ExitText.label(exits) == "others")
  }

  @Test("no line is wider than asked for", arguments: ReportTests.names)
  func fits(_ name: String) throws {
    let reports = try Reports(name)
    for width in Self.widths {
      let style = TextStyle(width: width)
      for report in reports.all + [reports.timeline(style)] {
        for line in TextRenderer.render(report, style: style).split(separator: "\n") {
          #expect(line.count <= width, "\(report.command): \(line)")
        }
      }
    }
  }

  /// What stands between ordinary spaces and has a digit: numbers with their units.
  private static func numbers(_ report: Report, _ style: TextStyle) -> Set<String> {
    let words = TextRenderer.lines(report, style: style)
      .filter { !$0.contains("no room at") }
      .flatMap { $0.split(separator: " ") }
      .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: ",;:()")) }
    return Set(words.filter { $0.contains(where: \.isNumber) })
  }

  @Test("a narrow page has no number that a wide one does not have", arguments: ReportTests.names)
  func wholeNumbers(_ name: String) throws {
    let wide = TextStyle(width: 1000)
    for report in try Reports(name).all {
      let all = Self.numbers(report, wide)
      // Exits whose instruction pointers are not recorded come from no place.
      #expect(all.count > 10 || report.exits?.places?.count == 0)
      for width in Self.widths {
        for number in Self.numbers(report, TextStyle(width: width)) where !number.contains("…") {
          if !all.contains(number) { Issue.record("\(report.command) at \(width): \(number)") }
        }
      }
    }
  }

  @Test(
    "what there is no room for is named; on a wide page there is room for everything",
    arguments: ReportTests.names)
  func leftOut(_ name: String) throws {
    let report = try ReportTests.builder(name).1.summary()
    func missing(_ width: Int) -> [Substring] {
      TextRenderer.render(report, style: TextStyle(width: width)).split(separator: "\n")
        .filter { $0.contains("no room at \(width) columns for: ") }
    }
    #expect(missing(60).contains { $0.contains("run p99") })
    #expect(missing(250).isEmpty)
  }

  @Test("ASCII takes the same columns, and is ASCII", arguments: ReportTests.names)
  func ascii(_ name: String) throws {
    let style = TextStyle(width: 90)
    var plain = style
    plain.isASCII = true
    let reports = try Reports(name)
    for report in reports.all + [reports.timeline(style)] {
      let unicode = TextRenderer.render(report, style: style)
      let ascii = TextRenderer.render(report, style: plain)
      #expect(unicode.contains { !$0.isASCII } && ascii.utf8.allSatisfy { $0 < 0x80 })
      #expect(
        ascii.split(separator: "\n", omittingEmptySubsequences: false).map(\.count)
          == unicode.split(separator: "\n", omittingEmptySubsequences: false).map(\.count))
      // Everything that this program itself writes has a counterpart.
      #expect(ascii.filter { $0 == "?" }.count == unicode.filter { $0 == "?" }.count)
    }
  }

  @Test(
    "the locale says whether it is ASCII",
    arguments: [
      ([:], true), (["LANG": "C"], true), (["LANG": "de_DE.UTF-8"], false), (["LANG": "C.utf8"], false),
      (["LANG": "de_DE.UTF-8", "LC_ALL": "C"], true), (["LC_ALL": "", "LC_CTYPE": "en_US.UTF-8"], false),
      (["LC_ALL": "POSIX", "LC_CTYPE": "en_US.UTF-8"], true), (["LANG": "de_DE.ISO-8859-1"], true),
    ] as [([String: String], Bool)])
  func locale(_ environment: [String: String], _ isASCII: Bool) {
    #expect(ASCIIText.isWanted { environment[$0] } == isASCII)
  }
}
