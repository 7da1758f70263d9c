import CKVM
import Platform

extension KVMVcpu {
  /// The general registers, RIP and RFLAGS: KVM_GET_REGS.
  public func registers() throws(KVMError) -> kvm_regs {
    var value = kvm_regs()
    try Request("KVM_GET_REGS", CKVM_GET_REGS)(descriptor, &value)
    return value
  }

  /// Sets the general registers: KVM_SET_REGS.
  public func setRegisters(_ registers: kvm_regs) throws(KVMError) {
    var value = registers
    try Request("KVM_SET_REGS", CKVM_SET_REGS)(descriptor, &value)
  }

  /// Segments, descriptor tables, control registers and EFER: KVM_GET_SREGS.
  public func systemRegisters() throws(KVMError) -> kvm_sregs {
    var value = kvm_sregs()
    try Request("KVM_GET_SREGS", CKVM_GET_SREGS)(descriptor, &value)
    return value
  }

  /// Sets them: KVM_SET_SREGS.
  public func setSystemRegisters(_ registers: kvm_sregs) throws(KVMError) {
    var value = registers
    try Request("KVM_SET_SREGS", CKVM_SET_SREGS)(descriptor, &value)
  }

  /// Sets what the guest's CPUID instruction answers: KVM_SET_CPUID2. Before the first `run()`.
  ///
  /// - Parameter entries: at most 256.
  public func setCPUID(_ entries: [kvm_cpuid_entry2]) throws(KVMError) {
    // The table has room for so many, and nothing beyond is touched.
    precondition(entries.count <= Int(CKVM_CPUID_CAPACITY))
    let table = UnsafeMutablePointer<ckvm_cpuid>.allocate(capacity: 1)
    defer { unsafe table.deallocate() }
    unsafe table.initialize(to: ckvm_cpuid())
    unsafe table.pointee.nent = UInt32(entries.count)
    unsafe withUnsafeMutableBytes(of: &table.pointee.entries) { raw in
      unsafe entries.withUnsafeBytes { unsafe raw.copyMemory(from: $0) }
    }
    try unsafe Request("KVM_SET_CPUID2", CKVM_SET_CPUID2)(descriptor, at: table)
  }

  /// The guest physical address behind a linear one, by the guest's own page tables: KVM_TRANSLATE.
  ///
  /// - Returns: nil where the guest has nothing mapped.
  public func translate(linear address: UInt64) throws -> UInt64? {
    var value = kvm_translation()
    value.linear_address = address
    try Request("KVM_TRANSLATE", CKVM_TRANSLATE)(descriptor, &value)
    return value.valid != 0 ? value.physical_address : nil
  }

  /// The x87 and SSE registers: KVM_GET_FPU.
  public func floatingPoint() throws(KVMError) -> kvm_fpu {
    var value = kvm_fpu()
    try Request("KVM_GET_FPU", CKVM_GET_FPU)(descriptor, &value)
    return value
  }

  /// Breakpoints: KVM_GET_DEBUGREGS.
  public func debugRegisters() throws(KVMError) -> kvm_debugregs {
    var value = kvm_debugregs()
    try Request("KVM_GET_DEBUGREGS", CKVM_GET_DEBUGREGS)(descriptor, &value)
    return value
  }

  /// Exceptions and interrupts on their way to the guest: KVM_GET_VCPU_EVENTS.
  public func events() throws(KVMError) -> kvm_vcpu_events {
    var value = kvm_vcpu_events()
    try Request("KVM_GET_VCPU_EVENTS", CKVM_GET_VCPU_EVENTS)(descriptor, &value)
    return value
  }

  /// Makes the guest take an exception without error code before its next instruction: KVM_SET_VCPU_EVENTS.
  ///
  /// - Parameter vector: 3 for #BP, 6 for #UD and so on.
  public func inject(exception vector: UInt8) throws(KVMError) {
    var value = try events()
    value.exception.injected = 1
    value.exception.nr = vector
    value.exception.has_error_code = 0
    try Request("KVM_SET_VCPU_EVENTS", CKVM_SET_VCPU_EVENTS)(descriptor, &value)
  }

  /// The guest's view of a model-specific register: KVM_GET_MSRS.
  ///
  /// - Returns: nil where KVM does not know the register.
  public func modelSpecificRegister(_ index: UInt32) throws(KVMError) -> UInt64? {
    var list = ckvm_msrs()
    list.nmsrs = 1
    list.entries.0.index = index
    let read = try Request("KVM_GET_MSRS", CKVM_GET_MSRS)(descriptor, &list)
    return read == 1 ? list.entries.0.data : nil
  }

  /// What the guest's time stamp counter is ahead of the host's, as a two's complement number of ticks:
  /// KVM_GET_DEVICE_ATTR of KVM_VCPU_TSC_OFFSET. nil where the kernel does not tell.
  public func timeStampCounterOffset() -> UInt64? {
    var offset: UInt64 = 0
    var attribute = kvm_device_attr()
    attribute.group = UInt32(KVM_VCPU_TSC_CTRL)
    attribute.attr = UInt64(KVM_VCPU_TSC_OFFSET)
    // The attribute is eight bytes, which are there until the call returns.
    let result = unsafe withUnsafeMutablePointer(to: &offset) { pointer in
      attribute.addr = UInt64(UInt(bitPattern: pointer))
      return unsafe ckvm_ioctl_pointer(descriptor.raw, CKVM_GET_DEVICE_ATTR, &attribute)
    }
    return result == 0 ? offset : nil
  }

