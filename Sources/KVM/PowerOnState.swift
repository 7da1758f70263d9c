import CKVM
import Platform

extension KVMVcpu {
  /// Everything that a reset puts back. Read once, before the vCPU first runs.
  public struct PowerOnState: @unchecked Sendable {
    fileprivate var registers: kvm_regs
    fileprivate var systemRegisters: kvm_sregs
    fileprivate var floatingPoint: kvm_fpu
    /// All that XSAVE saves; nil where KVM does not tell, or it is more than the 4096 bytes that it then has to tell of.
    fileprivate var extended: [UInt64]?
    fileprivate var debugRegisters: kvm_debugregs
    /// XCR0; nil where the processor or KVM has no extended states.
    fileprivate var extendedControl: kvm_xcrs?
    fileprivate var events: kvm_vcpu_events
    fileprivate var multiprocessing: kvm_mp_state
    fileprivate var localController: kvm_lapic_state?
    /// That the vCPU runs no virtual machine of its own; nil where it cannot.
    fileprivate var nested: [UInt64]?
    fileprivate var timeStampCounterOffset: UInt64?
    fileprivate var modelSpecific: [ModelSpecificRegister]
  }

  /// What KVM keeps of a vCPU's registers beside what it lists, where it has it: memory types (MTRRs: 0x200 – 0x20f, 0x250 – 0x26f,
  /// 0x2ff), and banks of machine checks, four registers each.
  private static let unlisted: [UInt32] =
    Array(0x200...0x20f) + [0x250, 0x258, 0x259] + Array(0x268...0x26f) + [0x2ff] + Array(0x400..<0x480)

  /// What is left as it is: the time stamp counter, whose offset is put back, so that guest and trace time stay related; and what
  /// counts or acts by itself, Hyper-V's run time, reference time and end of message.
  private static let left: Set<UInt32> = [0x10, 0x4000_0010, 0x4000_0020, 0x4000_0084]

  /// The registers that a reset puts back, of those that KVM lists.
  static func resetRegisters(listed: [UInt32]) -> [UInt32] {
    var seen = left
    return (fixed + listed + unlisted).filter { seen.insert($0).inserted }
  }

  /// Registers that every KVM has and software sets (Intel SDM volume 3, table "IA-32 Processor States Following
  /// Power-up, Reset, or INIT").
  private static let fixed: [UInt32] = [
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

  /// Reads the state of a vCPU that has not run: KVM_GET_REGS, _SREGS, _FPU, _XSAVE, _DEBUGREGS, _XCRS, _VCPU_EVENTS,
  /// _MP_STATE, _LAPIC, _NESTED_STATE, _MSRS.
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
    return PowerOnState(
      registers: try registers(), systemRegisters: try systemRegisters(), floatingPoint: try floatingPoint(),
      extended: extendedState(), debugRegisters: try debugRegisters(), extendedControl: extendedControl(),
      events: try events(),
      multiprocessing: multiprocessing, localController: controller, nested: nestedState(),
      timeStampCounterOffset: timeStampCounterOffset(),
      modelSpecific: try modelSpecificRegisters(resetIndices))
  }

  /// XCR0: KVM_GET_XCRS; nil where the processor or KVM has no extended states.
  func extendedControl() -> kvm_xcrs? {
    var value = kvm_xcrs()
    return (try? Request("KVM_GET_XCRS", CKVM_GET_XCRS)(descriptor, &value)) == nil ? nil : value
  }

  /// What XSAVE saves: KVM_GET_XSAVE.
  private func extendedState() -> [UInt64]? {
    var state = [UInt64](repeating: 0, count: 4096 / 8)
    return (try? Request("KVM_GET_XSAVE", CKVM_GET_XSAVE)(descriptor, of: &state)) == nil ? nil : state
  }

  /// The virtual machine that the guest runs in this one: KVM_GET_NESTED_STATE. With VMX the header and two pages.
  private func nestedState() -> [UInt64]? {
    var state = [UInt64](repeating: 0, count: (128 + 2 * 4096) / 8)
    // The third field: how much room there is. Flags and format come before it, 16 bits each.
    state[0] = UInt64(8 * state.count) << 32
    let request = Request("KVM_GET_NESTED_STATE", CKVM_GET_NESTED_STATE)
    return (try? request(descriptor, of: &state)) == nil ? nil : state
  }

  /// Puts a state back. The vCPU must not be running, and must have completed its last access (`requestImmediateExit`).
  ///
  /// - Returns: registers that KVM would not put back.
  public func restore(_ state: PowerOnState) throws(KVMError) -> [ModelSpecificRegister] {
    var state = state
    // First, for what follows is then the guest's own and not that of a machine within.
    if state.nested != nil, nestedState() != state.nested {
      try Request("KVM_SET_NESTED_STATE", CKVM_SET_NESTED_STATE)(descriptor, of: &state.nested!)
    }
    try Request("KVM_SET_MP_STATE", CKVM_SET_MP_STATE)(descriptor, &state.multiprocessing)
    try Request("KVM_SET_SREGS", CKVM_SET_SREGS)(descriptor, &state.systemRegisters)
    try Request("KVM_SET_REGS", CKVM_SET_REGS)(descriptor, &state.registers)
    if state.extended != nil {
      try Request("KVM_SET_XSAVE", CKVM_SET_XSAVE)(descriptor, of: &state.extended!)
    }
    try Request("KVM_SET_FPU", CKVM_SET_FPU)(descriptor, &state.floatingPoint)
    try Request("KVM_SET_DEBUGREGS", CKVM_SET_DEBUGREGS)(descriptor, &state.debugRegisters)
    if var control = state.extendedControl, control.nr_xcrs > 0 {
      try Request("KVM_SET_XCRS", CKVM_SET_XCRS)(descriptor, &control)
    }
    if var controller = state.localController {
      try Request("KVM_SET_LAPIC", CKVM_SET_LAPIC)(descriptor, &controller)
    }
    // Behind the local APIC, which disarms its timer's deadline. Only what has changed: a write may do more than set.
    let now = try modelSpecificRegisters(state.modelSpecific.map(\.index))
    let values = Dictionary(now.map { ($0.index, $0.data) }) { first, _ in first }
    let refused = try setModelSpecificRegisters(state.modelSpecific.filter { values[$0.index] != $0.data })
    if let offset = state.timeStampCounterOffset, timeStampCounterOffset() != offset {
      setTimeStampCounterOffset(offset)
    }
    try Request("KVM_SET_VCPU_EVENTS", CKVM_SET_VCPU_EVENTS)(descriptor, &state.events)
    return refused
  }
}
