import CGuestPrograms

extension GuestProgram {
  /// What the demo runs.
  static let mixed = GuestProgram(
    name: "mixed",
    summary: "a little of everything in marked phases: what the demo runs",
    detail: """
      Goes through the phases below, each announced by a write to the marker port. Sleeps (1 ms) and serial bytes \
      are a tenth of the iterations; the last phase takes place only with two or more vCPUs. All the checks of the \
      single guests are made.
      """,
    mode: .protected,
    parameters: [.iterations(2_000, "iterations of each phase"), .window, .spacing],
    requirements: GuestRequirements(interruptController: true),
    phases: [
      GuestPhase(mark: 1, meaning: "port I/O: scratch0 written and read"),
      GuestPhase(mark: 2, meaning: "memory-mapped I/O: scratch0 written and read"),
      GuestPhase(mark: 3, meaning: "doorbell0 kicked, completion polled"),
      GuestPhase(mark: 4, meaning: "doorbell0 kicked, halted until its interrupt"),
      GuestPhase(mark: 5, meaning: "sleeps of 1 ms"),
      GuestPhase(mark: 6, meaning: "serial output"),
      GuestPhase(mark: 7, meaning: "CPUID and RDMSR, handled inside KVM"),
      GuestPhase(mark: 8, meaning: "all vCPUs on doorbell0 and scratch0 at once"),
      GuestPhase(mark: 0, meaning: "done"),
    ],
    locate: exeunt_guest_image_mixed,
    expect: { arguments, machine in
      let iterations = arguments.iterations
      let fewer = (iterations + 9) / 10
      var expectation = GuestExpectation.powerOff
      expectation.iterations = 5 * iterations + 2 * fewer
      expectation.enableInterrupts(machine)
      expectation.identifyDoorbell(arguments.window)
      expectation.mark(1)
      expectation.scratch(.port, size: 4, times: iterations)
      expectation.mark(2)
      expectation.scratch(.memory, size: 4, times: iterations)
      expectation.mark(3)
      expectation.openQueue(0, arguments.window)
      expectation.requests(iterations, queue: 0, arguments.window)
      expectation.mark(4)
      expectation.requests(iterations, queue: 0, arguments.window, wait: .interrupt)
      expectation.closeQueue(0, arguments.window)
      expectation.mark(5)
      expectation.timerInterrupts = fewer
      expectation.mark(6)
      expectation.serial(bytes: fewer)
      expectation.mark(7)
      if machine.vcpus > 1 {
        expectation.mark(8)
        expectation.contention(
          vcpus: machine.vcpus, iterations: iterations, pairs: 1, arguments.window)
      }
      expectation.mark(0)
      expectation.readDoorbellErrors(arguments.window)
      return expectation
    })
}
