import Testing

@testable import CTF
@testable import Dump

/// Integers of more than 64 bits, and floating-point numbers of all sizes.
@Suite struct WideNumberTests {
  /// Decimal digits of bits, the least significant one first: doubling and adding, digit by digit.
  static func decimal(_ bits: [Bool], isSigned: Bool) -> String {
    let isNegative = isSigned && bits[bits.count - 1]
    var magnitude = bits
    if isNegative {
      var carry = true
      for index in magnitude.indices {
        let bit = !magnitude[index]
        magnitude[index] = bit != carry
        carry = bit && carry
      }
    }
    var digits: [UInt8] = [0]
    for bit in magnitude.reversed() {
      var carry: UInt8 = bit ? 1 : 0
      for index in digits.indices {
        let digit = digits[index] * 2 + carry
        digits[index] = digit % 10
        carry = digit / 10
      }
      if carry > 0 { digits.append(carry) }
    }
    return (isNegative ? "-" : "") + digits.reversed().map { String($0) }.joined()
  }

  static func digits(_ bits: [Bool], _ bitsPerDigit: Int, isSigned: Bool) -> String {
    var text = ""
    let fill = isSigned && bits[bits.count - 1]
    for first in stride(from: 0, to: bits.count, by: bitsPerDigit) {
      let digit = (0..<bitsPerDigit).reduce(0) {
        $0 | ((first + $1 < bits.count ? bits[first + $1] : fill) ? 1 << $1 : 0)
      }
      text = String(digit, radix: 16, uppercase: true) + text
    }
    if bitsPerDigit == 1 { return text }
    let significant = text.drop { $0 == "0" }
    return significant.isEmpty ? "0" : String(significant)
  }

  @Test(arguments: [ByteOrder.little, .big])
  func anySizeAtAnyBit(_ order: ByteOrder) throws {
    var random = Random(seed: 65)
    var fields = ""
    var expected: [String] = []
    var writer = BitWriter()
    for (number, size) in ([65, 66, 71, 72, 127, 128, 129, 192, 1000, 1024, 4096] + Array(90...120))
      .enumerated()
    {
      let isSigned = random.below(2) == 0
      let base = [2, 8, 10, 16][random.below(4)]
      let alignment = [1, 1, 1, 2, 8, 16, 64, 128][random.below(8)]
      let isSmall = random.below(3) == 0
      let bits = (0..<size).map { $0 < (isSmall ? 40 : size) && random.below(2) == 0 }
      fields += "integer { size = \(1 + number % 7); align = 1; } pad\(number);"
      fields +=
        "integer { size = \(size); signed = \(isSigned); base = \(base); align = \(alignment); } v\(number)[1];"
      writer.integer(1, size: 1 + number % 7, order)
      writer.align(alignment)
      for index in bits.indices {
        writer.integer(bits[order == .little ? index : size - 1 - index] ? 1 : 0, size: 1, order)
      }
      expected.append("pad\(number) = 1")
      let value =
        switch base {
        case 2: "0b" + Self.digits(bits, 1, isSigned: isSigned)
        case 8: "0" + Self.digits(bits, 3, isSigned: isSigned)
        case 16: "0x" + Self.digits(bits, 4, isSigned: isSigned)
        default: Self.decimal(bits, isSigned: isSigned)
        }
      expected.append("v\(number) = [ [0] = \(value) ]")
    }
    let metadata =
      "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = \(order == .little ? "le" : "be"); };"
      + "event { name = e; fields := struct { integer { size = 8; } n; \(fields) string s; }; };"
    var whole = BitWriter()
    whole.integer(1, size: 8, order)
    // A small integer of the native order would be one byte; the fields behind it begin at a multiple of 128 bits.
    let directory = try TemporaryTrace(
      metadata: metadata.replacing(
        "integer { size = 8; } n;", with: "integer { size = 128; align = 128; } n;"),
      stream: [UInt8](repeating: 0, count: 16) + writer.bytes + Array("end".utf8) + [0])
    let (lines, diagnostics) = try directory.dump()
    #expect(diagnostics == [])
    #expect(lines == ["e: { n = 0, " + expected.joined(separator: ", ") + ", s = \"end\" }"])
  }

  @Test func lengthsAndTagsOfManyBitsNeedSmallValues() throws {
    let metadata =
      HandmadeTraceTests.little + """
        event { name = e; fields := struct {
          integer { size = 128; align = 8; } n; u8 a[n];
          enum : integer { size = 72; align = 8; signed = true; } { zero, minus = -2 } tag;
          variant <tag> { u8 zero; u16 minus; } v;
        }; };
        """
    func number(_ value: UInt8, _ count: Int, _ fill: UInt8 = 0) -> [UInt8] {
      [value] + [UInt8](repeating: fill, count: count - 1)
    }
    let good = try TemporaryTrace(
      metadata: metadata,
      stream: number(2, 16) + [7, 8] + number(0, 9) + [5] + number(0, 16) + number(0xfe, 9, 0xff) + [1, 1])
    let (lines, diagnostics) = try good.dump()
    #expect(diagnostics == [])
    #expect(
      lines == [
        "e: { n = 2, a = [ [0] = 7, [1] = 8 ], tag = ( \"zero\" : container = 0 ), v = { 5 } }",
        "e: { n = 0, a = [ ], tag = ( \"minus\" : container = -2 ), v = { 257 } }",
      ])
    let bad = try TemporaryTrace(metadata: metadata, stream: number(1, 15) + [1] + number(0, 10))
    #expect(try bad.dump().diagnostics.first?.message.contains("64 bits") == true)
  }

  @Test func floatsOfAllInterchangeFormats() throws {
    let metadata =
      HandmadeTraceTests.little + """
        event { name = e; fields := struct {
          floating_point { exp_dig = 5; mant_dig = 11; } half[5];
          floating_point { exp_dig = 15; mant_dig = 113; byte_order = be; } quad[3];
        }; };
        """
    let halves: [UInt8] = [0x00, 0x3e, 0x01, 0x00, 0xff, 0x7b, 0x00, 0xfc, 0x66, 0x2e]
    let quads: [UInt8] =
      [0x40, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      + [0x3f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
      + [0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let trace = try TemporaryTrace(metadata: metadata, stream: halves + quads)
    #expect(
      try trace.dump().lines == [
        "e: { half = [ [0] = 1.5, [1] = 5.96046e-08, [2] = 65504, [3] = -inf, [4] = 0.0999756 ], "
          + "quad = [ [0] = 3, [1] = 0x1.0000000000000000000000000001p+0, [2] = -inf ] }"
      ])
  }

  @Test func byteOrdersDoNotMeetInsideAByte() throws {
    func metadata(_ first: Int) -> String {
      HandmadeTraceTests.little + """
        event { name = e; fields := struct {
          integer { size = \(first); byte_order = le; } a; integer { size = 8; align = 1; byte_order = be; } b;
          integer { size = \(first == 8 ? 8 : 16 - first - 8); align = 1; byte_order = be; } c; }; };
        """
    }
    let bad = try TemporaryTrace(metadata: metadata(3), stream: [1, 2])
    #expect(try bad.dump().diagnostics.first?.message == "the byte order changes inside a byte")
    let good = try TemporaryTrace(metadata: metadata(8), stream: [1, 2, 3])
    let (lines, diagnostics) = try good.dump()
    #expect(diagnostics == [])
    #expect(lines == ["e: { a = 1, b = 2, c = 3 }"])
  }
}
