import Engine
import Platform
import ScriptedEngine
import Synchronization
import Testing

@testable import Machine

/// Orders of events that a real KVM produces once in a thousand runs, or never.
@Suite("Ends, resets and halts, in every order")
struct ScriptedLifecycleTests {
  private func run(_ vcpus: Int = 2, _ change: (inout MachineConfiguration) -> Void = { _ in }) throws
    -> ScriptedRun
  {
    try ScriptedRun {
      $0.vcpus = vcpus
      change(&$0)
    }
  }

  @Test("Of two ends the first counts, whichever vCPU it is", arguments: [0, 1])
  func firstEndCounts(first: Int) throws {
    let run = try run()
    let (one, other) = (run.vcpus[first], run.vcpus[1 - first])
    // The other does not hear that it is to stop, and goes on to ask for an end of its own.
    other.setDeaf(true)
    try one.begin(Script.debugExit(7))
    other.waitUntilAsked()
    try other.exit(Script.powerOff)
    other.setDeaf(false)
    let summary = try run.end()
    #expect(summary.outcome == .debugExit(value: 7))
    #expect(summary.resets == 0)
  }

  @Test("An end outdoes a reset that was asked for before it, and is not undone by one that comes after")
  func endAndReset() throws {
    for scripts in [(Script.reset, Script.powerOff), (Script.powerOff, Script.reset)] {
      let run = try run()
      run.vcpus[1].setDeaf(true)
      try run.vcpus[0].begin(scripts.0)
      run.vcpus[1].waitUntilAsked()
      try run.vcpus[1].exit(scripts.1)
      run.vcpus[1].setDeaf(false)
      let summary = try run.end()
      #expect(summary.outcome == .poweredOff)
      #expect(summary.resets == 0)
      #expect(run.board.resets == 0)
    }
  }

  @Test("A reset outdoes a sleep, whichever was asked for first, and an end outdoes both")
  func sleepAndOthers() throws {
    for (scripts, resets) in [
      ([Script.suspend, Script.reset], 1), ([Script.reset, Script.suspend], 1),
      ([Script.suspend, Script.powerOff], 0),
      ([Script.powerOff, Script.suspend], 0),
    ] {
      let run = try run()
      run.vcpus[1].setDeaf(true)
      try run.vcpus[0].begin(scripts[0])
      run.vcpus[1].waitUntilAsked()
      try run.vcpus[1].exit(scripts[1])
      run.vcpus[1].setDeaf(false)
      if resets > 0 { for vcpu in run.vcpus { try vcpu.exit(Script.look) } }
      let summary = try resets > 0 ? run.powerOff() : run.end()
      #expect(summary.outcome == .poweredOff)
      #expect(summary.resets == resets && run.board.resets == resets && summary.sleeps == 0)
    }
  }

  @Test("Two vCPUs that ask for a reset at the same time get one")
  func twoResets() throws {
    let run = try run()
    run.vcpus[1].setDeaf(true)
    try run.vcpus[0].begin(Script.reset)
    run.vcpus[1].waitUntilAsked()
    try run.vcpus[1].exit(Script.reset)
    run.vcpus[1].setDeaf(false)
    for vcpu in run.vcpus { try vcpu.exit(Script.look) }
    #expect(run.board.resets == 1)
    #expect(run.vcpus.map(\.resets) == [1, 1])
    let summary = try run.powerOff()
    #expect(summary.resets == 1)
    #expect(summary.outcome == .poweredOff)
  }

