import Foundation
import Testing

@testable import CTF
@testable import Dump
@testable import Reporting

/// Lines of JSON for readers that know no more than the specification of JSON promises.
@Suite struct JSONLinesTests {
  private static let head = """
    /* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = le; };
    typealias integer { size = 8; align = 8; } := u8;
    typealias integer { size = 54; align = 1; } := u54;
    typealias integer { size = 64; align = 8; } := u64;
    typealias integer { size = 64; align = 8; signed = true; base = 16; } := s64;
    typealias integer { size = 128; align = 8; } := u128;

    """

  private func line(_ fields: String, _ bytes: [UInt8], more: String = "") throws -> String {
    let trace = try TemporaryTrace(
      metadata: Self.head + more + "event { name = e; fields := struct { \(fields) }; };\n", stream: bytes)
    let (lines, problems) = try trace.dump(.json)
    #expect(problems == [] && lines.count == 1)
    return lines.first ?? ""
  }

  private func bytes(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  @Test func namesThatDifferOnlyInTheUnderscoreStayApart() throws {
    #expect(try line("u8 len; u8 _len;", [1, 2]).hasSuffix(#""fields":{"len":1,"_len":2}}"#))
    #expect(try line("u8 _len; u8 len;", [1, 2]).hasSuffix(#""fields":{"_len":1,"len":2}}"#))
    #expect(try line("u8 _len; u8 _x;", [1, 2]).hasSuffix(#""fields":{"len":1,"x":2}}"#))
    // What keeps its underscore takes the name of the next one.
    #expect(
      try line("u8 __a; u8 _a; u8 a; u8 ___b;", [1, 2, 3, 4]).hasSuffix(
        #""fields":{"__a":1,"_a":2,"a":3,"__b":4}}"#))
    #expect(
      try line("struct { u8 _x; u8 x; } s;", [1, 2]).hasSuffix(#""fields":{"s":{"_x":1,"x":2}}}"#))
  }

  @Test(arguments: 0..<200)
  func noTwoNamesAreAlike(_ seed: Int) throws {
    var random = Random(seed: UInt64(seed))
    var names: [String] = []
    for _ in 0..<random.below(40) + 1 {
      let name = String(repeating: "_", count: random.below(5)) + ["a", "b"][random.below(2)]
      if !names.contains(name) { names.append(name) }
    }
    let type = StructureType(
      fields: names.map { ($0, FieldType.string) }, minimumAlignment: 1)
    let distinct = type.distinctNames
    #expect(Set(distinct).count == names.count)
    for (name, original) in zip(distinct, names) { #expect(name == original || name == shownName(original)) }
    // A name is only kept where it has to be.
    let shown = names.map(shownName)
    if Set(shown).count == shown.count { #expect(distinct == shown) }
  }

  /// Names that each push the next one: the work grows with the names, not with their square.
  @Test func manyClashesTakeNoTime() {
    let names = (0..<5000).map { String(repeating: "_", count: $0) + "a" }
    let type = StructureType(fields: names.map { ($0, FieldType.string) }, minimumAlignment: 1)
    #expect(type.distinctNames == names)
  }

  @Test(
    arguments: [0, 1 << 53 - 2, 1 << 53 - 1, 1 << 53, 1 << 53 + 1, 1 << 60, 1 << 63, UInt64.max] as [UInt64])
  func integersBeyondDoublesAreText(_ value: UInt64) throws {
    let isBig = value > 1 << 53 - 1
    let text = isBig ? "\"\(value)\"" : "\(value)"
    #expect(try line("u64 a;", bytes(value)).hasSuffix(#""fields":{"a":\#(text)}}"#))
    #expect(try line("u128 a;", bytes(value) + bytes(0)).hasSuffix(#""fields":{"a":\#(text)}}"#))
    let signed = Int64(bitPattern: value)
    let signedText = signed.magnitude > 1 << 53 - 1 ? "\"\(signed)\"" : "\(signed)"
    #expect(try line("s64 a;", bytes(value)).hasSuffix(#""fields":{"a":\#(signedText)}}"#))
    #expect(
      try line("enum : u64 { x = \(value) } a;", bytes(value)).hasSuffix(
        #""fields":{"a":{"labels":["x"],"value":\#(text)}}}"#))
    if value < 1 << 54 {
      #expect(
        try line("u54 a; integer { size = 10; } b;", bytes(value)).hasSuffix(
          #""fields":{"a":\#(text),"b":0}}"#))
    }
    // The timestamp too; as numbers on request.
    let clock =
      "clock { name = c; }; stream { event.header := struct { integer { size = 64; align = 8; map = clock.c.value; } timestamp; }; };\n"
    if value <= 1 << 60 {
      #expect(try line("u8 a;", bytes(value) + [1], more: clock).hasPrefix(#"{"timestamp":\#(text),"#))
    }
  }

  @Test func integersAreNumbersOnRequest() throws {
    let trace = try TemporaryTrace(
      metadata: Self.head + "event { name = e; fields := struct { u64 a; s64 b; u128 c; }; };\n",
      stream: bytes(.max) + bytes(1 << 63) + bytes(.max) + bytes(1))
    let pipe = Pipe()
    var dump = TraceDump(
      try Trace(opening: [trace.path]), format: .json, descriptor: pipe.fileHandleForWriting.fileDescriptor,
      bigIntegers: .number)
    _ = dump.run { _ in }
    try pipe.fileHandleForWriting.close()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(
      text.hasSuffix(
        #""fields":{"a":18446744073709551615,"b":-9223372036854775808,"c":36893488147419103231}}"# + "\n"))
  }

  @Test func onlyIntegersOfJSONTextsAreQuoted() {
    let text =
      #"{"9007199254740993":[9007199254740991,9007199254740992,-9007199254740992,1e300,0.9007199254740993123,"a\"9007199254740993",12345678901234567890123]}"#
    #expect(
      BigIntegers.quoted(text)
        == #"{"9007199254740993":[9007199254740991,"9007199254740992","-9007199254740992",1e300,0.9007199254740993123,"a\"9007199254740993","12345678901234567890123"]}"#
    )
  }
}
