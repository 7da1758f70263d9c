import GuestPrograms
import Testing

@Suite struct GuestArgumentsTests {
  @Test func settingsAreParsed() throws {
    let (program, arguments) = try GuestProgram.parse("port-io,iterations=0x10,size=2,spacing=7")
    #expect(program.name == "port-io")
    #expect(arguments.iterations == 16)
    // In the upper half, writes before each read.
    #expect(arguments.parameter == 1 << 16 | 2)
    #expect(arguments.spacing == 7)
  }

  @Test(
    arguments: [
      ("port-io,iterations", "expected name=value"),
      ("port-io,", "expected name=value"),
      ("port-io,iterations=", "a whole number from 1 to 1000000000"),
      ("port-io,iterations=0", "a whole number from 1 to 1000000000"),
      ("port-io,iterations=-1", "a whole number from 1 to 1000000000"),
      ("port-io,iterations=99999999999999999999999", "a whole number from 1 to 1000000000"),
      ("port-io,size=3", "1 or 2 or 4"),
      ("port-io,period=5", "has no parameter 'period'; it has iterations, size, writes, spacing"),
      ("port-io,size=2,size=4", "size is given twice"),
      ("", "no built-in guest is called ''"),
    ])
  func wrongSettingsSayWhatWouldBeRight(_ selection: String, _ message: String) {
    let error = #expect(throws: GuestError.self) { try GuestProgram.parse(selection) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }
}
