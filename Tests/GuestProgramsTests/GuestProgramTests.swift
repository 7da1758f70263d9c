import GuestPrograms
import Testing

@Suite struct GuestProgramTests {
  @Test func namesAreUniqueAndFindTheirGuest() throws {
    #expect(Set(GuestProgram.all.map(\.name)).count == GuestProgram.all.count)
    for program in GuestProgram.all {
      #expect(try GuestProgram.named(program.name).name == program.name)
    }
  }

  @Test func unknownNameListsTheKnownOnes() {
    let error = #expect(throws: GuestError.self) { try GuestProgram.named("doorbel") }
    #expect(error?.description.contains("port-io, mmio, doorbell") == true)
  }

  /// The image has to lie between its load address and the variables that guests keep at 0x20000 and above.
  @Test(arguments: GuestProgram.all.map(\.name)) func imageFits(_ name: String) throws {
    let program = try GuestProgram.named(name)
    #expect(program.image.count > 32)
    #expect(program.loadAddress + UInt64(program.image.count) <= 0x20000)
    #expect(program.entry >= program.loadAddress)
  }

  /// Every protected-mode image begins with the prelude, so that a wrong symbol is noticed.
  @Test(arguments: GuestProgram.all.filter { $0.mode == .protected }.map(\.name))
  func imageBeginsWithThePrelude(_ name: String) throws {
    let image = try GuestProgram.named(name).image
    #expect(Array(image.prefix(7)) == [0xfc, 0x81, 0x3b, 0x31, 0x45, 0x58, 0x4e])
  }

  @Test func defaultsAreAmongTheValues() throws {
    for program in GuestProgram.all {
      let settings = program.parameters.map { "\($0.name.rawValue)=\($0.defaultValue)" }
      #expect(try program.arguments(settings) == program.defaultArguments)
      #expect(program.defaultArguments.iterations > 0)
    }
  }
}
