import Engine
import Platform
import ScriptedEngine
import Testing

@testable import Machine

@Suite("Exits that are no accesses")
struct ScriptedExitTests {
  /// Runs until the first vCPU exits so.
  private func outcome(_ exit: VcpuExit, prepare: (ScriptedVcpu) -> Void = { _ in }) throws -> RunOutcome {
    let run = try ScriptedRun { $0.interruptController = .none }
    prepare(run.vcpus[0])
    try run.vcpus[0].exit(Script.look)
    try run.vcpus[0].begin(.other(exit))
    let summary = try run.end()
    // The look, this exit, and but for those after which the vCPU's thread waits by itself the interruption.
    #expect((2...3).contains(summary.exits[0]))
    return summary.outcome
  }

  @Test("Each ends the run with what it was, and with the vCPU's registers where it is a crash")
  func crashes() throws {
    let crashes: [(exit: VcpuExit, text: String)] = [
      (.shutdown, "triple fault"),
      (
        .failedEntry(hardwareReason: 0x8000_0021),
        "the processor refused to enter the guest (KVM_EXIT_FAIL_ENTRY, hardware reason 0x80000021)"
      ),
      (.failed(.invalidArgument), "KVM_RUN failed: "),
      (.notify(isContextLost: true), "its state could not be saved (KVM_EXIT_NOTIFY)"),
      (.other(reason: 3), "exit that this machine does not serve: hypercall (KVM_EXIT number 3)"),
      (.other(reason: 12345), "reason_12345 (KVM_EXIT number 12345)"),
      (
        .memoryFault(.init(address: 0x1_2345_6000, size: 0x1000, errno: .badAddress)),
        "guest memory at 0x123456000 (4096 bytes) could not be reached (KVM_EXIT_MEMORY_FAULT: "
      ),
      (
        .memoryFault(.init(address: 0xfff, size: 0, errno: .badAddress)),
        "guest memory at 0xfff could not be reached"
      ),
    ]
    for (exit, text) in crashes {
      let outcome = try outcome(exit)
      let found = try #require(outcome.crashText)
      #expect(found.hasPrefix("vcpu0: "))
      #expect(found.contains(text), "\(found)")
      // The entry of a flat image, and its one instruction, hlt.
      #expect(found.contains("rip=0000000000000000"))
      #expect(found.contains("cs.base=0000000000010000"))
      #expect(found.contains("real mode, bytes at rip: f4"))
      #expect(outcome.exitStatus == 4)
    }
  }

  @Test("What the guest asks for through the platform is done")
  func systemEvents() throws {
    #expect(try outcome(.systemEvent(type: 1)) == .poweredOff)
    #expect(
      try outcome(.systemEvent(type: 3)).crashText
        == "vcpu0: the guest reported a crash (KVM_EXIT_SYSTEM_EVENT 3)")
    let run = try ScriptedRun()
    try run.vcpus[0].exit(.other(.systemEvent(type: 2)))
    try run.vcpus[0].exit(Script.look)
    #expect(run.board.resets == 1)
    #expect(try run.powerOff().resets == 1)
  }

  @Test("An internal error ends the run only where the engine does not recover from it")
  func internalErrors() throws {
    let emulation = VcpuExit.InternalError(suberror: 1, instruction: [0x0f, 0xc7, 0x0e], data: [])
    let text = try #require(
      try outcome(.internalError) { $0.setFailure(emulation, recovers: false) }.crashText)
    #expect(text.contains("could not emulate an instruction (0f c7 0e)"))
    let other = VcpuExit.InternalError(suberror: 4, instruction: [], data: [0x80, 0x31])
    #expect(
      try outcome(.internalError) { $0.setFailure(other, recovers: false) }.crashText?.contains(
        "suberror 4, data 0x80 0x31") == true)

    let run = try ScriptedRun()
    run.vcpus[0].setFailure(emulation, recovers: true)
    for _ in 0..<3 { try run.vcpus[0].exit(.other(.internalError)) }
    let summary = try run.powerOff()
    #expect(summary.outcome == .poweredOff)
    #expect(summary.exits == [3 + 1 + 1])
  }

  @Test("What holds up the host's other processors is counted and told, and the guest goes on")
  func burdens() throws {
    let run = try ScriptedRun()
    for _ in 0..<150 { try run.vcpus[0].exit(.other(.busLock)) }
    try run.vcpus[0].exit(.other(.notify(isContextLost: false)))
    try run.vcpus[0].exit(.other(.settled(reason: 11)))
    try run.vcpus[0].exit(Script.look)
    let summary = try run.powerOff()
    #expect(summary.outcome == .poweredOff)
    #expect(summary.exits == [153 + 1 + 1])
    #expect(summary.warnings.contains { $0.hasPrefix("the guest locked the memory bus 150 times") })
    #expect(
      summary.warnings.contains { $0.hasPrefix("the guest kept a processor from taking interrupts 1 times") })
    // Those of a tenth of a second come at once.
    let quiet = try ScriptedRun()
    #expect(try quiet.powerOff().warnings.isEmpty)
  }

  @Test(
    "A thousand a second is what the host bears, of all vCPUs and kinds together; a hundred may come at once")
  func burdenIsBounded() {
    let burden = HostBurden()
    var now: UInt64 = 5_000_000_000
    let start = now
    for index in 0..<3000 {
      let wait = burden.wait(for: index % 3 == 0 ? .notify : .busLock, now: now)
      #expect((wait == 0) == (index < 100), "\(index): \(wait)")
      // Twice as long a nap as a signal might leave of it would be no less bounded: what is owed stays owed.
      now += wait / 2
    }
    #expect(now + burden.wait(for: .busLock, now: now) - start >= 2_900_000_000)
    #expect(burden.texts.count == 2)
    #expect(burden.texts[0].contains("locked the memory bus 2001 times"))
    #expect(burden.texts[0].contains("beyond 1000 a second its vCPUs were held back"))
    // One that comes seldom never waits.
    for _ in 0..<1000 {
      now += 10_000_000_000
      #expect(burden.wait(for: .busLock, now: now) == 0)
    }
  }

  @Test("A reset says what it could not put back, once")
  func remains() throws {
    let run = try ScriptedRun { $0.vcpus = 2 }
    run.vcpus[1].setRemains(["one thing stays as it was"])
    for _ in 0..<2 {
      try run.vcpus[0].begin(Script.reset)
      try run.vcpus[0].exit(Script.look)
    }
    let summary = try run.powerOff()
    #expect(summary.resets == 2)
    #expect(summary.warnings == ["after a reset one thing stays as it was, on vcpu1"])
  }

  @Test("An interruption that nobody asked for, and the end of an interrupt, are nothing to the guest")
  func harmless() throws {
    let run = try ScriptedRun { $0.interruptController = .split }
    for _ in 0..<3 { try run.vcpus[0].exit(.other(.interrupted)) }
    for vector in [0, 0x31, 0xff] as [UInt8] {
      try run.vcpus[0].exit(.other(.endOfInterrupt(vector: vector)))
    }
    try run.vcpus[0].exit(Script.look)
    let summary = try run.powerOff()
    #expect(summary.outcome == .poweredOff)
    #expect(summary.exits == [7 + 1 + 1])
  }
}
