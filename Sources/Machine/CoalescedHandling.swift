import Engine

/// Has the writes carried out that a vCPU's engine keeps (`--coalesced-io on`), at each exit and before it is handled: between the
/// engine's loop and the runner.
package final class CoalescedHandling<VirtualCPU: Vcpu>: VcpuExitHandler {
  private let vcpu: VirtualCPU
  private let runner: VcpuRunner
  private let tracesInstructionPointer: Bool

  /// Handles one vCPU.
  package init(of vcpu: VirtualCPU, _ runner: VcpuRunner, tracesInstructionPointer: Bool) {
    self.vcpu = vcpu
    self.runner = runner
    self.tracesInstructionPointer = tracesInstructionPointer
  }

  @inline(__always)
  package func willEnterGuest() { runner.willEnterGuest() }

  @inline(__always)
  package func handle(_ exit: VcpuExit) -> Bool {
    runner.handle(exit, at: tracesInstructionPointer ? vcpu.instructionPointer : nil) {
      runner.carryOutCoalesced(of: vcpu)
    }
  }
}
