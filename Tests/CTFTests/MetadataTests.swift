import CTF
import Testing

@testable import CTF

/// Metadata that golden cases cannot describe well.
@Suite struct MetadataTests {
  static let trace = """
    /* CTF 1.8 */
    typealias integer { size = 8; } := u8;
    trace { major = 1; minor = 8; byte_order = le; };

    """

  /// What is too large to be a golden case of its own, and what has to be part of the error.
  static let refused: [(metadata: String, reason: String)] = [
    (trace + String(repeating: "struct { ", count: 100_000), "levels deep"),
    (
      trace + "struct s { " + String(repeating: "variant <t> { ", count: 100_000),
      "levels deep"
    ),
    (
      trace + "typealias " + String(repeating: "enum : ", count: 100_000) + "u8 := x;", "has to be an integer"
    ),
    (trace + "struct a { u8 x" + String(repeating: "[1]", count: 100_000) + "; };", "dimensions"),
    (trace + "typealias u8 := x" + String(repeating: " *", count: 100_000) + ";", "more than 64 '*'"),
    (
      trace + "struct s0 { u8 x; u8 y; };"
        + (1...40).map { "struct s\($0) { struct s\($0 - 1) x; struct s\($0 - 1) y; };" }.joined(),
      "nested ones included"
    ),
    (
      trace + "struct s0 { u8 x; };"
        + (1...5000).map { "struct s\($0) { struct s\($0 - 1) x; };" }.joined(), "levels deep"
    ),
    (
      trace + "typedef u8 a0[1];" + (1...5000).map { "typedef a\($0 - 1) a\($0)[1];" }.joined(), "levels deep"
    ),
    (
      trace + "env { a = \"" + String(repeating: "x", count: Lexer.maximumString + 1) + "\"; };",
      "a string has more than"
    ),
  ]

  @Test(arguments: refused.indices)
  func isRefused(index: Int) throws {
    let (metadata, reason) = Self.refused[index]
    let trace = try TemporaryTrace(metadata: metadata, stream: [])
    do {
      _ = try Trace(opening: [trace.path])
      Issue.record("accepted: \(metadata.prefix(300))")
    } catch {
      #expect(error.description.contains(reason), "\(error) for \(metadata.prefix(300))")
      #expect(!error.description.contains("\n"))
    }
  }

  /// Every walk over types has to bear it, down to their release.
  @Test(arguments: [100, 4000])
  func deeplyNestedStructuresAreRead(depth: Int) throws {
    let levels = (0..<depth).map { "} s\($0);" }.joined()
    let trace = try TemporaryTrace(
      metadata: Self.trace + "event { name = e; fields := struct { "
        + String(repeating: "struct { ", count: depth) + "u8 x; " + levels + "}; };", stream: [7])
    let (lines, diagnostics) = try trace.dump()
    #expect(diagnostics == [])
    let line = try #require(lines.first)
    #expect(lines.count == 1)
    #expect(line.contains("{ x = 7 }"))
    #expect(line.hasPrefix("e: { s\(depth - 1) = { s\(depth - 2) = {"))
    var selection = FieldSelection()
    selection.select(event: "e", tag: 0, fields: [])
    var rows = MergedRows(try Trace(opening: [trace.path]), selection: selection)
    var count = 0
    while let run = rows.nextRun() { count += run.count }
    #expect(count == 1)
  }

