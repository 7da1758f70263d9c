import CKVM

/// Names of KVM_EXIT_*: lower case without the prefix, as the kernel's tracepoints and the event catalogue write them.
public enum ExitReason {
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
