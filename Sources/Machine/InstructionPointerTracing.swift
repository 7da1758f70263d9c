import Engine

/// Has a vCPU's exits traced with the guest's instruction pointer (`--trace-rip`): between the engine's loop and the runner.
package final class InstructionPointerTracing<VirtualCPU: Vcpu>: VcpuExitHandler {
  private let vcpu: VirtualCPU
  private let runner: VcpuRunner

  /// Traces one vCPU.
  package init(of vcpu: VirtualCPU, _ runner: VcpuRunner) {
    self.vcpu = vcpu
    self.runner = runner
  }

  @inline(__always)
  package func willEnterGuest() { runner.willEnterGuest() }

  @inline(__always)
  package func handle(_ exit: VcpuExit) -> Bool { runner.handle(exit, at: vcpu.instructionPointer) { true } }
}
