import CTF
import Foundation
import Testing

@testable import CTF
@testable import Reporting

/// BLOBs and texts of CTF 2 that are larger than any window, and what stands around them.
@Suite struct LargeFragmentsTests {
  /// Windows of 16 KiB that grow up to 256 KiB: what is larger than a window need not be large.
  private static let bufferMemory = 16 << 10

  private static func metadata(_ encoding: String) -> [UInt8] {
    let integer =
      "\"type\":\"fixed-length-unsigned-integer\",\"byte-order\":\"little-endian\",\"alignment\":8"
    let fragments = [
      "{\"type\":\"preamble\",\"version\":2}", "{\"type\":\"trace-class\"}",
      "{\"type\":\"data-stream-class\"}",
      """
      {"type":"event-record-class","name":"e","payload-field-class":{"type":"structure","member-classes":[
        {"name":"n","field-class":{\(integer),"length":32}},
        {"name":"b","field-class":{"type":"dynamic-length-blob","length-field-location":{"path":["n"]}}},
        {"name":"s","field-class":{"type":"null-terminated-string","encoding":"\(encoding)"}},
        {"name":"m","field-class":{\(integer),"length":32}},
        {"name":"t","field-class":{"type":"dynamic-length-string","encoding":"\(encoding)",
          "length-field-location":{"path":["m"]}}},
        {"name":"last","field-class":{\(integer),"length":8}}]}}
      """,
    ]
    return fragments.flatMap { [0x1e] + Array($0.utf8) + [0x0a] }
  }

  private func encode(_ text: String, _ encoding: String) -> [UInt8] {
    func bytes(_ value: UInt32, _ count: Int) -> [UInt8] {
      let little = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
      return encoding.hasSuffix("be") ? little.reversed() : little
    }
    switch encoding {
    case "utf-8": return Array(text.utf8)
    case "utf-16le", "utf-16be": return text.utf16.flatMap { bytes(UInt32($0), 2) }
    default: return text.unicodeScalars.flatMap { bytes($0.value, 4) }
    }
  }

  @Test(arguments: [("utf-8", 1), ("utf-16le", 2), ("utf-32be", 4)])
  func largeValuesAreRead(_ encoding: String, _ unit: Int) throws {
    // Characters fall on every place of a window, in UTF-8 and in UTF-16, as no power of two is a multiple of the period.
    let long = String(repeating: "a😀€é", count: 34_000)
    var bytes: [UInt8] = []
    var expected: [String] = []
    for (blob, string, text) in [(1, "", "x"), (270_001, long, "y"), (0, "z", long)] {
      let contents = (0..<blob).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      let encoded = encode(text, encoding)
      func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
      bytes += number(blob) + contents + encode(string, encoding) + [UInt8](repeating: 0, count: unit)
      bytes += number(encoded.count) + encoded + [3]
      let digits = Array("0123456789ABCDEF".utf8)
      let shown = contents.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
      expected.append(
        "e: { n = \(blob), b = 0x\(String(decoding: shown, as: UTF8.self)), s = \"\(string)\", "
          + "m = \(encoded.count), t = \"\(text)\", last = 3 }")
    }
    let trace = try TemporaryTrace(metadata: Self.metadata(encoding), files: ["s": bytes])
    let (lines, diagnostics) = try trace.dump(bufferMemory: Self.bufferMemory)
    #expect(diagnostics == [])
    #expect(lines.count == expected.count)
    // Not in one expectation: a failure would print megabytes.
    for (line, wanted) in zip(lines, expected) { #expect((line == wanted) == true) }
    // As JSON the texts are the same ones, whatever a window cuts.
    let (objects, _) = try trace.dump(.json, bufferMemory: Self.bufferMemory)
    for (line, wanted) in zip(objects, [("", "x"), (long, "y"), ("z", long)]) {
      let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      let fields = try #require(event?["fields"] as? [String: Any])
      #expect(((fields["s"] as? String, fields["t"] as? String) == wanted) == true)
    }
    #expect(objects.count == expected.count)
    let opened = try Trace(
      opening: [trace.path], manyBeyond: Int.max, bufferMemory: Self.bufferMemory)
    #expect(largeEvents(opened) == 2)
    let decoded = opened.decodeAll(threads: 1)
    #expect(decoded.events == 3)
    #expect(decoded.diagnostics == [])
  }

  @Test("a text that ends inside a code unit is refused, large as well")
  func cutUnit() throws {
    let text = [UInt8](repeating: 65, count: 270_001)
    let size = (0..<4).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    let bytes = [0, 0, 0, 0, 0, 0] + size + text + [3]
    let trace = try TemporaryTrace(metadata: Self.metadata("utf-16le"), files: ["s": bytes])
    let (lines, diagnostics) = try trace.dump(bufferMemory: Self.bufferMemory)
    #expect(lines == [])
    #expect(diagnostics.first?.message == DecodeStatus.cutCharacter.message)
  }

  /// Takes the words of a large event.
  private final class Words: EventPieces {
    var all: [UInt64] = []
    func words(_ words: UnsafePointer<UInt64>, _ count: Int) {
      all += UnsafeBufferPointer(start: words, count: count)
    }
    func text(_ part: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool) {}
  }

  /// Integers in LEB128 of 1 to 10 bytes: more of them than a tape has words, so that there is no room in the middle of the
  /// event, and more bytes than a window has, so that it ends inside of many of them.
  @Test("a large event's integers in LEB128 are all read, wherever windows end")
  func largeVariables() throws {
    let fragments = [
      "{\"type\":\"preamble\",\"version\":2}", "{\"type\":\"trace-class\"}",
      "{\"type\":\"data-stream-class\"}",
      """
      {"type":"event-record-class","name":"e","payload-field-class":{"type":"structure","member-classes":[
        {"name":"n","field-class":{"type":"variable-length-unsigned-integer"}},
        {"name":"a","field-class":{"type":"dynamic-length-array","length-field-location":{"path":["n"]},
          "element-field-class":{"type":"variable-length-unsigned-integer"}}}]}}
      """,
    ]
    let metadata: [UInt8] = fragments.flatMap { [0x1e] + Array($0.utf8) + [0x0a] }
    func encode(_ value: UInt64) -> [UInt8] {
      var rest = value
      var bytes: [UInt8] = []
      repeat {
        bytes.append(UInt8(truncatingIfNeeded: rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
        rest >>= 7
      } while rest > 0
      return bytes
    }
    var random = Random(seed: 11)
    let values = (0..<TapeOutput.maximumWords + 5000).map { _ in random.next() >> UInt64(random.below(64)) }
    let bytes = encode(UInt64(values.count)) + values.flatMap(encode)
    let trace = try TemporaryTrace(metadata: metadata, files: ["s": bytes])
    let opened = try Trace(opening: [trace.path], manyBeyond: Int.max, bufferMemory: Self.bufferMemory)
    var events = MergedEvents(opened)
    guard let event = events.next(), event.isLarge else {
      Issue.record("there is no large event")
      return
    }
    let words = Words()
    events.readLarge(into: words)
    // Not in one expectation: a failure would print megabytes. The number stands in front of the elements once more.
    let expected = [UInt64(values.count), UInt64(values.count)] + values
    #expect((words.all == expected) == true)
    let isOver = events.next() == nil
    #expect(isOver)
    #expect(events.diagnostics == [])
  }
}
