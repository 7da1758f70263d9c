import Foundation
import Reports
import Testing

/// `--symbols` and `--kaslr-offset` where they are of no use, or a mistake. No KVM, no LTTng.
@Suite("Options for symbols")
struct SymbolOptionTests {
  private static func symbols(at start: UInt64) throws -> (directory: TemporaryDirectory, path: String) {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("System.map")
    let lines = (0..<3).map { "\(String(start + UInt64($0) * 0x100, radix: 16)) T function\($0)\n" }
    try Data(lines.joined().utf8).write(to: file)
    return (directory, file.path)
  }

  @Test(
    "a trace without instruction pointers is read, and it is said that symbols are of no use",
    arguments: [["explain"], ["report"], ["export", "--format", "folded"]])
  func useless(_ command: [String]) throws {
    let (directory, path) = try Self.symbols(at: 0xffff_ffff_8100_0000)
    let trace = AnalyzeCommandTests.trace("mixed")
    let plain = try run(Tools.analyzer, command + [trace])
    let output = try run(Tools.analyzer, command + ["--symbols", path, trace])
    #expect(plain.status == 0 && plain.standardError.isEmpty)
    #expect(output.status == 0 && output.standardError.contains("--trace-rip"))
    #expect(output.standardError.contains("--symbols is of no use"))
    // Where there are no exits nothing lacks a pointer.
    let empty = try run(
      Tools.analyzer, command + ["--from", "27.30ms", "--to", "27.30001ms", "--symbols", path, trace])
    #expect(empty.status == 0 && empty.standardError.isEmpty, "\(empty.standardError)")
    withExtendedLifetime(directory) {}
  }

  @Test(
    "an offset that no guest was moved by is refused, one that moves a kernel down to where it is loaded is not"
  )
  func offsets() throws {
    let trace = AnalyzeCommandTests.trace("mixed")
    for (start, offset, isTaken) in [
      (0xffff_ffff_8100_0000, "0x1a000000", true), (0xffff_ffff_8100_0000, "0x7e000000", true),
      (0xffff_ffff_8100_0000, "0xffffffffffffffff", false), (0x10000, "0xf000000000000000", false),
      (0x10000, "0x4000000000000000", false), (0x10000, "0x7f1234560000", true),
      // What is linked at the upper end and runs where it is loaded.
      (0xffff_ffff_8100_0000, "0x80000000", true), (0xffff_ffff_8100_0000, "0x80000001", false),
    ] as [(UInt64, String, Bool)] {
      let (directory, path) = try Self.symbols(at: start)
      let output = try run(
        Tools.analyzer, ["explain", "--symbols", path, "--kaslr-offset", offset, trace])
      #expect(output.status == (isTaken ? 0 : 2), "\(offset): \(output.standardError)")
      #expect(output.standardError.contains("--kaslr-offset") != isTaken, "\(output.standardError)")
      withExtendedLifetime(directory) {}
    }
  }
}
