import Board
import GuestPrograms
import Processors
import Testing

@Suite("Built-in guests of other architectures")
struct ForeignProgramTests {
  private static let architectures = Architecture.allCases.filter { $0 != .x86 }

  private static func machine(_ architecture: Architecture) -> GuestMachine {
    let map = ArchitectureMap(architecture)!
    return GuestMachine(
      interruptController: .none, disk: GuestDevice(registers: UInt32(map.address(.disk)), line: 0),
      entropy: nil, network: nil, console: nil)
  }

  @Test("The build has made an image of each guest for each architecture", arguments: architectures)
  func images(_ architecture: Architecture) throws {
    let programs = GuestProgram.all(for: architecture)
    #expect(programs.map(\.name) == ["doorbell", "blk"])
    for program in programs {
      let map = try #require(ArchitectureMap(architecture))
      #expect(program.imageBytes.count > 200 && program.imageBytes.count < 0x1_0000)
      #expect(program.loadAddress == map.load && program.entry == map.load && program.kickStamps == nil)
      // Another's code would not do.
      let others = Self.architectures.filter { $0 != architecture }
      for other in others {
        #expect(try GuestProgram.named(program.name, for: other).imageBytes != program.imageBytes)
      }
    }
  }

  @Test("The parameter block has the guest's byte order, and so has the report", arguments: architectures)
  func order(_ architecture: Architecture) throws {
    let program = try GuestProgram.named("doorbell", for: architecture)
    let block = try program.parameterBlock(
      try program.arguments(["iterations=258"]), on: Self.machine(architecture))
    #expect(block.count == 64)
    let magic: [UInt8] = [0x31, 0x45, 0x58, 0x4e]
    let count: [UInt8] = [2, 1, 0, 0, 0, 0, 0, 0]
    let isBig = architecture.isBigEndian
    #expect(Array(block[0..<4]) == (isBig ? magic.reversed() : magic))
    #expect(Array(block[8..<16]) == (isBig ? count.reversed() : count))
    var report = [UInt8](repeating: 0, count: GuestReport.byteCount)
    let ends: [UInt8] = [0x45, 0x52, 0x50, 0x54]
    report.replaceSubrange(0..<4, with: isBig ? ends.reversed() : ends)
    report.replaceSubrange(16..<24, with: isBig ? count.reversed() : count)
    let decoded = try report.withUnsafeBytes { try GuestReport(decoding: $0, isBigEndian: isBig) }
    #expect(decoded.kicks == 258 && decoded.failureCode == 0)
    #expect(throws: GuestError.self) {
      try report.withUnsafeBytes { try GuestReport(decoding: $0, isBigEndian: !isBig) }
    }
  }

  @Test("What the guests will do is all in memory, where the board has it", arguments: architectures)
  func expectation(_ architecture: Architecture) throws {
    let map = try #require(ArchitectureMap(architecture))
    for program in GuestProgram.all(for: architecture) {
      let expectation = try program.expectation(
        program.defaultArguments, on: Self.machine(architecture))
      let accesses = expectation.exits(ioeventfd: false)
      #expect(accesses.keys.allSatisfy { $0.space == .memory && map.devices.contains($0.address) })
      #expect(accesses[GuestAccess(.memory, .out, map.address(.power), size: 2)] == 1)
    }
  }

  @Test("A parameter that leaves no choice says so")
  func parameters() throws {
    let program = try GuestProgram.named("doorbell", for: .mips)
    #expect(program.defaultArguments.window == .memory)
    #expect(throws: GuestError.self) { try program.arguments(["window=port"]) }
    #expect(throws: GuestError.self) { try program.arguments(["wait=interrupt"]) }
    #expect(throws: GuestError.notCompiled(guest: "smp", architecture: "mips", known: ["doorbell", "blk"])) {
      try GuestProgram.named("smp", for: .mips)
    }
  }
}
