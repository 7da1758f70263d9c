import CGuestPrograms

/// Guests that wait for something to happen, or that show what does not exit to the VMM.
extension GuestProgram {
  static let doorbell = GuestProgram(
    name: "doorbell",
    summary: "kicks with time stamps, by ioeventfd or as exits; waits by polling or halted",
    detail: """
      Each iteration posts a request with the TSC's value in queue 0's ring and kicks doorbell0; after every batch \
      it waits until all are completed, polling the ring in memory or halted until line 5 interrupts. With \
      `devices` above 1 it then does the same with doorbell1 and so on. Whether a kick is an exit or a signal to an I/O thread is the machine's choice (--ioeventfd). Fails when a completion \
      or an interrupt does not come within 5 s, or comes twice. Where KVM emulates kernel-mode code, the \
      instructions between stamp and kick cost some 3 µs.
      """,
    mode: .protected,
    parameters: [
      .iterations(10_000, "requests to each doorbell"), .devices, .wait, .window, .batch, .spacing,
    ],
    requirements: GuestRequirements(),
    phases: [],
    locate: exeunt_guest_image_doorbell,
    expect: { arguments, machine in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations * UInt64(arguments.devices)
      for doorbell in 0..<Int(arguments.devices) {
        expectation.doorbell = doorbell
        expectation.identifyDoorbell(arguments.window)
        expectation.openQueue(0, arguments.window)
        if arguments.wait == .interrupt { expectation.enableInterrupts(machine) }
        expectation.requests(
          arguments.iterations, queue: 0, arguments.window, wait: arguments.wait,
          batch: UInt64(arguments.parameter))
        expectation.closeQueue(0, arguments.window)
        expectation.readDoorbellErrors(arguments.window)
      }
      return expectation
    })

  static let timer = GuestProgram(
    name: "timer",
    summary: "sleeps: HLT until the local APIC's timer fires, handled inside KVM",
    detail: """
      Each iteration sets the local APIC's timer and halts until its interrupt. No exit reaches the VMM: KVM's own \
      counters show halts and wakeups. Fails when a sleep ends before nine tenths of its time.
      """,
    mode: .protected,
    parameters: [.iterations(500, "sleeps"), .period, .spacing],
    requirements: GuestRequirements(interruptController: true),
    phases: [],
    locate: exeunt_guest_image_timer,
    expect: { arguments, _ in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      expectation.timerInterrupts = arguments.iterations
      return expectation
    })

  static let serial = GuestProgram(
    name: "serial",
    summary: "serial output byte by byte, two exits each",
    detail: """
      Each iteration reads serial0's line status (port 0x3fd) until the transmitter is free and writes one byte \
      (port 0x3f8) of a line of text that it repeats.
      """,
    mode: .protected,
    parameters: [.iterations(420, "bytes"), .spacing],
    requirements: GuestRequirements(),
    phases: [],
    locate: exeunt_guest_image_serial,
    expect: { arguments, _ in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      expectation.serial(bytes: arguments.iterations)
      return expectation
    })

  static let kernelExits = GuestProgram(
    name: "kernel-exits",
    summary: "CPUID and RDMSR: what KVM answers itself and the VMM never sees",
    detail: """
      Each iteration executes CPUID and reads IA32_APIC_BASE. The trace shows one long stay in KVM_RUN; KVM's own \
      counters show what happened in it: with VMX and SVM two exits for each iteration (`exits`), with PVM, which \
      emulates guest kernels, instructions of its emulator (`insn_emulation`) and hardly any exit. Fails when an \
      answer differs from the first.
      """,
    mode: .protected,
    parameters: [.iterations(10_000, "pairs of CPUID and RDMSR"), .spacing],
    requirements: GuestRequirements(),
    phases: [],
    locate: exeunt_guest_image_kernel_exits,
    expect: { arguments, _ in
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations
      return expectation
    })

  static let multiqueue = GuestProgram(
    name: "multiqueue",
    summary: "several queues for each vCPU, each with an interrupt of its own",
    detail: """
      Every vCPU has as many doorbell queues as `queues` says, and each queue an interrupt line of its own (16 and \
      up) that leads to that vCPU. An iteration kicks all queues of the vCPU, then halts until each has completed its \
      request and has interrupted. Iterations are per vCPU; vCPUs × queues are at most 8. Fails when a completion or \
      an interrupt does not come within 5 s, or comes twice, or comes to another vCPU.
      """,
    mode: .protected,
    parameters: [.iterations(2_000, "rounds of kicks of each vCPU"), .queues, .window, .spacing],
    requirements: GuestRequirements(interruptController: true, ownLines: true),
    phases: [],
    locate: exeunt_guest_image_multiqueue,
    expect: { arguments, machine in
      let total = UInt16(machine.vcpus) * UInt16(arguments.parameter)
      var expectation = GuestExpectation.powerOff
      expectation.iterations = arguments.iterations * UInt64(machine.vcpus)
      expectation.identifyDoorbell(arguments.window)
      for queue in 0..<total {
        expectation.openQueue(queue, arguments.window)
        expectation.giveLine(queue, arguments.window, machine)
        expectation.requests(arguments.iterations, queue: queue, arguments.window, wait: .interrupt)
        expectation.closeQueue(queue, arguments.window)
      }
      expectation.readDoorbellErrors(arguments.window)
      return expectation
    })

  static let smp = GuestProgram(
    name: "smp",
    summary: "two and more vCPUs on one device: a queue each, one register for all",
    detail: """
      The first vCPU starts the others (INIT, SIPI). Each then kicks a doorbell queue of its own and polls for \
      completion; before each kick it writes and reads a scratch register that all of them share, and checks that \
      what it reads is a whole value of one of them. Iterations are per vCPU.
      """,
    mode: .protected,
    parameters: [.iterations(5_000, "kicks of each vCPU"), .accesses, .window, .spacing],
    requirements: GuestRequirements(minimumVcpus: 2, interruptController: true),
    phases: [],
    locate: exeunt_guest_image_smp,
    expect: { arguments, machine in
      var expectation = GuestExpectation.powerOff
      expectation.identifyDoorbell(arguments.window)
      expectation.openQueue(0, arguments.window)
      expectation.contention(
        vcpus: machine.vcpus, iterations: arguments.iterations, pairs: UInt64(arguments.parameter),
        arguments.window)
      expectation.readDoorbellErrors(arguments.window)
      return expectation
    })
}
