import CKVM
import Engine
import Platform

// `KVMSystem` has checked that a page holds a whole `kvm_run`, of which each exit reads its own part of the union: all of them are
// plain numbers. Only the data of port I/O lies behind it, and is checked here.

extension VcpuExit {
  /// Reads why KVM_RUN returned from the page that the vCPU shares with the kernel. The payload is borrowed from it: it is
  /// valid until the next KVM_RUN of the same vCPU.
  @inlinable @inline(__always)
  init(page: UnsafeMutablePointer<kvm_run>, mappingSize: Int) {
    switch unsafe Int32(bitPattern: page.pointee.exit_reason) {
    case KVM_EXIT_IO:
      let io = unsafe page.pointee.io
      let bytes = Int(io.size) &* Int(io.count)
      // The kernel places the data behind kvm_run, inside the mapping; a kernel that does not is not used.
      guard io.data_offset <= UInt64(mappingSize), bytes <= mappingSize &- Int(io.data_offset), bytes > 0
      else {
        self = .other(reason: UInt32(KVM_EXIT_IO))
        return
      }
      self = unsafe .port(
        PortAccess(
          port: io.port, size: Int(io.size), count: Int(io.count),
          isWrite: Int32(io.direction) == KVM_EXIT_IO_OUT,
          data: UnsafeMutableRawPointer(page) + Int(io.data_offset)))
    case KVM_EXIT_MMIO:
      let size = unsafe Int(page.pointee.mmio.len)
      guard size >= 1, size <= 8 else {
        self = .other(reason: UInt32(KVM_EXIT_MMIO))
        return
      }
      self = unsafe .memory(
        MemoryAccess(
          address: page.pointee.mmio.phys_addr, size: size, isWrite: page.pointee.mmio.is_write != 0,
          data: UnsafeMutableRawPointer(page) + Int(CKVM_RUN_MMIO_DATA_OFFSET)))
    default:
      self = unsafe VcpuExit.rare(page: page)
    }
  }

  /// What a KVM_RUN that failed means.
  @usableFromInline
  init(error: Errno, page: UnsafeMutablePointer<kvm_run>) {
    switch error {
    // EAGAIN: the vCPU waits for INIT and SIPI and was woken by a signal.
    case .interrupted, .resourceTemporarilyUnavailable: self = .interrupted
    // The one reason that comes with an error: EFAULT, or EHWPOISON (Documentation/virt/kvm/api.rst,
    // KVM_EXIT_MEMORY_FAULT). Kernels that know it clear the reason whenever a vCPU is run, so it is never an old one.
    case _ where unsafe page.pointee.exit_reason == CKVM_EXIT_MEMORY_FAULT:
      let fault = unsafe UnsafeRawPointer(page).load(
        fromByteOffset: Int(CKVM_RUN_REASON_OFFSET), as: ckvm_memory_fault.self)
      self = .memoryFault(MemoryFault(address: fault.gpa, size: fault.size, errno: error))
    default: self = .failed(error)
    }
  }

  @usableFromInline
  static func rare(page: UnsafeMutablePointer<kvm_run>) -> VcpuExit {
    let reason = unsafe page.pointee.exit_reason
    switch Int32(bitPattern: reason) {
    case KVM_EXIT_HLT: return .halt
    case KVM_EXIT_INTR: return .interrupted
    case KVM_EXIT_SHUTDOWN: return .shutdown
    case KVM_EXIT_FAIL_ENTRY:
      return unsafe .failedEntry(hardwareReason: page.pointee.fail_entry.hardware_entry_failure_reason)
    case KVM_EXIT_INTERNAL_ERROR: return .internalError
    case KVM_EXIT_SYSTEM_EVENT: return unsafe .systemEvent(type: page.pointee.system_event.type)
    case KVM_EXIT_IOAPIC_EOI: return unsafe .endOfInterrupt(vector: page.pointee.eoi.vector)
    case KVM_EXIT_X86_BUS_LOCK: return .busLock
    case KVM_EXIT_NOTIFY:
      let flags = unsafe page.pointee.notify.flags
      return .notify(isContextLost: flags & CKVM_NOTIFY_CONTEXT_INVALID != 0)
    default: return unsafe settle(reason, page: page) ? .settled(reason: reason) : .other(reason: reason)
    }
  }

  /// Answers an exit after which the guest goes on: what it asked for is refused in the way that it is told of, or there is
  /// nothing that this machine does about it. Most of these KVM makes only for those who ask for them, and this program does not.
  ///
  /// - Returns: whether it was one of these.
  private static func settle(_ reason: UInt32, page: UnsafeMutablePointer<kvm_run>) -> Bool {
    switch Int32(bitPattern: reason) {
    // The task priority was lowered, by a guest without a local APIC in the kernel: no interrupt waits for that. Interrupts may
    // be injected: none is to be. The task priority was read or written. A non-maskable interrupt of the host's came.
    case KVM_EXIT_SET_TPR, KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXIT_TPR_ACCESS, KVM_EXIT_NMI: return true
    // No such call: KVM_ENOSYS (linux/kvm_para.h).
    case KVM_EXIT_HYPERCALL:
      unsafe page.pointee.hypercall.ret = UInt64(bitPattern: -1000)
      return true
    // A general protection fault.
    case KVM_EXIT_X86_RDMSR, KVM_EXIT_X86_WRMSR:
      unsafe page.pointee.msr.error = 1
      return true
    // HV_STATUS_INVALID_HYPERCALL_CODE; and -ENOSYS, as Xen says it.
    case KVM_EXIT_HYPERV:
      if unsafe page.pointee.hyperv.type == UInt32(KVM_EXIT_HYPERV_HCALL) {
        unsafe page.pointee.hyperv.u.hcall.result = 2
      }
      return true
    case KVM_EXIT_XEN:
      if unsafe page.pointee.xen.type == UInt32(KVM_EXIT_XEN_HCALL) {
        unsafe page.pointee.xen.u.hcall.result = UInt64(bitPattern: -38)
      }
      return true
    default: return false
    }
  }
}

extension VcpuExit.InternalError {
  init(page: UnsafeMutablePointer<kvm_run>) {
    let suberror = unsafe page.pointee.`internal`.suberror
    let count = unsafe min(Int(page.pointee.`internal`.ndata), 16)
    let data = unsafe withUnsafeBytes(of: page.pointee.`internal`.data) { raw in
      unsafe Array(raw.bindMemory(to: UInt64.self).prefix(count))
    }
    // With KVM_CAP_EXIT_ON_EMULATION_FAILURE's layout, data[0] holds flags and data[1...2] a length and 15 bytes.
    let failure = unsafe page.pointee.emulation_failure
    let known = failure.flags & UInt64(CKVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0
    var instruction: [UInt8] = []
    if Int32(bitPattern: suberror) == KVM_INTERNAL_ERROR_EMULATION, count >= 3, known {
      let length = min(Int(failure.insn_size), 15)
      instruction = unsafe withUnsafeBytes(of: failure.insn_bytes) { unsafe Array($0.prefix(length)) }
    }
    self.init(suberror: suberror, instruction: instruction, data: data)
  }
}
