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
      (.shutdown, "triple fault (KVM_EXIT_SHUTDOWN)"),
      (
        .failedEntry(hardwareReason: 0x8000_0021),
        "the processor refused to enter the guest (KVM_EXIT_FAIL_ENTRY, hardware reason 0x80000021)"
      ),
      (.failed(.invalidArgument), "KVM_RUN failed: "),
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
