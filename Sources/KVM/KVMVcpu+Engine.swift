import CKVM
import Engine

extension KVMVcpu {
  /// Reads the registers: KVM_GET_REGS, KVM_GET_SREGS.
  public func state() throws -> CPUState {
    let registers = try registers()
    let system = try systemRegisters()
    var state = CPUState()
    for (path, kernelPath) in KVMVcpu.generalRegisters {
      state.general[keyPath: path] = registers[keyPath: kernelPath]
    }
    state.rip = registers.rip
    state.rflags = registers.rflags
    for (path, kernelPath) in KVMVcpu.segments {
      state[keyPath: path] = CPUState.Segment(system[keyPath: kernelPath])
    }
    state.gdt.base = system.gdt.base
    state.gdt.limit = system.gdt.limit
    state.idt.base = system.idt.base
    state.idt.limit = system.idt.limit
    state.cr0 = system.cr0
    state.cr2 = system.cr2
    state.cr3 = system.cr3
    state.cr4 = system.cr4
    state.efer = system.efer
    return state
  }

  /// Sets the registers: KVM_SET_SREGS, KVM_SET_REGS. What KVM keeps beside them stays: interrupts, the local APIC's base,
  /// CR8, LDTR.
  public func setState(_ state: CPUState) throws {
    var system = try systemRegisters()
    for (path, kernelPath) in KVMVcpu.segments {
      system[keyPath: kernelPath] = kvm_segment(state[keyPath: path])
    }
    system.gdt.base = state.gdt.base
    system.gdt.limit = state.gdt.limit
    system.idt.base = state.idt.base
    system.idt.limit = state.idt.limit
    system.cr0 = state.cr0
    system.cr2 = state.cr2
    system.cr3 = state.cr3
    system.cr4 = state.cr4
    system.efer = state.efer
    try setSystemRegisters(system)
    var registers = kvm_regs()
    for (path, kernelPath) in KVMVcpu.generalRegisters {
      registers[keyPath: kernelPath] = state.general[keyPath: path]
    }
    registers.rip = state.rip
    registers.rflags = state.rflags
    try setRegisters(registers)
  }

  private static var generalRegisters:
    [(WritableKeyPath<CPUState.General, UInt64>, WritableKeyPath<kvm_regs, UInt64>)]
  {
    [
      (\.rax, \.rax), (\.rcx, \.rcx), (\.rdx, \.rdx), (\.rbx, \.rbx), (\.rsp, \.rsp), (\.rbp, \.rbp),
      (\.rsi, \.rsi),
      (\.rdi, \.rdi), (\.r8, \.r8), (\.r9, \.r9), (\.r10, \.r10), (\.r11, \.r11), (\.r12, \.r12),
      (\.r13, \.r13),
      (\.r14, \.r14), (\.r15, \.r15),
    ]
  }

  private static var segments:
    [(WritableKeyPath<CPUState, CPUState.Segment>, WritableKeyPath<kvm_sregs, kvm_segment>)]
  {
    [
      (\.cs, \.cs), (\.ds, \.ds), (\.es, \.es), (\.fs, \.fs), (\.gs, \.gs), (\.ss, \.ss), (\.tr, \.tr),
    ]
  }

  /// The guest's time stamp counter: KVM_GET_MSRS of IA32_TIME_STAMP_COUNTER.
  public func timeStampCounter() -> UInt64? { (try? modelSpecificRegister(0x10)) ?? nil }

  /// Notes what a reset puts back.
  public func keepPowerOnState() throws { powerOn = try powerOnState(localController: hasLocalController) }

  /// Puts it back.
  public func reset() throws -> [String] {
    guard let powerOn else { return [] }
    return try restore(powerOn).map {
      "model-specific register 0x\(String($0.index, radix: 16)) could not be set to its 0x\(String($0.data, radix: 16))"
    }
  }

  /// What KVM_EXIT_INTERNAL_ERROR tells.
  public func internalError() -> VcpuExit.InternalError { unsafe VcpuExit.InternalError(page: page) }

  /// Executes an instruction that KVM's emulator lacks.
  public func recoverFromInternalError() -> Bool { InstructionMending.mend(internalError(), of: self) }

  /// This vCPU's own counters.
  public func counters() throws -> (any CounterSource)? { try statistics() }
}

extension CPUState.Segment {
  fileprivate init(_ segment: kvm_segment) {
    self.init()
    base = segment.base
    limit = segment.limit
    selector = segment.selector
    type = segment.type
    isPresent = segment.present != 0
    privilegeLevel = segment.dpl
    is32Bit = segment.db != 0
    isCodeOrData = segment.s != 0
    is64Bit = segment.l != 0
    countsPages = segment.g != 0
    isAvailable = segment.avl != 0
    isUnusable = segment.unusable != 0
  }
}

extension kvm_segment {
  fileprivate init(_ segment: CPUState.Segment) {
    self.init()
    base = segment.base
    limit = segment.limit
    selector = segment.selector
    type = segment.type
    present = segment.isPresent ? 1 : 0
    dpl = segment.privilegeLevel
    db = segment.is32Bit ? 1 : 0
    s = segment.isCodeOrData ? 1 : 0
    l = segment.is64Bit ? 1 : 0
    g = segment.countsPages ? 1 : 0
    avl = segment.isAvailable ? 1 : 0
    unusable = segment.isUnusable ? 1 : 0
  }
}