  @Test("Nothing is reset before every vCPU has left guest mode")
  func resetWaits() throws {
    let run = try run(3)
    let late = run.vcpus[2]
    late.setDeaf(true)
    try run.vcpus[0].exit(.write(port: 0x590, size: 1, bytes: [0x5a]))
    try run.vcpus[0].begin(Script.reset)
    late.waitUntilAsked()
    // It still finds the devices as they were, as often as it looks.
    for _ in 0..<10 { #expect(try late.exit(Script.look) == [0x5a]) }
    #expect(run.board.resets == 0)
    late.setDeaf(false)
    #expect(try late.exit(Script.look) == [0])
    #expect(run.board.resets == 1)
    #expect(try run.powerOff().outcome == .poweredOff)
  }

  @Test("A reset puts back every device, and the first vCPU is where the image begins")
  func resetRestores() throws {
    let run = try run()
    let entry = try run.vcpus[0].state()
    #expect(entry.cs.base == 0x10000)
    for round in 1...3 {
      try run.vcpus[1].exit(.store(address: 0xd000_1000, bytes: [1, 2, 3, 4]))
      var disorder = entry
      disorder.rip = 0x1234
      disorder.cr0 = .max
      try run.vcpus[0].setState(disorder)
      try run.vcpus[0].exit(Script.reset)
      #expect(try run.vcpus[1].exit(.load(address: 0xd000_1000, size: 4)) == [0, 0, 0, 0])
      try run.vcpus[0].exit(Script.look)
      #expect(try run.vcpus[0].state() == entry)
      #expect(run.board.resets == round)
    }
    #expect(try run.powerOff().resets == 3)
  }

  @Test("An end that is asked for in the middle of a reset is one: no vCPU enters the guest again")
  func endWhileResetting() throws {
    let run = try run()
    let control = run.machine.control
    run.board.whileResetting { control.end(.interrupted(signal: 15)) }
    try run.vcpus[0].begin(Script.reset)
    let summary = try run.end()
    #expect(summary.outcome == .interrupted(signal: 15))
    #expect(summary.resets == 1)
    // The reset's exit and one interruption of each.
    #expect(summary.exits == [2, 1])
    #expect(run.vcpus.map(\.timesInterrupted) == [1, 1])
  }

  @Test("A second reset in the middle of the first has nothing left to do")
  func resetWhileResetting() throws {
    let run = try run()
    let control = run.machine.control
    run.board.whileResetting { control.reset() }
    try run.vcpus[0].begin(Script.reset)
    for vcpu in run.vcpus { try vcpu.exit(Script.look) }
    #expect(run.board.resets == 1)
    #expect(try run.powerOff().outcome == .poweredOff)
  }

  @Test("With --on-reboot exit a reset ends the run")
  func rebootEnds() throws {
    let run = try run { $0.onReboot = .exit }
    try run.vcpus[1].begin(Script.reset)
    let summary = try run.end()
    #expect(summary.outcome == .rebooted)
    #expect(run.board.resets == 0)
  }

  @Test("The run ends when the last vCPU has halted, and not before")
  func halts() throws {
    let run = try run(3)
    let halts = try [2, 0].map { try run.vcpus[$0].begin(.other(.halt)) }
    for _ in 0..<10 { try run.vcpus[1].exit(Script.look) }
    #expect(zip([2, 0], halts).allSatisfy { !run.vcpus[$0].hasFinished($1) })
    try run.vcpus[1].begin(.other(.halt))
    let summary = try run.end()
    #expect(summary.outcome == .halted())
    #expect(summary.exits == [1, 11, 1])
  }

  @Test("A halted vCPU is reset with the others, and its halt forgotten")
  func haltAndReset() throws {
    let run = try run()
    let halt = try run.vcpus[1].begin(.other(.halt))
    try run.vcpus[0].exit(Script.reset)
    // It runs again: its halt is over without an end.
    try run.vcpus[1].finish(halt)
    try run.vcpus[1].exit(Script.look)
    // One that has halted before the reset does not count for the end.
    let again = try run.vcpus[0].begin(.other(.halt))
    try run.vcpus[1].exit(Script.look)
    #expect(!run.vcpus[0].hasFinished(again))
    try run.vcpus[1].begin(.other(.halt))
    #expect(try run.end().outcome == .halted())
  }

  @Test("A crash of one vCPU ends the run while another halts and a third is in guest mode")
  func crashAmongOthers() throws {
    let run = try run(3)
    try run.vcpus[0].begin(.other(.halt))
    try run.vcpus[1].begin(.other(.shutdown))
    let summary = try run.end()
    #expect(summary.outcome.crashText?.hasPrefix("vcpu1: triple fault") == true)
  }

  @Test("Two vCPUs that crash at the same time: the first one is told")
  func twoCrashes() throws {
    let run = try run()
    run.vcpus[0].setDeaf(true)
    try run.vcpus[1].begin(.other(.shutdown))
    run.vcpus[0].waitUntilAsked()
    try run.vcpus[0].begin(.other(.failed(.ioError)))
    let summary = try run.end()
    #expect(summary.outcome.crashText?.hasPrefix("vcpu1: triple fault") == true)
    #expect(summary.exits == [1, 1])
  }

  @Test("A vCPU that was on its way into the guest when all were interrupted is interrupted again")
  func interruptedAgain() throws {
    let run = try run()
    // What was asked for is lost on it, as a signal just before KVM_RUN would be without immediate_exit.
    run.vcpus[1].setDeaf(true)
    try run.vcpus[0].begin(Script.powerOff)
    run.vcpus[1].waitUntilAsked()
    run.vcpus[1].clearImmediateExit()
    run.vcpus[1].setDeaf(false)
    #expect(try run.end().outcome == .poweredOff)
    #expect(run.vcpus[1].timesInterrupted == 1)
  }

  @Test("The time limit tells where every vCPU was")
  func timeLimit() throws {
    let run = try run { $0.timeLimit = 50_000_000 }
    try run.vcpus[0].exit(Script.look)
    let text = try #require(try run.end().outcome.timeoutText)
    #expect(text.contains("vcpu0: rip 0x0 (real mode), 2 exits, bytes at rip: f4"))
    #expect(text.contains("vcpu1: rip 0x"))
  }
}
