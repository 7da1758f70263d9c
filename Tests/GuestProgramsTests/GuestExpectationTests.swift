import GuestPrograms
import Testing

/// The expectations against counts written down from runs of the images under a plain KVM loop.
@Suite struct GuestExpectationTests {
  private func expectation(
    _ selection: String, on machine: GuestMachine = GuestMachine()
  ) throws -> GuestExpectation {
    let (program, arguments) = try GuestProgram.parse(selection)
    return try program.expectation(arguments, on: machine)
  }

  private let powerOff = GuestAccess(.port, .out, 0x604, size: 2)

  @Test func portIOMakesTwoExitsAnIteration() throws {
    let expectation = try expectation("port-io,iterations=12,size=1")
    #expect(
      expectation.exits(ioeventfd: false) == [
        GuestAccess(.port, .out, 0x590, size: 1): 12, GuestAccess(.port, .in, 0x590, size: 1): 12,
        powerOff: 1,
      ])
  }

  @Test func eachPlantedCostCanBeLeftOut() throws {
    let poll = GuestAccess(.port, .in, 0x1f7, size: 1)
    let write = GuestAccess(.port, .out, 0x3f8, size: 1)
    #expect(
      try expectation("costs,iterations=7,writes=1000,polls=3").exits(ioeventfd: true) == [
        poll: 21, write: 7000, powerOff: 1,
      ])
    #expect(try expectation("costs,iterations=7,polls=0").exits(ioeventfd: true) == [write: 14, powerOff: 1])
    #expect(try expectation("costs,iterations=7,writes=0").exits(ioeventfd: true) == [poll: 56, powerOff: 1])
    #expect(try expectation("costs,iterations=7").serialBytes == 14)
  }

  @Test func kicksAreExitsOnlyWithoutIoeventfd() throws {
    let expectation = try expectation("doorbell,iterations=5000,window=memory,wait=interrupt")
    var exits: [GuestAccess: UInt64] = [powerOff: 1]
    for register: UInt64 in [0x04, 0x08, 0x0c, 0x4c] {
      exits[GuestAccess(.memory, .in, 0xd000_0000 + register, size: 4)] = 1
    }
    for register: UInt64 in [0x40, 0x44, 0x48] {
      exits[GuestAccess(.memory, .out, 0xd000_0000 + register, size: 4)] = 1
    }
    #expect(expectation.exits(ioeventfd: true) == exits)
    exits[GuestAccess(.memory, .out, 0xd000_0000, size: 4)] = 5000
    #expect(expectation.exits(ioeventfd: false) == exits)
    #expect(expectation.kicks == [0: 5000])
    #expect(expectation.deviceInterrupts == 5000...5000)
  }

  @Test func batchesLeaveTheNumberOfInterruptsOpen() throws {
    let expectation = try expectation("doorbell,iterations=5001,wait=interrupt,batch=7")
    #expect(expectation.deviceInterrupts == 715...5001)
  }

  @Test func splitControllerCostsFourExits() throws {
    let kernel = try expectation("doorbell,wait=interrupt")
    let split = try expectation("doorbell,wait=interrupt", on: GuestMachine(interruptController: .split))
    let difference = split.exits(ioeventfd: true).filter { kernel.exits(ioeventfd: true)[$0.key] == nil }
    #expect(
      difference == [
        GuestAccess(.memory, .out, 0xfec0_0000, size: 4): 2,
        GuestAccess(.memory, .out, 0xfec0_0010, size: 4): 2,
      ])
  }

  @Test func everyVcpuHasItsQueue() throws {
    let expectation = try expectation(
      "smp,iterations=200,accesses=2,window=memory", on: GuestMachine(vcpus: 4))
    #expect(expectation.kicks == [0: 200, 1: 200, 2: 200, 3: 200])
    #expect(expectation.accesses.filter { $0.key.space == .memory }.values.reduce(0, +) == 3219)
    #expect(expectation.iterations == 800)
  }

  @Test func everyQueueHasItsInterrupt() throws {
    let machine = GuestMachine(vcpus: 3, interruptController: .split)
    let expectation = try expectation("multiqueue,iterations=50,queues=2", on: machine)
    #expect(expectation.kicks == [0: 50, 1: 50, 2: 50, 3: 50, 4: 50, 5: 50])
    #expect(expectation.deviceInterrupts == 300...300)
    #expect(expectation.iterations == 150)
    #expect(expectation.accesses.filter { $0.key.space == .port }.values.reduce(0, +) == 34)
    #expect(expectation.accesses.filter { $0.key.space == .memory }.values.reduce(0, +) == 24)
  }

  @Test(
    arguments: [
      (5, "queues=2", "queues=1 or fewer"), (9, "queues=1", "--cpus 8"), (4, "queues=8", "queues=2"),
    ])
  func moreQueuesThanLinesAreRefused(vcpus: Int, setting: String, advice: String) {
    let error = #expect(throws: GuestError.self) {
      try expectation("multiqueue,\(setting)", on: GuestMachine(vcpus: vcpus))
    }
    #expect(error?.description.contains(advice) == true, "\(error?.description ?? "")")
  }

  @Test func mixedIsTheSumOfItsPhases() throws {
    let expectation = try expectation(
      "mixed,iterations=1000,window=memory", on: GuestMachine(vcpus: 3))
    #expect(expectation.iterations == 8200)
    #expect(expectation.kicks == [0: 3000, 1: 1000, 2: 1000])
    #expect(expectation.marks == [1, 2, 3, 4, 5, 6, 7, 8, 0])
    #expect(expectation.timerInterrupts == 100)
    #expect(expectation.deviceInterrupts == 1000...1000)
    #expect(expectation.accesses.filter { $0.key.space == .memory }.values.reduce(0, +) == 8016)
    #expect(expectation.accesses[GuestAccess(.port, .out, 0x3f8, size: 1)] == 100)
    let text = String(decoding: Array(expectation.serialOutput), as: UTF8.self)
    #expect(text.hasPrefix("They have their exits and their entrances\nThey"))
    #expect(text.utf8.count == 100)
  }

  @Test func everyMarkHasItsPhase() throws {
    for program in GuestProgram.all {
      let machine = GuestMachine(vcpus: 2)
      let expectation = try program.expectation(program.defaultArguments, on: machine)
      #expect(program.phases.map(\.mark) == expectation.marks, "\(program.name)")
    }
  }

  @Test func whatTheMachineLacksIsNamed() {
    let polled = GuestMachine(interruptController: .none)
    #expect(throws: Never.self) { try expectation("doorbell,wait=poll", on: polled) }
    for selection in ["doorbell,wait=interrupt", "timer", "mixed"] {
      let error = #expect(throws: GuestError.self) { try expectation(selection, on: polled) }
      #expect(error?.description.contains("--irqchip kernel or split") == true)
    }
    let error = #expect(throws: GuestError.self) { try expectation("smp") }
    #expect(error?.description.contains("--cpus 2") == true)
  }

  /// A report that agrees has no disagreements; each field that differs has one.
  @Test func reportsAreComparedFieldByField() throws {
    let expectation = try expectation("mixed,iterations=1000,window=memory", on: GuestMachine(vcpus: 3))
    var fields: [UInt64] = [0, 8200, 5000, 5000, 1100, 9, 2200, 8016, 0, 0, 0, 0]
    #expect(expectation.disagreements(with: try report(fields)).isEmpty)
    // The last says more about a failure.
    for field in fields.indices.dropLast() {
      fields[field] += 1
      #expect(expectation.disagreements(with: try report(fields)).count == 1, "field \(field)")
      fields[field] -= 1
    }
  }

  private func report(_ fields: [UInt64]) throws -> GuestReport {
    var words = fields
    words[0] = words[0] << 32 | 0x5450_5245
    return try words.withUnsafeBytes { try GuestReport(decoding: $0) }
  }
}