  /// Sets that offset: KVM_SET_DEVICE_ATTR. Says whether the kernel did it.
  @discardableResult
  public func setTimeStampCounterOffset(_ offset: UInt64) -> Bool {
    var offset = offset
    var attribute = kvm_device_attr()
    attribute.group = UInt32(KVM_VCPU_TSC_CTRL)
    attribute.attr = UInt64(KVM_VCPU_TSC_OFFSET)
    // The attribute is eight bytes, which are there until the call returns.
    let result = unsafe withUnsafeMutablePointer(to: &offset) { pointer in
      attribute.addr = UInt64(UInt(bitPattern: pointer))
      return unsafe ckvm_ioctl_pointer(descriptor.raw, CKVM_SET_DEVICE_ATTR, &attribute)
    }
    return result == 0
  }
}

extension KVMVcpu {
  /// Everything that a reset puts back. Read once, before the vCPU first runs.
  public struct PowerOnState: @unchecked Sendable {
    fileprivate var registers: kvm_regs
    fileprivate var systemRegisters: kvm_sregs
    fileprivate var floatingPoint: kvm_fpu
    fileprivate var debugRegisters: kvm_debugregs
    /// XCR0; nil where the processor or KVM has no extended states.
    fileprivate var extendedControl: kvm_xcrs?
    fileprivate var events: kvm_vcpu_events
    fileprivate var multiprocessing: kvm_mp_state
    fileprivate var localController: kvm_lapic_state?
    fileprivate var modelSpecific: [(index: UInt32, data: UInt64)]
  }

  /// Registers that software sets and a reset clears (Intel SDM volume 3, table "IA-32 Processor States Following
  /// Power-up, Reset, or INIT"). The time stamp counter is left alone, so that guest and trace time stay related.
  private static let resetRegisters: [UInt32] = [
    0x174, 0x175, 0x176,  // SYSENTER_CS, _ESP, _EIP
    0x277,  // PAT
    0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084,  // STAR, LSTAR, CSTAR, SFMASK
    0xc000_0102,  // KERNEL_GS_BASE
    0x1a0,  // MISC_ENABLE
    0x1d9,  // DEBUGCTL
    0xc000_0103,  // TSC_AUX
    // What KVM writes into guest memory by itself, and would go on writing where the next kernel has something else:
    // clock, wall clock, asynchronous page faults, steal time, end of interrupt (Documentation/virt/kvm/x86/msr.rst).
    0x11, 0x12, 0x4b56_4d00, 0x4b56_4d01, 0x4b56_4d02, 0x4b56_4d03, 0x4b56_4d04,
    0x4b56_4d05, 0x4b56_4d06,  // haltpoll, interrupt of asynchronous page faults
  ]

  /// Reads the state of a vCPU that has not run: KVM_GET_REGS, _SREGS, _FPU, _DEBUGREGS, _XCRS, _VCPU_EVENTS,
  /// _MP_STATE, _LAPIC, _MSRS.
  ///
  /// - Parameter localController: whether the machine has local APICs in the kernel.
  public func powerOnState(localController: Bool) throws(KVMError) -> PowerOnState {
    var multiprocessing = kvm_mp_state()
    try Request("KVM_GET_MP_STATE", CKVM_GET_MP_STATE)(descriptor, &multiprocessing)
    var controller: kvm_lapic_state?
    if localController {
      var state = kvm_lapic_state()
      try Request("KVM_GET_LAPIC", CKVM_GET_LAPIC)(descriptor, &state)
      controller = state
    }
    var modelSpecific: [(index: UInt32, data: UInt64)] = []
    for index in KVMVcpu.resetRegisters {
      if let data = try modelSpecificRegister(index) { modelSpecific.append((index, data)) }
    }
    return PowerOnState(
      registers: try registers(), systemRegisters: try systemRegisters(), floatingPoint: try floatingPoint(),
      debugRegisters: try debugRegisters(), extendedControl: extendedControl(), events: try events(),
      multiprocessing: multiprocessing, localController: controller,
      modelSpecific: modelSpecific)
  }

  private func extendedControl() -> kvm_xcrs? {
    var value = kvm_xcrs()
    return (try? Request("KVM_GET_XCRS", CKVM_GET_XCRS)(descriptor, &value)) == nil ? nil : value
  }

  /// Puts a state back. The vCPU must not be running, and must have completed its last access (`requestImmediateExit`).
  public func restore(_ state: PowerOnState) throws(KVMError) {
    var state = state
    try Request("KVM_SET_MP_STATE", CKVM_SET_MP_STATE)(descriptor, &state.multiprocessing)
    try Request("KVM_SET_SREGS", CKVM_SET_SREGS)(descriptor, &state.systemRegisters)
    try Request("KVM_SET_REGS", CKVM_SET_REGS)(descriptor, &state.registers)
    try Request("KVM_SET_FPU", CKVM_SET_FPU)(descriptor, &state.floatingPoint)
    try Request("KVM_SET_DEBUGREGS", CKVM_SET_DEBUGREGS)(descriptor, &state.debugRegisters)
    if var control = state.extendedControl, control.nr_xcrs > 0 {
      try Request("KVM_SET_XCRS", CKVM_SET_XCRS)(descriptor, &control)
    }
    for register in state.modelSpecific {
      var list = ckvm_msrs()
      list.nmsrs = 1
      list.entries.0.index = register.index
      list.entries.0.data = register.data
      try Request("KVM_SET_MSRS", CKVM_SET_MSRS)(descriptor, &list)
    }
    if var controller = state.localController {
      try Request("KVM_SET_LAPIC", CKVM_SET_LAPIC)(descriptor, &controller)
    }
    try Request("KVM_SET_VCPU_EVENTS", CKVM_SET_VCPU_EVENTS)(descriptor, &state.events)
  }
}
