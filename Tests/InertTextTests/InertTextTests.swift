import Foundation
import Testing

@testable import InertText

@Suite("Text of others")
struct InertTextTests {
  /// Every character that there is: Unicode's names say which of them command something (UAX #9, ECMA-48).
  static let scalars = (0...0x10ffff as ClosedRange<UInt32>).compactMap(Unicode.Scalar.init)
  static let bidirectional: Set<UInt32> = [
    0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
  ]

  private func commands(_ value: UInt32) -> Bool {
    value < 0x20 || (0x7f..<0xa0).contains(value) || Self.bidirectional.contains(value) || value == 0x2028
      || value == 0x2029
  }

  @Test(
    "of all characters, those that command a terminal or turn writing around are not inert, and no others")
  func all() {
    for scalar in Self.scalars where InertText.isInert(scalar) == commands(scalar.value) {
      Issue.record("U+\(String(scalar.value, radix: 16))")
    }
  }

  @Test("what is shown is inert, as long as the text, and the text itself where that was inert")
  func replaced() {
    for scalar in Self.scalars where !InertText.isInert(scalar) {
      let text = "a\(String(scalar))b"
      let shown = InertText.replaced(text)
      #expect(
        InertText.isInert(shown) && shown.unicodeScalars.count == 3, "U+\(String(scalar.value, radix: 16))")
    }
    #expect(InertText.replaced("größe 👩‍👩‍👧 שלום") == "größe 👩‍👩‍👧 שלום")
    #expect(InertText.replaced("\u{1b}[2J\n\u{7f}\u{9b}") == "␛[2J␊␡\u{fffd}")
  }

  @Test("a message keeps its lines, and says which characters were in it")
  func escaped() {
    #expect(InertText.escaped("a\n\tb") == "a\n\tb")
    #expect(
      InertText.escaped("\u{1b}]0;x\u{7}\r\u{9b}1m\u{202e}") == "\\u{1b}]0;x\\u{7}\\u{d}\\u{9b}1m\\u{202e}")
  }

  @Test("JSON says the same, and commands nothing")
  func json() throws {
    let text = String(String.UnicodeScalarView(Self.scalars.filter { $0.value < 0x3000 }))
    let encoder = JSONEncoder()
    encoder.outputFormatting = .prettyPrinted
    let json = String(decoding: try encoder.encode([text: [text]]), as: UTF8.self)
    let shown = InertText.json(json)
    #expect(try JSONDecoder().decode([String: [String]].self, from: Data(shown.utf8)) == [text: [text]])
    #expect(shown.unicodeScalars.allSatisfy { InertText.isInert($0) || $0 == "\n" })
    #expect(!json.unicodeScalars.allSatisfy { InertText.isInert($0) || $0 == "\n" })
  }
}
