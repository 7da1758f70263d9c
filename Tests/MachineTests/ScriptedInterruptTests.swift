import Engine
import Platform
import ScriptedEngine
import Testing

@testable import Machine

@Suite("Kicks and interrupts across the engine's seam")
struct ScriptedInterruptTests {
  typealias Controller = MachineConfiguration.InterruptController
  /// The doorbell's window of ports and of memory, and its queues' counts of completions (docs/guest-abi.md).
  private static let port: UInt16 = 0xd00
  private static let address: UInt64 = 0xd000_0000
  private static let line: UInt32 = 5

  private func number(_ value: Int) -> [UInt8] {
    withUnsafeBytes(of: UInt32(value).littleEndian) { Array($0) }
  }

  /// Waits for a queue to have completed so many requests, and says whether it has no more.
  private func completed(_ count: Int, queue: UInt16, _ vcpu: ScriptedVcpu) throws -> Bool {
    while true {
      let bytes = try vcpu.exit(
        .read(port: ScriptedInterruptTests.port + 0x4c + 16 * queue, size: 4, count: 1))
      let found = bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
      if found >= count { return found == count }
    }
  }

  @Test("A kick that the engine consumes does what one that exits does", arguments: [1, 3])
  func kicks(ioThreads: Int) throws {
    let run = try ScriptedRun { $0.ioThreads = ioThreads }
    for queue in [0, 7, 15] as [UInt16] {
      for round in 0..<3 {
        let kick = number(Int(queue))
        #expect(run.board.kick(.port(ScriptedInterruptTests.port), size: 4, value: UInt64(queue)))
        #expect(try completed(4 * round + 1, queue: queue, run.vcpus[0]))
        #expect(run.board.kick(.memory(ScriptedInterruptTests.address), size: 4, value: UInt64(queue)))
        #expect(try completed(4 * round + 2, queue: queue, run.vcpus[0]))
        try run.vcpus[0].exit(.write(port: ScriptedInterruptTests.port, size: 4, bytes: kick))
        #expect(try completed(4 * round + 3, queue: queue, run.vcpus[0]))
        try run.vcpus[0].exit(.store(address: ScriptedInterruptTests.address, bytes: kick))
        #expect(try completed(4 * round + 4, queue: queue, run.vcpus[0]))
      }
    }
    // Only whole kicks of queues that exist are consumed.
    #expect(!run.board.kick(.port(ScriptedInterruptTests.port), size: 4, value: 16))
    #expect(!run.board.kick(.port(ScriptedInterruptTests.port), size: 2, value: 0))
    #expect(!run.board.kick(.port(ScriptedInterruptTests.port + 4), size: 4, value: 0))
    #expect(try run.powerOff().outcome == .poweredOff)
    // Each raised the device's line; the loops have ended, so all have been.
    #expect(run.board.takeSignals(ofLine: ScriptedInterruptTests.line) == 3 * 3 * 4)
    #expect(run.board.interrupts == [])
  }

  @Test("A kick that comes while a vCPU still has to leave the guest for a reset is not the next guest's")
  func kicksAndReset() throws {
    let run = try ScriptedRun { $0.vcpus = 2 }
    run.vcpus[1].setDeaf(true)
    try run.vcpus[0].begin(Script.reset)
    run.vcpus[1].waitUntilAsked()
    for _ in 0..<100 { #expect(run.board.kick(.port(ScriptedInterruptTests.port), size: 4, value: 3)) }
    run.vcpus[1].setDeaf(false)
    #expect(try completed(0, queue: 3, run.vcpus[0]))
    #expect(run.board.resets == 1)
    #expect(run.board.kick(.port(ScriptedInterruptTests.port), size: 4, value: 3))
    #expect(try completed(1, queue: 3, run.vcpus[0]))
    #expect(try run.powerOff().resets == 1)
  }

  @Test("An engine without eventfds runs the same guest, and is told from one that has them")
  func withoutEventDescriptors() throws {
    let complaint = #expect(throws: MachineError.self) { _ = try ScriptedRun(features: []) }
    #expect(
      complaint?.description == "--ioeventfd on: this host's script has no ioeventfd; use --ioeventfd off")
    let other = #expect(throws: MachineError.self) { _ = try ScriptedRun(features: [.ioEventFd]) }
    #expect(other?.description == "--irqfd on: this host's script has no irqfd; use --irqfd off")
    let run = try ScriptedRun(features: []) {
      $0.ioeventfd = false
      $0.irqfd = false
    }
    #expect(!run.board.kick(.port(ScriptedInterruptTests.port), size: 4, value: 3))
    try run.vcpus[0].exit(.write(port: ScriptedInterruptTests.port, size: 4, bytes: number(3)))
    #expect(try completed(1, queue: 3, run.vcpus[0]))
    #expect(try run.powerOff().outcome == .poweredOff)
    #expect(run.board.takeSignals(ofLine: ScriptedInterruptTests.line) == nil)
    #expect(run.board.interrupts == [.level(line: 5, high: true), .level(line: 5, high: false)])
    // Without interrupt controllers there is nothing that an irqfd could raise.
    #expect(
      try ScriptedRun(features: []) {
        $0.ioeventfd = false
        $0.interruptController = .none
      }.powerOff().outcome == .poweredOff)
  }

  @Test("What the engine refuses is told in its own words")
  func refusal() {
    let complaint = #expect(throws: MachineError.self) { _ = try ScriptedRun { $0.vcpus = 65 } }
    #expect(complaint?.description == "the script has no more than 64 vCPUs")
  }

  @Test("A line that the guest sets reaches the engine at each change, and only then")
  func levels() throws {
    let run = try ScriptedRun { $0.irqfd = false }
    for value in [1, 1, 0, 0, 0xff] as [UInt8] {
      try run.vcpus[0].exit(.write(port: 0x2000 + 7, size: 1, bytes: [value]))
    }
    #expect(try run.powerOff().outcome == .poweredOff)
    #expect(
      run.board.interrupts == [
        .level(line: 7, high: true), .level(line: 7, high: false), .level(line: 7, high: true),
      ])
  }

  @Test(
    "With the I/O APIC in this process a line is the message that the guest programmed",
    arguments: [true, false])
  func messages(irqfd: Bool) throws {
    let run = try ScriptedRun {
      $0.interruptController = .split
      $0.irqfd = irqfd
    }
    let vcpu = run.vcpus[0]
    func program(_ register: UInt8, _ value: Int) throws {
      try vcpu.exit(.store(address: 0xfec0_0000, bytes: [register, 0, 0, 0]))
      try vcpu.exit(.store(address: 0xfec0_0010, bytes: number(value)))
    }
    // Masked: nobody is told.
    try vcpu.exit(.write(port: ScriptedInterruptTests.port, size: 4, bytes: number(0)))
    #expect(run.board.interrupts == [])
    // Line 5 to vector 0x31 of local APIC 2, edge-triggered.
    try program(0x10 + 2 * 5 + 1, 2 << 24)
    try program(0x10 + 2 * 5, 0x31)
    let message = try #require(run.board.routes[5])
    #expect(message.address == 0xfee0_2000)
    #expect(message.data & 0xff == 0x31)
    _ = run.board.takeSignals(ofLine: 5)
    try vcpu.exit(.write(port: ScriptedInterruptTests.port, size: 4, bytes: number(0)))
    if irqfd {
      #expect(run.board.takeSignals(ofLine: 5) == 1)
      #expect(run.board.interrupts == [])
    } else {
      #expect(run.board.interrupts == [.message(message)])
    }
    #expect(try run.powerOff().outcome == .poweredOff)
  }
}
