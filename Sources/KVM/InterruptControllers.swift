import CKVM
import Engine
import Platform

extension KVMVirtualMachine {
  /// Makes two 8259s, an I/O APIC and a local APIC for each vCPU in the kernel: KVM_CREATE_IRQCHIP.
  /// To be called before vCPUs are made.
  public func createInterruptControllers() throws(KVMError) {
    try Request("KVM_CREATE_IRQCHIP", CKVM_CREATE_IRQCHIP)(descriptor)
    controllers = .all
  }

  /// Makes only the local APICs in the kernel: KVM_ENABLE_CAP of KVM_CAP_SPLIT_IRQCHIP.
  ///
  /// - Parameter lines: lines of the I/O APIC that the VMM emulates; their end of interrupt exits to it.
  public func createLocalControllers(lines: Int) throws(KVMError) {
    try enable(.splitIrqchip, UInt64(lines))
    controllers = .local
  }

  /// Makes an 8254 timer in the kernel, and the port by which its third channel is switched on and looked at, 0x61, with
  /// which kernels measure their clocks: KVM_CREATE_PIT2.
  public func createTimer() throws(KVMError) {
    var configuration = kvm_pit_config()
    configuration.flags = UInt32(KVM_PIT_SPEAKER_DUMMY)
    try Request("KVM_CREATE_PIT2", CKVM_CREATE_PIT2)(descriptor, &configuration)
    hasTimer = true
  }

  /// Sets the level of an interrupt line: KVM_IRQ_LINE.
  public func setInterruptLine(_ line: UInt32, high: Bool) throws {
    var request = kvm_irq_level()
    request.irq = line
    request.level = high ? 1 : 0
    try Request("KVM_IRQ_LINE", CKVM_IRQ_LINE)(descriptor, &request)
  }

  /// Sends a message-signalled interrupt: KVM_SIGNAL_MSI.
  public func signal(_ message: InterruptMessage) throws {
    var request = kvm_msi()
    request.address_lo = UInt32(truncatingIfNeeded: message.address)
    request.address_hi = UInt32(truncatingIfNeeded: message.address >> 32)
    request.data = message.data
    try Request("KVM_SIGNAL_MSI", CKVM_SIGNAL_MSI)(descriptor, &request)
  }

  /// Says which message each interrupt line sends, and forgets all earlier routes: KVM_SET_GSI_ROUTING.
  ///
  /// - Parameter messages: line and message; at most 64.
  public func setRoutes(_ messages: [(line: UInt32, message: InterruptMessage)]) throws {
    // The table has room for so many, and nothing beyond is touched.
    precondition(messages.count <= Int(CKVM_ROUTE_CAPACITY))
    let table = UnsafeMutablePointer<ckvm_irq_routing>.allocate(capacity: 1)
    defer { unsafe table.deallocate() }
    unsafe table.initialize(to: ckvm_irq_routing())
    unsafe table.pointee.nr = UInt32(messages.count)
    unsafe withUnsafeMutableBytes(of: &table.pointee.entries) { raw in
      let entries = unsafe raw.bindMemory(to: kvm_irq_routing_entry.self)
      for (index, route) in messages.enumerated() {
        unsafe entries[index].gsi = route.line
        unsafe entries[index].type = UInt32(KVM_IRQ_ROUTING_MSI)
        unsafe entries[index].u.msi.address_lo = UInt32(truncatingIfNeeded: route.message.address)
        unsafe entries[index].u.msi.address_hi = UInt32(truncatingIfNeeded: route.message.address >> 32)
        unsafe entries[index].u.msi.data = route.message.data
      }
    }
    try unsafe Request("KVM_SET_GSI_ROUTING", CKVM_SET_GSI_ROUTING)(descriptor, at: table)
  }

  /// The state of the kernel's interrupt controllers and timer, to be put back at a reset.
  public struct ControllerState: @unchecked Sendable {
    fileprivate var chips: [kvm_irqchip]
    fileprivate var timer: kvm_pit_state2?
  }

  /// Reads both 8259s, the I/O APIC and, if there is one, the timer: KVM_GET_IRQCHIP, KVM_GET_PIT2.
  public func controllerState() throws(KVMError) -> ControllerState {
    var state = ControllerState(chips: [], timer: nil)
    for id in [KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC] {
      var chip = kvm_irqchip()
      chip.chip_id = UInt32(id)
      try Request("KVM_GET_IRQCHIP", CKVM_GET_IRQCHIP)(descriptor, &chip)
      state.chips.append(chip)
    }
    if hasTimer {
      var pit = kvm_pit_state2()
      try Request("KVM_GET_PIT2", CKVM_GET_PIT2)(descriptor, &pit)
      state.timer = pit
    }
    return state
  }

  /// Puts a state back: KVM_SET_IRQCHIP, KVM_SET_PIT2. No vCPU may be running.
  public func restore(_ state: ControllerState) throws(KVMError) {
    for var chip in state.chips {
      try Request("KVM_SET_IRQCHIP", CKVM_SET_IRQCHIP)(descriptor, &chip)
    }
    if var pit = state.timer {
      try Request("KVM_SET_PIT2", CKVM_SET_PIT2)(descriptor, &pit)
    }
  }
}
