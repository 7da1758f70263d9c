import CKVM
import Engine

extension KVMVcpu {
  /// Where the vCPU waits for good: KVM_GET_MP_STATE, KVM_GET_REGS, KVM_GET_VCPU_EVENTS, KVM_GET_LAPIC.
  public func positionOfEndlessWait() throws -> UInt64? {
    guard hasLocalController else { return nil }
    var state = kvm_mp_state()
    try Request("KVM_GET_MP_STATE", CKVM_GET_MP_STATE)(descriptor, &state)
    switch Int32(bitPattern: state.mp_state) {
    // Another vCPU starts it.
    case KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_INIT_RECEIVED: return 0
    case KVM_MP_STATE_HALTED: break
    default: return nil
    }
    let registers = try registers()
    let events = try events()
    // RFLAGS.IF; and what comes whatever it says.
    guard registers.rflags & 1 << 9 == 0, events.nmi.pending == 0, events.nmi.injected == 0,
      events.smi.pending == 0,
      events.exception.injected == 0, events.exception.pending == 0
    else { return nil }
    // The timer's line can be one that is not masked (Intel SDM volume 3, section 11.5.1): delivery mode 4 of LINT0.
    var controller = kvm_lapic_state()
    try Request("KVM_GET_LAPIC", CKVM_GET_LAPIC)(descriptor, &controller)
    let line = unsafe withUnsafeBytes(of: controller.regs) {
      unsafe $0.loadUnaligned(fromByteOffset: 0x350, as: UInt32.self)
    }
    return line & 1 << 16 == 0 && line >> 8 & 7 == 4 ? nil : registers.rip
  }
}

extension KVMVirtualMachine {
  /// With local APICs in the kernel it does.
  public var haltsInGuestMode: Bool { controllers != .none }

  /// Whether a line of the kernel's I/O APIC is an SMI, an NMI or an INIT: KVM_GET_IRQCHIP.
  public func hasUnmaskableLines() throws -> Bool {
    guard controllers == .all else { return false }
    var chip = kvm_irqchip()
    chip.chip_id = UInt32(KVM_IRQCHIP_IOAPIC)
    try Request("KVM_GET_IRQCHIP", CKVM_GET_IRQCHIP)(descriptor, &chip)
    // The table's entries, of which Swift cannot import the bit fields.
    return unsafe withUnsafeBytes(of: chip.chip) { raw in
      (0..<Int(KVM_IOAPIC_NUM_PINS)).contains { line in
        let place = Int(CKVM_IOAPIC_TABLE_OFFSET) + 8 * line
        let entry = unsafe raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)
        return entry & 1 << 16 == 0 && InterruptMessage.isUnmaskable(data: UInt32(truncatingIfNeeded: entry))
      }
    }
  }
}
