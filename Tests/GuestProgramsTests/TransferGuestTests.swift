import GuestPrograms
import Testing

@Suite("The guests of the network interface and the console: parameters and expectation")
struct TransferGuestTests {
  private func expectation(
    _ selection: String, on machine: GuestMachine = GuestMachine()
  ) throws -> GuestExpectation {
    let (program, arguments) = try GuestProgram.parse(selection)
    return try program.expectation(arguments, on: machine)
  }

  @Test func parametersHaveTheirPlaces() throws {
    let (program, arguments) = try GuestProgram.parse(
      "net,iterations=9,address=192.168.7.250,depth=3,batch=2")
    let machine = GuestMachine(network: GuestDevice(registers: 0x0403_0201, line: 9, queues: 2))
    let block = try program.parameterBlock(arguments, on: machine)
    #expect(Array(block[28..<40]) == [250, 7, 168, 192, 1, 2, 3, 4, 9, 0, 0, 0])
    #expect(Array(block[44..<52]) == [3, 0, 0, 0, 2, 0, 0, 0])
    #expect(try GuestProgram.parse("net").arguments.address == 0x0a00_020f)
  }

  @Test(
    arguments: [
      "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.+4", "1.2.3. 4", "1..3.4", "0.1.2.3", "127.0.0.1",
      "224.0.0.1", "255.255.255.255", "a.b.c.d",
    ])
  func addressesOfNoHostAreRefused(_ address: String) throws {
    let error = #expect(throws: GuestError.self) { try GuestProgram.parse("net,address=\(address)") }
    #expect(error?.description.contains("such as 10.0.2.15") == true, "\(error?.description ?? "")")
  }

  @Test func packetsAreAtLeastTheAnswersAndTheirQuestions() throws {
    let expectation = try expectation("net,iterations=12")
    #expect(expectation.received == 12 ... .max)
    #expect(expectation.sent == 12 ... .max)
    // 3 + 4 + 2 + 6 + 2 to find the device, six bytes of its address, 11 for each queue, 4 at the end.
    let accesses: UInt64 = 17 + 6 + 2 * 11 + 4
    #expect(expectation.accesses.values.reduce(0, +) == accesses + 3)
    var fields: [UInt64] = [0, 12, 14, 27, 0, 2, 0, accesses, 14, 13, 0, 0]
    #expect(expectation.disagreements(with: try report(fields)) == [])
    for (field, value): (Int, UInt64) in [(1, 11), (3, 26), (8, 11), (9, 11), (7, accesses - 1), (10, 1)] {
      let right = fields[field]
      fields[field] = value
      #expect(!expectation.disagreements(with: try report(fields)).isEmpty, "field \(field)")
      fields[field] = right
    }
  }

  @Test func dataComeBackInAsManyPiecesOrMore() throws {
    let expectation = try expectation("console,iterations=10,size=16,wait=interrupt")
    #expect(expectation.sent == 10...10)
    #expect(expectation.received == 10...160)
    #expect(expectation.virtioKicks == 14 ... .max)
    #expect(expectation.marks == [1, 2, 0])
    let accesses: UInt64 = 17 + 1 + 6 * 11 + 4 + 2 * 5
    var fields: [UInt64] = [0, 10, 20, 21, 5, 3, 0, accesses, 11, 10, 0, 0]
    #expect(expectation.disagreements(with: try report(fields)) == [])
    for (field, value): (Int, UInt64) in [(2, 13), (3, 20), (8, 9), (9, 9), (9, 11)] {
      let right = fields[field]
      fields[field] = value
      #expect(!expectation.disagreements(with: try report(fields)).isEmpty, "field \(field)")
      fields[field] = right
    }
  }

  @Test func whatTheMachineLacksIsNamed() {
    let cases: [(GuestMachine, String, String)] = [
      (GuestMachine(network: nil), "net", "--net tap:NAME"),
      (GuestMachine(console: nil), "console", "virtserialport"),
      (GuestMachine(memory: 1 << 20), "net", "--memory 2M"),
      (GuestMachine(memory: 1 << 20 | 1 << 19), "console,depth=64,size=4096", "--memory 2M"),
    ]
    for (machine, selection, advice) in cases {
      let error = #expect(throws: GuestError.self) { try expectation(selection, on: machine) }
      #expect(error?.description.contains(advice) == true, "\(error?.description ?? "")")
    }
  }

  private func report(_ fields: [UInt64]) throws -> GuestReport {
    var words = fields
    words[0] = words[0] << 32 | 0x5450_5245
    return try words.withUnsafeBytes { try GuestReport(decoding: $0) }
  }
}
