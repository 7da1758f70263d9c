import CTF
import Testing

@testable import CTF

/// Metadata that has to be refused, with a reason that names what is wrong.
@Suite struct MetadataTests {
  static let trace = """
    /* CTF 1.8 */
    typealias integer { size = 8; } := u8;
    trace { major = 1; minor = 8; byte_order = le; };

    """

  static let refused: [(metadata: String, reason: String)] = [
    ("", "the metadata is empty"),
    ("   \n\t", "the metadata is empty"),
    ("/* CTF 1.8 */", "no trace block"),
    ("/* CTF 1.8 */ trace { minor = 8; byte_order = le; };", "no major and minor version"),
    ("trace { major = 1; minor = 9; byte_order = le; };", "only CTF 1.8"),
    ("trace { major = 2; minor = 0; byte_order = le; };", "only CTF 1.8"),
    ("trace { major = 1; minor = 8; };", "no byte_order"),
    ("trace { major = 1; minor = 8; byte_order = native; };", "cannot be native"),
    ("trace { major = 1; minor = 8; byte_order = middle; };", "'byte_order' has to be"),
    ("trace { major = 1; major = 1; minor = 8; byte_order = le; };", "given twice"),
    ("trace { major = 1; minor = 8; byte_order = le; uuid = \"xyz\"; };", "is no UUID"),
    (trace + trace, "defined twice"),
    (trace + "trace { major = 1; minor = 8; byte_order = le; };", "two trace blocks"),
    (trace + "/* never closed", "is never closed"),
    (trace + "env { a = \"never closed; };", "a string is never closed"),
    (trace + "env { a = \"\\q\"; };", "unknown escape"),
    (trace + "env { a = 0x; };", "no digits"),
    (trace + "env { a = 09; };", "too large for its base"),
    (trace + "env { a = 99999999999999999999; };", "does not fit in 64 bits"),
    (trace + "env { a = 5x; };", "followed by a letter"),
    (trace + "env { a = 1; } env { };", "expected ';'"),
    (trace + "env { a = 1; ", "never closed"),
    (trace + "env { a = @; };", "has no meaning"),
    (trace + "stray", "expected ';'"),
    (trace + "u8 field;", "cannot stand at the top level"),
    (trace + "typealias integer { } := x;", "no size"),
    (trace + "typealias integer { size = 0; } := x;", "at least 1 bit"),
    (trace + "typealias integer { size = -8; } := x;", "not negative"),
    (trace + "typealias integer { size = 65537; } := x;", "up to 65536"),
    (trace + "typealias integer { size = 8; size = 8; } := x;", "given twice"),
    (trace + "typealias integer { size = 8; colour = 8; } := x;", "no attribute 'colour'"),
    (trace + "typealias integer { size = 8; align = 3; } := x;", "not a power of two"),
    (trace + "typealias integer { size = 8; align = 0; } := x;", "not a power of two"),
    (trace + "typealias integer { size = 8; signed = maybe; } := x;", "true or false"),
    (trace + "typealias integer { size = 8; base = 3; } := x;", "'base' has to be"),
    (trace + "typealias integer { size = 8; encoding = latin; } := x;", "'encoding' has to be"),
    (trace + "typealias integer { size = 8; map = clock.c; } := x;", "'map' has to be"),
    (trace + "typealias floating_point { exp_dig = 6; mant_dig = 11; } := x;", "no IEEE 754 number"),
    (trace + "typealias u9 := x;", "the type 'u9' is unknown"),
    (trace + "typealias u8 := u8;", "defined twice"),
    (trace + "typealias u8 = x;", "expected ':='"),
    (trace + "typedef u8 int;", "reserved word 'int'"),
    (trace + "typedef u8;", "gives no name"),
    (trace + "struct a { struct a x; };", "'a' is unknown"),
    (trace + "struct a { u8 x; }; struct a { u8 x; };", "defined twice"),
    (trace + "struct a { u8 x; u8 x; };", "two fields called 'x'"),
    (trace + "struct a { u8 x[-1]; };", "cannot be negative"),
    (trace + "struct a { u8 x[99999999999]; };", "longer than"),
    (trace + "struct a { u8; };", "no name"),
    (trace + "struct a { u8 x } ;", "expected ';'"),
    (trace + "struct a { u8 x; } align(3);", "not a power of two"),
    (trace + "variant v { };", "no options"),
    (trace + "struct a { variant { u8 x; } v; };", "has no tag"),
    (trace + "enum e : u8 { };", "no labels"),
    (trace + "enum e : struct { u8 x; } { a };", "has to be an integer"),
    (trace + "enum e { a };", "needs the type 'int'"),
    (trace + "enum e : u8 { a = -1 };", "is negative"),
    (trace + "enum e : u8 { a = 0xffffffffffffffff, b };", "follows the largest"),
    (trace + "stream { id = 1; }; stream { id = 1; };", "two streams with the id 1"),
    (trace + "stream { packet.context := u8; };", "has to be a structure"),
    (trace + "stream { unheard.of := struct { u8 x; }; };", "no type 'unheard.of'"),
    (trace + "stream { }; event { name = a; }; event { name = b; };", "two events with the id 0"),
    (trace + "stream { id = 1; }; event { name = a; stream_id = 2; };", "not declared"),
    (trace + "stream { id = 1; }; stream { id = 2; }; event { name = a; };", "no stream_id"),
    (trace + "clock { freq = 1; };", "has no name"),
    (trace + "clock { name = c; freq = 0; };", "frequency 0"),
    (trace + "clock { name = c; }; clock { name = c; };", "two clocks"),
    (trace + "event { name = a; fields := struct { u8 x[n]; }; };", "no field decoded before it"),
    (trace + "event { name = a; fields := struct { u8 x[n]; u8 n; }; };", "no field decoded before it"),
    (
      trace + "event { name = a; fields := struct { integer { size = 8; signed = true; } n; u8 x[n]; }; };",
      "no unsigned integer"
    ),
    (trace + "event { name = a; fields := struct { string n; u8 x[n]; }; };", "no unsigned integer"),
    (
      trace + "event { name = a; fields := struct { u8 n; variant <n> { u8 x; } v; }; };", "no enumeration"
    ),
    (
      trace + "event { name = a; fields := struct { integer { size = 8; map = clock.c.value; } t; }; };",
      "not declared"
    ),
    ("{\"type\": \"preamble\"}", "CTF 2"),
    ("\0\0\0\0binary", "neither CTF metadata"),
    (trace + String(repeating: "struct { ", count: 100_000), "levels deep"),
    (trace + "typealias " + String(repeating: "enum : ", count: 100_000) + "u8 := x;", "levels deep"),
    (trace + "struct a { u8 x" + String(repeating: "[1]", count: 100_000) + "; };", "dimensions"),
    (
      trace + "struct s0 { u8 x; u8 y; };"
        + (1...40).map { "struct s\($0) { struct s\($0 - 1) x; struct s\($0 - 1) y; };" }.joined(),
      "nested ones included"
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

  @Test func anErrorNamesItsLine() throws {
    let trace = try TemporaryTrace(metadata: Self.trace + "\n\nenv { a = @; };", stream: [])
    do {
      _ = try Trace(opening: [trace.path])
    } catch {
      #expect(error.description.contains("line 6"))
    }
  }

  @Test func metadataThatIsTooLongIsNotRead() throws {
    let trace = try TemporaryTrace(
      metadata: Self.trace + "/*" + String(repeating: "x", count: MetadataText.maximumBytes) + "*/",
      stream: [])
    #expect(throws: TraceError.self) { try Trace(opening: [trace.path]) }
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
    let text = Array(Self.trace + "env { word = \"split\"; };")
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
