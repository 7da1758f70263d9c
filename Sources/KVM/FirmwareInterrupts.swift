import CKVM

extension KVMVirtualMachine {
  /// Leaves the 8259s and the timer in the kernel as a PC's firmware does: vectors 8 and 0x70, all lines masked but the
  /// timer's and the second 8259's, and the timer ticking 18.2 times a second (KVM_SET_IRQCHIP, KVM_SET_PIT2).
  public func setFirmwareInterrupts() throws {
    for (id, vectors, mask) in [
      (KVM_IRQCHIP_PIC_MASTER, UInt8(0x08), UInt8(0b1111_1010)), (KVM_IRQCHIP_PIC_SLAVE, 0x70, 0b1111_1111),
    ] {
      var chip = kvm_irqchip()
      chip.chip_id = UInt32(id)
      try Request("KVM_GET_IRQCHIP", CKVM_GET_IRQCHIP)(descriptor, &chip)
      // The part of the union that these chips have.
      unsafe chip.chip.pic.irq_base = vectors
      unsafe chip.chip.pic.imr = mask
      try Request("KVM_SET_IRQCHIP", CKVM_SET_IRQCHIP)(descriptor, &chip)
    }
    guard hasTimer else { return }
    var state = kvm_pit_state2()
    try Request("KVM_GET_PIT2", CKVM_GET_PIT2)(descriptor, &state)
    state.channels.0.mode = 2  // rate generator
    state.channels.0.count = 0x1_0000
    // Two bytes, the low one first (the kernel's RW_STATE_WORD0).
    state.channels.0.rw_mode = 3
    state.channels.0.read_state = 3
    state.channels.0.write_state = 3
    try Request("KVM_SET_PIT2", CKVM_SET_PIT2)(descriptor, &state)
  }
}
