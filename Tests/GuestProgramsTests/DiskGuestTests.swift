import GuestPrograms
import Testing

@Suite("The disk's guest: parameters and expectation")
struct DiskGuestTests {
  private func expectation(
    _ selection: String, on machine: GuestMachine = GuestMachine()
  ) throws -> GuestExpectation {
    let (program, arguments) = try GuestProgram.parse(selection)
    return try program.expectation(arguments, on: machine)
  }

  @Test func parametersHaveTheirPlaces() throws {
    let (program, arguments) = try GuestProgram.parse(
      "blk,iterations=9,size=1024,depth=3,batch=2,reads=70,flush=5,places=6,queues=7,order=random,announce=flushes,wait=interrupt"
    )
    let machine = GuestMachine(disk: GuestDevice(registers: 0x0403_0201, line: 9, queues: 7))
    let block = try program.parameterBlock(arguments, on: machine)
    #expect(block[20] == 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4)
    #expect(Array(block[28..<32]) == [7, 0, 0, 0])
    #expect(Array(block[32..<40]) == [1, 2, 3, 4, 9, 0, 0, 0])
    let numbers = stride(from: 40, to: 64, by: 4).map { UInt32(block[$0]) | UInt32(block[$0 + 1]) << 8 }
    #expect(numbers == [1024, 3, 2, 70, 5, 6])
    #expect(block.count == 64)
  }

  @Test(
    arguments: [
      ("iterations=1000,reads=50,flush=32,places=256", DiskRequests(reads: 500, writes: 756, flushes: 15)),
      ("iterations=7,reads=33,flush=0,places=4", DiskRequests(reads: 2, writes: 9, flushes: 0)),
      ("iterations=9,reads=100,flush=1,places=1", DiskRequests(reads: 9, writes: 1, flushes: 0)),
      ("iterations=9,reads=0,flush=1,places=1", DiskRequests(reads: 0, writes: 10, flushes: 9)),
    ])
  func requestsAreCountedByKind(_ settings: String, _ requests: DiskRequests) throws {
    let expectation = try expectation("blk,\(settings)")
    #expect(expectation.diskRequests == requests)
    #expect(expectation.virtioKicks == requests.total...requests.total)
    #expect(expectation.deviceInterrupts == 0...0)
  }

  @Test func withoutACacheThereIsNothingToFlush() throws {
    let machine = GuestMachine(disk: GuestDevice(hasCache: false))
    let selection = "blk,iterations=10,reads=0,flush=2,places=4,announce=flushes"
    let (with, without) = (try expectation(selection), try expectation(selection, on: machine))
    #expect(with.diskRequests == DiskRequests(reads: 0, writes: 14, flushes: 5))
    #expect(without.diskRequests == DiskRequests(reads: 0, writes: 14, flushes: 0))
    // What was written is durable as often, which is told.
    #expect(without.serialBytes == with.serialBytes && without.accesses == with.accesses)
    #expect(without.virtioKicks == 14...14)
  }

  @Test func severalAtOnceLeaveKicksAndInterruptsOpen() throws {
    let expectation = try expectation("blk,iterations=10,depth=2,places=5,flush=0,wait=interrupt")
    #expect(expectation.virtioKicks == 1...15)
    #expect(expectation.deviceInterrupts == 1...15)
  }

  @Test func kicksAndInterruptsAreExits() throws {
    let machine = GuestMachine(disk: GuestDevice(registers: 0xd010_2000, line: 15))
    let expectation = try expectation("blk,iterations=10,wait=interrupt", on: machine)
    let kick = GuestAccess(.memory, .out, 0xd010_2050, size: 4)
    let interrupt = [
      GuestAccess(.memory, .in, 0xd010_2060, size: 4), GuestAccess(.memory, .out, 0xd010_2064, size: 4),
    ]
    let exits = expectation.exits(ioeventfd: false, (kicks: 7, interrupts: 3))
    #expect(exits[kick] == 7)
    #expect(interrupt.map { exits[$0] } == [3, 3])
    #expect(expectation.exits(ioeventfd: true, (kicks: 7, interrupts: 3))[kick] == nil)
  }

  @Test func requestsGoToQueuesInTurn() throws {
    let machine = GuestMachine(disk: GuestDevice(queues: 4))
    let one = try expectation("blk,iterations=9,places=2,flush=0", on: machine)
    let four = try expectation("blk,iterations=9,places=2,flush=0,queues=4", on: machine)
    #expect(one.virtioQueues == [11])
    #expect(four.virtioQueues == [3, 3, 3, 2])
    // Two reads and nine writes to tell the device of a queue, and the number of queues there are.
    let (fewer, more) = (one.accesses.values.reduce(0, +), four.accesses.values.reduce(0, +))
    #expect(more - fewer == 3 * 11 + 1)
    #expect(
      try expectation("blk,iterations=1,places=1,flush=0,queues=4", on: machine).virtioQueues == [1, 1, 0, 0])
  }

  @Test func announcementsAreSerialOutput() throws {
    let expectation = try expectation("blk,iterations=10,reads=0,flush=2,announce=flushes")
    #expect(Array(expectation.serialOutput) == Array(".....".utf8))
    #expect(expectation.accesses[GuestAccess(.port, .out, 0x3f8, size: 1)] == 5)
  }

  @Test func whatTheDiskLacksIsNamed() {
    let cases: [(GuestMachine, String, String)] = [
      (GuestMachine(disk: nil), "blk", "--disk FILE"),
      (GuestMachine(disk: GuestDevice(isReadOnly: true)), "blk", "readonly=on"),
      (GuestMachine(disk: GuestDevice(queues: 3)), "blk,queues=4", "queues=3"),
      (GuestMachine(memory: 4 << 20), "blk,depth=64,size=65536", "--memory 5M"),
    ]
    for (machine, selection, advice) in cases {
      let error = #expect(throws: GuestError.self) { try expectation(selection, on: machine) }
      #expect(error?.description.contains(advice) == true, "\(error?.description ?? "")")
    }
    #expect(throws: Never.self) {
      try expectation("blk,depth=64,size=65536", on: GuestMachine(memory: 5 << 20))
    }
  }

  @Test func reportIsComparedFieldByField() throws {
    let expectation = try expectation("blk,iterations=100,reads=40,flush=9,places=16,wait=interrupt")
    // 40 reads, 16 + 60 writes, 6 flushes, one after the other; 36 accesses beside two for each interrupt.
    var fields: [UInt64] = [0, 100, 122, 122, 122, 3, 0, 36 + 2 * 122, 40, 76, 6, 0]
    #expect(expectation.disagreements(with: try report(fields)) == [])
    for field in fields.indices.dropLast() {
      fields[field] += 1
      #expect(!expectation.disagreements(with: try report(fields)).isEmpty, "field \(field)")
      fields[field] -= 1
    }
  }

  private func report(_ fields: [UInt64]) throws -> GuestReport {
    var words = fields
    words[0] = words[0] << 32 | 0x5450_5245
    return try words.withUnsafeBytes { try GuestReport(decoding: $0) }
  }
}
