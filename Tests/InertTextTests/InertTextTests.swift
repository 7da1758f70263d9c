import Foundation
import Glibc
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

  @Test(
    "words are read back by a shell byte by byte, whatever is in them, and nothing in them commands a terminal"
  )
  func shellWords() throws {
    let words: [[UInt8]] = [
      Array("plain/größe-1.2".utf8), Array("it's \\ $(x) `y` \"z\"".utf8), [],
      Array("a\u{1b}[2J'\\\n\tb\u{9b}ü".utf8),
      Array("\u{202e}evil\u{2028}\u{7f}".utf8), [0xff, 0x41, 0xc3], Array("1\u{1}1".utf8), Array("~".utf8),
      Array(1...0xff),
    ]
    let shown = words.map { InertText.shellWord(bytes: $0) }
    #expect(shown.allSatisfy(InertText.isInert))
    #expect(
      shown[0] == "plain/größe-1.2" && shown[2] == "''" && shown[7] == "'~'" && shown[5] == "$'\\xffA\\xc3'")
    let script = FileManager.default.temporaryDirectory.appendingPathComponent(
      "exeunt-words-\(UUID().uuidString)")
    try Data(("printf '%s\\0' " + shown.joined(separator: " ")).utf8).write(to: script)
    defer { try? FileManager.default.removeItem(at: script) }
    let output = try #require(popen("bash '\(script.path)'", "r"))
    var read: [UInt8] = []
    while case let byte = getc(output), byte >= 0 { read.append(UInt8(byte)) }
    #expect(pclose(output) == 0)
    #expect(read == words.flatMap { $0 + [0] })
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
