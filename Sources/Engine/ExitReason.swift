/// Numbers and names of KVM_EXIT_* (linux/kvm.h): lower case without the prefix, as the kernel's tracepoints and the event
/// catalogue write them.
public enum ExitReason {
  /// KVM_EXIT_UNKNOWN.
  public static let unknown: UInt32 = 0
  /// KVM_EXIT_IO.
  public static let io: UInt32 = 2
  /// KVM_EXIT_HLT.
  public static let halt: UInt32 = 5
  /// KVM_EXIT_MMIO.
  public static let mmio: UInt32 = 6
  /// KVM_EXIT_SHUTDOWN.
  public static let shutdown: UInt32 = 8
  /// KVM_EXIT_FAIL_ENTRY.
  public static let failedEntry: UInt32 = 9
  /// KVM_EXIT_INTR.
  public static let interrupted: UInt32 = 10
  /// KVM_EXIT_INTERNAL_ERROR.
  public static let internalError: UInt32 = 17
  /// KVM_EXIT_SYSTEM_EVENT.
  public static let systemEvent: UInt32 = 24
  /// KVM_EXIT_IOAPIC_EOI.
  public static let endOfInterrupt: UInt32 = 26
  /// KVM_EXIT_X86_BUS_LOCK.
  public static let busLock: UInt32 = 33
  /// KVM_EXIT_NOTIFY.
  public static let notify: UInt32 = 37
  /// KVM_EXIT_MEMORY_FAULT.
  public static let memoryFault: UInt32 = 39

  private static let names = [
    "unknown", "exception", "io", "hypercall", "debug", "hlt", "mmio", "irq_window_open", "shutdown",
    "fail_entry",
    "intr", "set_tpr", "tpr_access", "s390_sieic", "s390_reset", "dcr", "nmi", "internal_error", "osi",
    "papr_hcall", "s390_ucontrol", "watchdog", "s390_tsch", "epr", "system_event", "s390_stsi", "ioapic_eoi",
    "hyperv", "arm_nisv", "x86_rdmsr", "x86_wrmsr", "dirty_ring_full", "ap_reset_hold", "x86_bus_lock", "xen",
    "riscv_sbi", "riscv_csr", "notify", "loongarch_iocsr", "memory_fault",
  ]

  /// The name of a reason; `reason_N` for one that this code does not know.
  public static func name(_ reason: UInt32) -> String {
    reason < names.count ? names[Int(reason)] : "reason_\(reason)"
  }
}
