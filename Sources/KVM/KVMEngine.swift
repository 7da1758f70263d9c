import CKVM
import Engine
import GuestRAM
import Platform

/// KVM as an engine: /dev/kvm, opened.
public final class KVMEngine: ExecutionEngine {
  private let system: KVMSystem

  /// Takes the device, once it is open.
  public init(_ system: consuming KVMSystem) { self.system = system }

  /// The name in messages.
  public var name: String { "KVM" }

  /// Eventfds, where this kernel has them.
  public var features: EngineFeatures {
    var features: EngineFeatures = []
    if has(.ioeventfd) { features.insert(.ioEventFd) }
    if has(.irqfd) { features.insert(.irqFd) }
    if has(.coalescedMMIO), has(.coalescedPIO) { features.insert(.coalescedWrites) }
    return features
  }

  private func has(_ capability: Capability) -> Bool { ((try? system.check(capability)) ?? 0) != 0 }

  /// Refuses a kernel that lacks something.
  public func check(_ requirements: MachineRequirements) throws {
    guard system.apiVersion == KVMSystem.expectedAPIVersion else {
      throw KVMUnsupported(
        "KVM_GET_API_VERSION answers \(system.apiVersion), this program needs \(KVMSystem.expectedAPIVersion)"
      )
    }
    var needed = Capability.required
    switch requirements.interruptControllers {
    case .all: needed += [.irqchip]
    case .local: needed += [.splitIrqchip, .irqRouting]
    case .none: break
    }
    if requirements.signalsMessages { needed.append(.signalMSI) }
    for capability in needed where try system.check(capability) == 0 {
      throw KVMUnsupported(
        "this host's KVM lacks KVM_CAP_\(capability.name.uppercased()), needed for \(capability.use); "
          + "see `exeunt doctor`")
    }
    // The capability's number is the set of registers that can be had.
    if requirements.tellsInstructionPointers,
      try system.check(.syncRegs) & Int(CKVM_SYNC_X86_REGS) == 0
    {
      throw KVMUnsupported(
        "--trace-rip: this host's KVM lacks KVM_CAP_SYNC_REGS (Linux 4.17), which leaves the instruction pointer in "
          + "memory at each exit; record without it")
    }
    let limit = try system.check(.maximumVcpus)
    guard limit == 0 || requirements.vcpus <= limit else {
      throw KVMUnsupported("--cpus \(requirements.vcpus): this host's KVM allows \(limit) at the most")
    }
  }

  /// Makes a machine: KVM_CREATE_VM, its memory, and the interrupt controllers in the kernel.
  public func makeMachine(
    _ requirements: MachineRequirements, memory: GuestMemory, reserved: Range<UInt64>
  ) throws -> KVMVirtualMachine {
    let machine = try system.createVirtualMachine()
    machine.cpuid = GuestCPUID(
      try system.supportedCPUID(),
      .init(
        vcpus: UInt32(requirements.vcpus), hasLocalController: requirements.interruptControllers != .none,
        hasDeadlineTimer: has(.deadlineTimer), hasPerformanceCounters: requirements.hasPerformanceCounters))
    machine.resetIndices = KVMVcpu.resetRegisters(listed: try system.modelSpecificRegisterIndices())
    try machine.bound(requirements)
    machine.memory = memory
    machine.tellsInstructionPointers = requirements.tellsInstructionPointers
    if requirements.coalescesWrites { machine.ringPage = try system.check(.coalescedMMIO) }
    // One page, and the three above it.
    try machine.setIdentityMapAddress(reserved.lowerBound)
    try machine.setTSSAddress(reserved.lowerBound + 4096)
    for (slot, region) in memory.layout.regions.enumerated() {
      try unsafe machine.setMemory(
        slot: UInt32(slot), guestAddress: region.start.value, memory: memory.hostMemory(of: region))
    }
    switch requirements.interruptControllers {
    case .all:
      try machine.createInterruptControllers()
      if try system.check(.pit2) != 0 { try machine.createTimer() }
    case .local: try machine.createLocalControllers(lines: 24)
    case .none: break
    }
    return machine
  }
}

extension KVMVirtualMachine {
  /// Has KVM tell of what a guest does to the host's other processors, and takes performance counters away that the guest is not
  /// to have. Before vCPUs are made; a kernel that cannot goes without.
  func bound(_ requirements: MachineRequirements) throws(KVMError) {
    // The capability's number is the set of what can be asked for.
    if try check(.busLockExit) & Int(CKVM_BUS_LOCK_DETECTION_EXIT) != 0 {
      try enable(.busLockExit, CKVM_BUS_LOCK_DETECTION_EXIT)
    }
    // The upper half is how long the guest may keep interrupts away, in ticks beyond what the processor needs by itself.
    if try check(.notifyExit) != 0 {
      try enable(.notifyExit, CKVM_X86_NOTIFY_VMEXIT_ENABLED | CKVM_X86_NOTIFY_VMEXIT_USER)
    }
    if !requirements.hasPerformanceCounters, try check(.pmuCapability) & Int(CKVM_PMU_CAP_DISABLE) != 0 {
      try enable(.pmuCapability, CKVM_PMU_CAP_DISABLE)
    }
  }
}

/// What this host's KVM cannot do, with what to do about it.
public struct KVMUnsupported: Error, Sendable, CustomStringConvertible {
  /// The message.
  public let description: String

  init(_ description: String) { self.description = description }
}
