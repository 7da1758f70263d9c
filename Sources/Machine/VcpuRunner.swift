import Board
import CTracepoints
import Devices
import Engine
import GuestRAM
import Platform

/// One virtual CPU on its thread: what is done each time that its guest enters and leaves guest mode.
///
/// The engine has the loop (`Vcpu.run`) and calls this object directly: nothing here is generic, and nothing on the way of
/// an exit goes through a protocol.
package final class VcpuRunner: VcpuExitHandler, @unchecked Sendable {
  /// Its engine's part, for everything but running.
  let vcpu: any Vcpu
  let index: Int
  let memory: GuestMemory
  /// What is counted of its thread.
  let thread: TracedThread
  private let id: UInt16
  private let dispatcher: Dispatcher
  private let control: RunControl
  private let burden: HostBurden
  private let loop: @Sendable (VcpuRunner) -> Void
  /// The event loop that this vCPU's thread runs as well (`--threads single`). Set before the thread starts.
  @exclusivity(unchecked) var visited: IOThread?
  // Written by the vCPU's own thread; read by others after it has arrived at a checkpoint or ended. Nothing is called while
  // they change, so there is nothing that a check at run time could find, at up to 200 instructions an exit.
  @exclusivity(unchecked) package private(set) var exits: UInt64 = 0
  @exclusivity(unchecked) private(set) var unclaimed = UnclaimedAccesses()
  /// The guest's time stamp counter less the host's; nil where the engine does not tell. Read before the guest runs:
  /// KVM lets nobody ask a vCPU anything while it is in KVM_RUN, which may be for ever.
  private(set) var timeStampCounterOffset: UInt64?
  private var context: ThreadContext

  /// Makes a runner.
  ///
  /// The loop is a closure because here, and nowhere later, both the engine's type and this one are known: the compiler
  /// makes one loop of the two, with no indirect call for an exit.
  ///
  /// - Parameters:
  ///   - tracesInstructionPointer: whether exits are traced with it. It makes another loop, so that the one without
  ///     is not asked at each exit.
  ///   - coalescesWrites: whether the engine keeps writes. That, too, makes another loop.
  init<Engine: Vcpu>(
    _ vcpu: Engine, memory: GuestMemory, dispatcher: Dispatcher, control: RunControl, burden: HostBurden,
    tracesInstructionPointer: Bool, coalescesWrites: Bool = false
  ) {
    index = Int(vcpu.id)
    id = UInt16(vcpu.id)
    context = ThreadContext(kind: .vcpu, id: id)
    thread = TracedThread(.vcpu, id)
    self.vcpu = vcpu
    self.memory = memory
    self.dispatcher = dispatcher
    self.control = control
    self.burden = burden
    if coalescesWrites {
      loop = {
        vcpu.run(
          CoalescedHandling(of: vcpu, $0, tracesInstructionPointer: tracesInstructionPointer))
      }
    } else if tracesInstructionPointer {
      loop = { vcpu.run(InstructionPointerTracing(of: vcpu, $0)) }
    } else {
      loop = { vcpu.run($0) }
    }
  }

  /// The thread's name.
  var name: String { ThreadModel.vcpuThread(index) }

  /// To be called first on the vCPU's own thread.
  func enterThread() {
    thread.enter()
    timeStampCounterOffset = vcpu.timeStampCounterOffset()
  }

  /// Runs the guest until the run ends.
  func run() {
    if let visited {
      // The loop waits from now on, between visits.
      during(visited) { visited.beginVisits() }
    }
    loop(self)
  }

  /// Has an event loop's events counted as its own.
  func during(_ loop: IOThread, _ body: () -> Void) {
    loop.thread.takeOver(from: thread)
    body()
    thread.takeOver(from: loop.thread)
  }

  @inline(__always)
  package func willEnterGuest() {
    exeunt_trace_vcpu_run_enter(id, context.sequence)
  }

  @inline(__always)
  package func handle(_ exit: VcpuExit) -> Bool { handle(exit, at: nil) { true } }

  /// Handles an exit.
  ///
  /// - Parameters:
  ///   - rip: the guest's instruction pointer, where it is traced. A constant wherever this is called from, so that each
  ///     loop has only its own event in it.
  ///   - prepare: what is done once the exit is traced, and before it is handled; false where the run is over.
  @inline(__always)
  func handle(_ exit: VcpuExit, at rip: UInt64?, _ prepare: () -> Bool) -> Bool {
    exits &+= 1
    switch exit {
    case .port(let access):
      let direction: UInt8 = access.isWrite ? 2 : 1
      traceExit(
        rip, UInt8(ExitReason.io), UInt64(access.port), UInt8(access.size), direction,
        UInt16(truncatingIfNeeded: access.count))
      guard prepare() else { return false }
      if !dispatcher.handle(access, by: context) {
        unclaimed.count(isPort: true, address: UInt64(access.port), times: UInt64(access.count))
      }
    case .memory(let access):
      let direction: UInt8 = access.isWrite ? 2 : 1
      traceExit(rip, UInt8(ExitReason.mmio), access.address, UInt8(access.size), direction, 1)
      guard prepare() else { return false }
      if !dispatcher.handle(access, by: context) {
        unclaimed.count(isPort: false, address: access.address)
      }
    default:
      traceRare(exit, at: rip)
      guard prepare(), handleRare(exit) else { return false }
    }
    context.advance()
    return true
  }

  /// Carries out what the guest wrote before this exit and its engine has kept.
  ///
  /// - Returns: false when the run is over.
  @inline(__always)
  func carryOutCoalesced(of engine: some Vcpu) -> Bool {
    let isWhole = dispatcher.carryOutCoalesced(of: engine, by: context) {
      unclaimed.count(isPort: $0.isPort, address: $0.address)
    }
    return isWhole
      || crash("KVM's ring of coalesced writes is damaged; run without --coalesced-io, and report this")
  }

  @inline(__always)
  private func traceExit(
    _ rip: UInt64?, _ reason: UInt8, _ address: UInt64, _ size: UInt8, _ direction: UInt8, _ count: UInt16
  ) {
    if let rip {
      exeunt_trace_vcpu_run_exit_rip(
        id, context.sequence, reason, address, size, direction, count, rip)
    } else {
      exeunt_trace_vcpu_run_exit(id, context.sequence, reason, address, size, direction, count)
    }
  }

  /// Asks what to do, and does not ask again for what was asked for until then.
  ///
  /// - Returns: false when the run is over.
  private func goesOn() -> Bool {
    // Cleared before looking, so that a request made after the look interrupts the next KVM_RUN. After a reset once
    // more: what was asked for again while this vCPU waited is done, and would cost an exit that is nobody's.
    var verdict: RunControl.Verdict
    repeat {
      vcpu.clearImmediateExit()
      verdict = control.checkpoint(vcpu: index)
    } while verdict == .restarted
    if verdict == .end { return false }
    if control.isLooking(at: index) {
      control.tell(vcpu: index, (try? vcpu.positionOfEndlessWait()) ?? nil)
    }
    // After the request was taken back: what becomes ready behind this look makes another one.
    if let visited { during(visited) { visited.visit() } }
    return true
  }

  private func traceRare(_ exit: VcpuExit, at rip: UInt64?) {
    let address: UInt64 = if case .memoryFault(let fault) = exit { fault.address } else { 0 }
    traceExit(rip, UInt8(truncatingIfNeeded: min(exit.reason, 255)), address, 0, 0, 0)
  }

  /// Handles everything that is not an access to a device.
  ///
  /// - Returns: false when the run is over.
  private func handleRare(_ exit: VcpuExit) -> Bool {
    switch exit {
    case .port, .memory: return true
    case .interrupted: return goesOn()
    case .halt:
      let verdict = control.halt(vcpu: index)
      return verdict == .restarted ? goesOn() : verdict != .end
    case .endOfInterrupt(let vector):
      for range in dispatcher.memory.ranges {
        guard let controller = range.device as? IOAPIC else { continue }
        dispatcher.withLock(of: controller, by: context) { controller.endOfInterrupt(vector: vector) }
      }
      return true
    case .systemEvent(let type):
      handleSystemEvent(type)
      return true
    case .settled: return true
    case .busLock:
      burden.bear(.busLock)
      return true
    case .notify(let isContextLost):
      guard !isContextLost else {
        return crash(
          "the guest kept the processor from taking interrupts, and its state could not be saved (KVM_EXIT_NOTIFY)"
        )
      }
      burden.bear(.notify)
      return true
    case .internalError:
      if vcpu.recoverFromInternalError() { return true }
      let error = vcpu.internalError()
      let instruction = error.instruction.map { hexadecimal($0, width: 2) }.joined(separator: " ")
      let what =
        error.suberror == 1
        ? "KVM could not emulate an instruction"
          + (instruction.isEmpty ? "" : " (\(instruction))")
          + (HostDescription.current.kvm == "pvm"
            ? "; without hardware virtualization it emulates a kernel's, and lacks some: see docs/guest-abi.md, "
              + "\"Kernels on KVM without hardware virtualization\"" : "")
        : "KVM_EXIT_INTERNAL_ERROR, suberror \(error.suberror), data "
          + error.data.map { "0x" + String($0, radix: 16) }.joined(separator: " ")
      return crash(error.message ?? what)
    case .shutdown:
      if control.resetAfterCrash() { return goesOn() }
      return crash("triple fault")
    case .failedEntry(let reason):
      return crash(
        "the processor refused to enter the guest (KVM_EXIT_FAIL_ENTRY, hardware reason 0x\(String(reason, radix: 16)))"
      )
    case .memoryFault(let fault):
      let size = fault.size == 0 ? "" : " (\(fault.size) bytes)"
      return crash(
        "guest memory at 0x\(String(fault.address, radix: 16))\(size) could not be reached (KVM_EXIT_MEMORY_FAULT: "
          + "\(fault.errno)); what is behind it on the host is gone: see --mem-path")
    case .failed(let errno):
      return crash("KVM_RUN failed: \(errno)")
    case .other(let reason):
      return crash(
        "exit that this machine does not serve: \(ExitReason.name(reason)) (KVM_EXIT number \(reason))")
    }
  }

  private func handleSystemEvent(_ type: UInt32) {
    // KVM_SYSTEM_EVENT_SHUTDOWN, _RESET, _CRASH, and of other architectures _WAKEUP and _SUSPEND, which ask for nothing
    // (linux/kvm.h).
    switch type {
    case 1: control.powerOff()
    case 2: control.reset()
    case 4, 5: break
    default: control.end(.crashed("vcpu\(index): the guest reported a crash (KVM_EXIT_SYSTEM_EVENT \(type))"))
    }
  }

  /// Ends the run with the vCPU's state, and waits for the end as every vCPU does.
  private func crash(_ what: String) -> Bool {
    control.end(.crashed("vcpu\(index): \(what)\n\(stateDescription())"))
    return control.checkpoint(vcpu: index) != .end
  }
}
