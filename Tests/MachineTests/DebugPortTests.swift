import Foundation
import TestSupport
import Testing

@Suite("The debug console and the debug exit port", .needsEngine)
struct DebugPortTests {
  // mov $'H', %al; out %al, $0xe9; mov $0x402, %dx; mov $'i', %al; out %al, %dx; in $0xe9, %al; mov $PORT, %dx; out %al, %dx; hlt
  private func code(exit port: UInt16) -> [UInt8] {
    [0xb0, 0x48, 0xe6, 0xe9, 0xba, 0x02, 0x04, 0xb0, 0x69, 0xee, 0xe4, 0xe9]
      + [0xba, UInt8(port & 0xff), UInt8(port >> 8), 0xee, 0xf4]
  }

  private struct Ended: Equatable {
    let status: CInt?
    let output: String

    init(_ status: CInt?, _ output: String) {
      self.status = status
      self.output = output
    }
  }

  private func run(exit port: UInt16, _ arguments: [String]) throws -> Ended {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/code"
      try Data(code(exit: port)).write(to: URL(filePath: path))
      let outcome = try Exeunt.run(["run", "--flat", path, "--irqchip", "none"] + arguments)
      return Ended(outcome.exitStatus, outcome.standardOutput)
    }
  }

  /// What the console reads as, as the guest's exit value.
  private let found: CInt = (0xe9 << 1 | 1) & 0xff
  /// What the test device's register keeps of what was written there.
  private let kept: CInt = 0x48 << 1 | 1

  @Test(
    "Characters at both ports go where they should; without a console its first port is the test device's")
  func console() throws {
    #expect(try run(exit: 0x501, []) == Ended(kept, ""))
    #expect(try run(exit: 0x501, ["--debugcon", "stdio"]) == Ended(found, "Hi"))
    #expect(try run(exit: 0x501, ["--debugcon", "stdio", "--serial", "none"]) == Ended(found, "Hi"))
    #expect(try run(exit: 0x501, ["--debugcon", "none"]) == Ended(found, ""))
    try withTemporaryDirectory { directory in
      let file = "\(directory)/log"
      let ended = try run(exit: 0x501, ["--debugcon", file])
      #expect(ended == Ended(found, ""))
      let text = try String(contentsOfFile: file, encoding: .utf8)
      #expect(text == "Hi")
    }
  }

  @Test("The exit port is where QEMU has it, too, or where it is asked for, or nowhere")
  func exitPort() throws {
    for port: UInt16 in [0xf4, 0x501] {
      #expect(try run(exit: port, []).status == kept)
      #expect(try run(exit: port, ["--debug-exit-port", "none"]).status == 0, "it halts")
      #expect(try run(exit: port, ["--debug-exit-port", "0x8900"]).status == 0)
    }
    #expect(try run(exit: 0x8900, ["--debug-exit-port", "0x8900"]).status == kept)
    #expect(try run(exit: 0xfffc, ["--debug-exit-port", "65532"]).status == kept)
  }
}
