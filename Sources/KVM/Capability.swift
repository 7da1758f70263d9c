import CKVM

/// A capability that KVM_CHECK_EXTENSION is asked for, under the kernel's name.
public struct Capability: Sendable, Hashable {
  /// KVM_CAP_*'s number.
  public let rawValue: CInt
  /// The name in lower case without the prefix `KVM_CAP_`.
  public let name: String
  /// What this VMM uses it for.
  public let use: String

  init(_ rawValue: CInt, _ name: String, _ use: String) {
    self.rawValue = rawValue
    self.name = name
    self.use = use
  }

  /// KVM_CAP_USER_MEMORY.
  public static let userMemory = Capability(
    KVM_CAP_USER_MEMORY, "user_memory", "guest RAM from this process's memory")
  /// KVM_CAP_IMMEDIATE_EXIT.
  public static let immediateExit = Capability(
    KVM_CAP_IMMEDIATE_EXIT, "immediate_exit", "stopping vCPUs without a race")
  /// KVM_CAP_EXT_CPUID.
  public static let extendedCPUID = Capability(
    KVM_CAP_EXT_CPUID, "ext_cpuid", "giving the guest its CPUID leaves")
  /// KVM_CAP_MP_STATE.
  public static let mpState = Capability(KVM_CAP_MP_STATE, "mp_state", "resetting secondary vCPUs")
  /// KVM_CAP_VCPU_EVENTS.
  public static let vcpuEvents = Capability(KVM_CAP_VCPU_EVENTS, "vcpu_events", "reset, and mending int3")
  /// KVM_CAP_IRQCHIP.
  public static let irqchip = Capability(KVM_CAP_IRQCHIP, "irqchip", "--irqchip kernel")
  /// KVM_CAP_SPLIT_IRQCHIP.
  public static let splitIrqchip = Capability(KVM_CAP_SPLIT_IRQCHIP, "split_irqchip", "--irqchip split")
  /// KVM_CAP_PIT2.
  public static let pit2 = Capability(KVM_CAP_PIT2, "pit2", "the timer of --irqchip kernel")
  /// KVM_CAP_IOEVENTFD.
  public static let ioeventfd = Capability(KVM_CAP_IOEVENTFD, "ioeventfd", "--ioeventfd on")
  /// KVM_CAP_COALESCED_MMIO. Its number is the page of a vCPU's mapping in which the writes are.
  public static let coalescedMMIO = Capability(
    KVM_CAP_COALESCED_MMIO, "coalesced_mmio", "--coalesced-io on: writes to memory")
  /// KVM_CAP_COALESCED_PIO.
  public static let coalescedPIO = Capability(
    KVM_CAP_COALESCED_PIO, "coalesced_pio", "--coalesced-io on: writes to ports")
  /// KVM_CAP_IRQFD.
  public static let irqfd = Capability(KVM_CAP_IRQFD, "irqfd", "--irqfd on")
  /// KVM_CAP_IRQ_ROUTING.
  public static let irqRouting = Capability(
    KVM_CAP_IRQ_ROUTING, "irq_routing", "interrupts with --irqchip split")
  /// KVM_CAP_SIGNAL_MSI.
  public static let signalMSI = Capability(
    KVM_CAP_SIGNAL_MSI, "signal_msi", "--irqchip split with --irqfd off")
  /// KVM_CAP_BINARY_STATS_FD.
  public static let binaryStatistics = Capability(
    KVM_CAP_BINARY_STATS_FD, "binary_stats_fd", "KVM's own counters in the trace")
  /// KVM_CAP_GET_TSC_KHZ.
  public static let getTSCKHz = Capability(
    KVM_CAP_GET_TSC_KHZ, "get_tsc_khz", "relating guest time to trace time")
  /// KVM_CAP_VCPU_ATTRIBUTES.
  public static let vcpuAttributes = Capability(
    KVM_CAP_VCPU_ATTRIBUTES, "vcpu_attributes", "reading and setting the guest's TSC offset")
  /// KVM_CAP_SYNC_REGS.
  public static let syncRegs = Capability(
    KVM_CAP_SYNC_REGS, "sync_regs", "--trace-rip: the guest's instruction pointer at each exit")
  /// KVM_CAP_TSC_DEADLINE_TIMER.
  public static let deadlineTimer = Capability(
    KVM_CAP_TSC_DEADLINE_TIMER, "tsc_deadline_timer", "the deadline of local APICs' timers")
  /// KVM_CAP_X86_BUS_LOCK_EXIT, on a machine.
  public static let busLockExit = Capability(
    KVM_CAP_X86_BUS_LOCK_EXIT, "x86_bus_lock_exit", "bounding guests that lock the memory bus")
  /// KVM_CAP_X86_NOTIFY_VMEXIT, on a machine.
  public static let notifyExit = Capability(
    KVM_CAP_X86_NOTIFY_VMEXIT, "x86_notify_vmexit", "bounding guests that keep interrupts away")
  /// KVM_CAP_PMU_CAPABILITY, on a machine.
  public static let pmuCapability = Capability(
    KVM_CAP_PMU_CAPABILITY, "pmu_capability", "guests without performance counters")
  /// KVM_CAP_NR_VCPUS.
  public static let recommendedVcpus = Capability(
    KVM_CAP_NR_VCPUS, "nr_vcpus", "the recommended number of vCPUs")
  /// KVM_CAP_MAX_VCPUS.
  public static let maximumVcpus = Capability(KVM_CAP_MAX_VCPUS, "max_vcpus", "the limit of --cpus")

  /// Without these no guest runs.
  public static let required: [Capability] = [
    .userMemory, .immediateExit, .extendedCPUID, .mpState, .vcpuEvents,
  ]
  /// Each of these is behind a flag or an enrichment of the trace.
  public static let optional: [Capability] = [
    .irqchip, .splitIrqchip, .pit2, .ioeventfd, .irqfd, .irqRouting, .signalMSI, .binaryStatistics,
    .getTSCKHz, .vcpuAttributes, .syncRegs,
  ]
}