  /// Each level is a loop of the event's plan.
  @Test(arguments: [100, 129, 4000])
  func deeplyNestedArraysAreRead(depth: Int) throws {
    let types = (1..<depth).map { "typedef a\($0 - 1) a\($0)[1];\n" }.joined()
    let trace = try TemporaryTrace(
      metadata: Self.trace + "typedef u8 a0[1];\n" + types
        + "event { name = e; fields := struct { a\(depth - 1) x; u8 y; }; };", stream: [7, 8, 9, 10])
    let (lines, diagnostics) = try trace.dump()
    #expect(diagnostics == [])
    #expect(lines.count == 2)
    #expect(lines.first?.contains("= 7 ]") == true)
    #expect(lines.first?.hasSuffix("], y = 8 }") == true)
    var selection = FieldSelection()
    selection.select(event: "e", tag: 0, fields: ["y"])
    var rows = MergedRows(try Trace(opening: [trace.path]), selection: selection)
    var values: [UInt64] = []
    while let run = rows.nextRun() {
      for row in 0..<run.count { values.append(run.base[row * run.stride + Row.firstField]) }
    }
    #expect(values == [8, 10])
    #expect(try Trace(opening: [trace.path]).decodeAll(threads: 1).events == 2)
  }

  @Test func anErrorNamesItsLine() throws {
    let trace = try TemporaryTrace(metadata: Self.trace + "\n\nenv { a = @; };", stream: [])
    do {
      _ = try Trace(opening: [trace.path])
    } catch {
      #expect(error.description.contains("line 6"))
    }
  }

  /// Tokens lie over the borders of the window that the lexer reads through, wherever those are.
  @Test(arguments: [0, 1, 2, 3, 5, 1000])
  func metadataLargerThanTheWindowIsRead(shift: Int) throws {
    let padding = String(repeating: "/* a comment * / of some length */ \n", count: 4000)
    let name = String(repeating: "n", count: 70_000)
    let trace = try TemporaryTrace(
      metadata: Self.trace + String(repeating: " ", count: shift) + padding
        + "env { \(name) = \"v\"; x = 0x10; };"
        + padding + "event { name = e; fields := struct { u8 \(name); }; };", stream: [7])
    #expect(try Trace(opening: [trace.path]).environment.map(\.value) == ["v", "16"])
    #expect(try trace.dump().lines == ["e: { \(name) = 7 }"])
  }

  @Test(arguments: [ByteOrder.little, .big])
  func packetizedMetadataIsRead(order: ByteOrder) throws {
    func packets(_ pieces: [String], magic: UInt64 = 0x75d1_1d57) -> [UInt8] {
      var bytes: [UInt8] = []
      for piece in pieces {
        var writer = BitWriter()
        writer.integer(magic, size: 32, order)
        for byte in 0..<16 { writer.integer(UInt64(byte), size: 8, order) }
        writer.integer(0, size: 32, order)
        writer.integer(UInt64((37 + piece.utf8.count) * 8), size: 32, order)
        writer.integer(UInt64((64 + piece.utf8.count) * 8), size: 32, order)
        for byte in [0, 0, 0, 1, 8] { writer.integer(UInt64(byte), size: 8, order) }
        bytes += writer.bytes + Array(piece.utf8) + [UInt8](repeating: 0, count: 27)
      }
      return bytes
    }
    // A token may go over the border of two packets.
    let trace = Self.trace.replacing("= le", with: order == .little ? "= le" : "= be")
    let text = Array(trace + "env { word = \"split\"; };")
    let pieces = [String(text[..<60]), String(text[60...])]
    let whole = try TemporaryTrace(metadata: packets(pieces), files: [:])
    #expect(try Trace(opening: [whole.path]).environment.map(\.value) == ["split"])

    let bytes = packets(pieces)
    for length in [30, 90, 130, bytes.count - 100] {
      let cut = try TemporaryTrace(metadata: Array(bytes.prefix(length)), files: [:])
      #expect(throws: TraceError.self) { try Trace(opening: [cut.path]) }
    }
    for place in [0, 4, 24, 28, 32, 35] {
      var damaged = bytes
      damaged[place] ^= 0x5a
      damaged[place + 1] ^= 0x5a
      let trace = try TemporaryTrace(metadata: damaged, files: [:])
      if place != 4 {
        #expect(throws: TraceError.self, "byte \(place)") { try Trace(opening: [trace.path]) }
      }
    }
  }
}
