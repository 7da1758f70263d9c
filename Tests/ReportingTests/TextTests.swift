import Reports
import Testing

@testable import Reporting

@Suite("Numbers as text")
struct TextTests {
  func plain(_ text: String) -> String { text.replacing(Text.space, with: " ") }

  @Test("durations have three significant digits and the right unit")
  func durations() {
    let cases: [(Int64, String)] = [
      (0, "0 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (9_994, "9.99 µs"), (9_996, "10.0 µs"),
      (99_960, "100 µs"),
      (402_000, "402 µs"), (999_400, "999 µs"), (999_600, "1.00 ms"), (1_204_000_000, "1.20 s"),
      (-5_000, "-5.00 µs"), (123_456_000_000_000, "123456 s"),
    ]
    for (value, text) in cases { #expect(plain(Text.duration(value)) == text) }
    #expect(!Text.duration(.min).isEmpty && !Text.duration(.max).isEmpty)
  }

  @Test("counts are grouped")
  func counts() {
    #expect(plain(Text.count(0)) == "0")
    #expect(plain(Text.count(999)) == "999")
    #expect(plain(Text.count(41_200)) == "41 200")
    #expect(plain(Text.count(.max)) == "18 446 744 073 709 551 615")
  }

  @Test("shares never round to all or nothing")
  func shares() {
    #expect(plain(Text.percent(0, of: 10)) == "–")
    #expect(plain(Text.percent(1, of: 1_000_000)) == "<0.1 %")
    #expect(plain(Text.percent(999_999, of: 1_000_000)) == ">99.9 %")
    #expect(plain(Text.percent(10, of: 10)) == "100.0 %")
    #expect(plain(Text.percent(961, of: 1_000)) == "96.1 %")
  }

  @Test("dates are UTC, also before 1970 and on leap days")
  func dates() {
    #expect(Text.date(0) == "1970-01-01 00:00:00.000 UTC")
    #expect(Text.date(1_795_374_051_275_501_524) == "2026-11-22 19:00:51.275 UTC")
    #expect(Text.date(951_782_400_000_000_000) == "2000-02-29 00:00:00.000 UTC")
    #expect(Text.date(-1) == "1969-12-31 23:59:59.999 UTC")
    #expect(!Text.date(.min).isEmpty && !Text.date(.max).isEmpty)
  }

  @Test("tables pad by characters, not bytes")
  func tables() {
    var table = DocumentTable([.left, .right])
    table.add(["µ", "1"])
    table.add(["long", "10", "beyond"])
    #expect(TextTable(table, width: 80).lines() == ["µ      1", "long  10"])
  }

  @Test("names that differ look different where they are cut, wherever they differ")
  func namesCut() {
    for seed in 0..<400 as Range<UInt64> {
      var random = Generator(state: seed)
      func word(_ lengths: ClosedRange<Int>) -> String {
        String(
          (0..<Int.random(in: lengths, using: &random)).map { _ in "abc/ ".randomElement(using: &random)! })
      }
      let (head, tail) = (word(0...70), word(0...70))
      let names = Array(Set((0..<2).map { _ in head + word(1...3) + tail }))
      for width in [12, 20, 35] {
        let shown = Text.cut(names, to: width)
        #expect(shown.allSatisfy { $0.count <= width })
        #expect(Set(shown).count == names.count, "\(names) \(shown)")
        for (name, text) in zip(names, shown) where name.count <= width { #expect(text == name) }
        // What is shown is of the name, apart from where something is left out.
        for (name, text) in zip(names, shown) {
          var rest = name[...]
          for part in text.split(separator: "…") {
            guard let range = rest.firstRange(of: part) else {
              Issue.record("\(part) of \(text) is not in \(name)")
              break
            }
            rest = rest[range.upperBound...]
          }
        }
      }
    }
    // One that nothing is like is cut at its end.
    #expect(Text.cut(["exits/io", "paths/doorbell0"], to: 9) == ["exits/io", "paths/do…"])
  }

  @Test("a table that is too wide is split into tables that fit, each column in one of them")
  func splitTables() {
    var table = DocumentTable([.left] + Array(repeating: .right, count: 12))
    table.add([""] + (0..<12).map { "column \($0)" })
    table.add(["name"] + (0..<12).map { String($0 * 1000) })
    for width in [8, 20, 41, 60, 200] {
      let parts = TextTable(table, width: width).split(width).map { $0.lines() }
      let titles = parts.flatMap { $0[0].split(separator: "  ").map { $0.trimmingPrefix(" ") } }
      #expect(titles.map(String.init) == (0..<12).map { "column \($0)" }, "\(width)")
      #expect(parts.allSatisfy { $0[1].hasPrefix("name ") })
      // One column stays, however narrow the page is.
      #expect(parts.joined().allSatisfy { $0.count <= max(width, 15) })
    }
  }

  @Test("bars are as long as their part of the room; even the shortest is seen")
  func bars() {
    var table = DocumentTable([.left, .left])
    table.bars = DocumentTable.BarRoom(beside: 10, most: 40)
    table.add([.text("all"), .bar(1)])
    table.add([.text("half"), .bar(0.5)])
    table.add([.text("none"), .bar(0)])
    table.add([.text("end"), .span(begin: 0.5, length: 0.5)])
    for (width, room) in [(30, 20), (100, 40), (12, 8)] {
      let lines = TextTable(table, width: width).lines().map { $0.dropFirst(6) }
      #expect(lines[0] == String(repeating: "█", count: room)[...])
      #expect(lines[1] == String(repeating: "█", count: room / 2)[...])
      #expect(lines[2] == "▏")
      #expect(
        lines[3]
          == (String(repeating: " ", count: room / 2) + String(repeating: "█", count: room - room / 2))[...])
    }
  }
}
