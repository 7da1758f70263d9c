import CGuestPrograms

extension GuestProgram {
  /// All built-in guests, in the order in which they are listed.
  package static let all: [GuestProgram] = [
    .portIO, .mmio, .doorbell, .timer, .serial, .kernelExits, .smp, .multiqueue, .mixed, .costs, .port80,
    .blk, .rng, .net, .console,
  ]

  /// The built-in guest of this name.
  ///
  /// - Throws: ``GuestError/unknownGuest(_:known:)``.
  package static func named(_ name: String) throws(GuestError) -> GuestProgram {
    guard let program = all.first(where: { $0.name == name }) else {
      throw .unknownGuest(name, known: all.map(\.name))
    }
    return program
  }

  static let portIO = GuestProgram(
    name: "port-io",
    summary: "port-I/O exits: write a device register, read it back",
    detail: """
      Each iteration writes a new value to scratch0's first register (port 0x590), `writes` times, and reads it back: an exit to \
      the VMM each, unless the writes are coalesced (--coalesced-io). Fails when the value read is not the last one written.
      """,
    mode: .protected,
    parameters: [.iterations(10_000, "rounds of writing and reading"), .size, .bursts, .spacing],
    requirements: GuestRequirements(),
    phases: [],
    locate: exeunt_guest_image_port_io,
    expect: { arguments, _ in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      expectation.scratch(
        .port, size: UInt8(arguments.parameter & 0xff), times: arguments.iterations,
        writes: UInt64(arguments.parameter >> 16))
      return expectation
    })

  static let mmio = GuestProgram(
    name: "mmio",
    summary: "memory-mapped I/O exits: write a device register, read it back",
    detail: """
      Each iteration writes a new value to scratch0's first register (address 0xd0001000), `writes` times, and reads it back: an \
      exit to the VMM each, unless the writes are coalesced (--coalesced-io). Fails when the value read is not the last one written.
      """,
    mode: .protected,
    parameters: [.iterations(10_000, "rounds of writing and reading"), .size, .bursts, .spacing],
    requirements: GuestRequirements(),
    phases: [],
    locate: exeunt_guest_image_mmio,
    expect: { arguments, _ in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      expectation.scratch(
        .memory, size: UInt8(arguments.parameter & 0xff), times: arguments.iterations,
        writes: UInt64(arguments.parameter >> 16))
      return expectation
    })

  static let costs = GuestProgram(
    name: "costs",
    summary: "two planted costs, each of which can be left out: polling a port, serial output",
    detail: """
      Each iteration reads port 0x1f7, which no device claims, `polls` times and writes `writes` bytes to serial0 \
      (port 0x3f8) without reading its line status. With polls=0 or writes=0 that cost is gone and all else is the \
      same: what a report calls costly can be held against what leaving it out saves.
      """,
    mode: .protected,
    parameters: [.iterations(1_000, "rounds of polling and writing"), .polls, .writes, .spacing],
    requirements: GuestRequirements(),
    phases: [],
    locate: exeunt_guest_image_costs,
    expect: { arguments, _ in
      let polls = UInt64(arguments.parameter & 0xffff)
      let writes = UInt64(arguments.parameter >> 16)
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      expectation.access(GuestAccess(.port, .in, 0x1f7, size: 1), times: arguments.iterations * polls)
      expectation.access(GuestAccess(.port, .out, 0x3f8, size: 1), times: arguments.iterations * writes)
      expectation.serialBytes = arguments.iterations * writes
      return expectation
    })

  static let port80 = GuestProgram(
    name: "port80",
    summary: "the cheapest exit there is: out to port 0x80, in real mode",
    detail: """
      Three instructions a loop, one exit each to a port that no device claims. The same image is what `make bench` \
      times under Exeunt and its peers.
      """,
    mode: .real,
    parameters: [.iterations(200_000, "writes")],
    requirements: GuestRequirements(),
    phases: [],
    locate: exeunt_guest_image_port80,
    expect: { arguments, _ in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      expectation.access(GuestAccess(.port, .out, 0x80, size: 1), times: arguments.iterations)
      return expectation
    })
}
