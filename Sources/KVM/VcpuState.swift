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
    hasGigabytePages = entries.contains { $0.function == 0x8000_0001 && $0.edx & 1 << 26 != 0 }
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
