import CKVM

/// What CPUID tells a guest: what this host's KVM offers (KVM_GET_SUPPORTED_CPUID), less what this machine does not serve, and with
/// what KVM leaves to the VMM: that there is a hypervisor, and where each vCPU is among the others. Made the same for all vCPUs;
/// neither a reset nor INIT changes it.
///
/// The machine is one processor with a core for each vCPU and one thread in each core. Leaves are those of the Intel SDM,
/// volume 2, "CPUID", and of the AMD64 Architecture Programmer's Manual, volume 3, appendix E.
public struct GuestCPUID: Sendable {
  /// What decides it beside the host.
  public struct Machine: Sendable {
    /// vCPUs, 1 or more.
    public var vcpus: UInt32
    /// Whether each vCPU has a local APIC.
    public var hasLocalController: Bool
    /// Whether that has a timer with a deadline (KVM_CAP_TSC_DEADLINE_TIMER).
    public var hasDeadlineTimer: Bool
    /// Whether the guest may count what its processors do.
    public var hasPerformanceCounters: Bool

    /// Describes a machine.
    public init(
      vcpus: UInt32, hasLocalController: Bool, hasDeadlineTimer: Bool, hasPerformanceCounters: Bool
    ) {
      self.vcpus = vcpus
      self.hasLocalController = hasLocalController
      self.hasDeadlineTimer = hasDeadlineTimer
      self.hasPerformanceCounters = hasPerformanceCounters
    }
  }

  /// A register of an answer.
  typealias Register = WritableKeyPath<kvm_cpuid_entry2, UInt32>

  private let machine: Machine
  private let common: [kvm_cpuid_entry2]
  private let isAMD: Bool
  private let highestLeaf: UInt32
  private let highestExtendedLeaf: UInt32

  /// Makes the answers.
  ///
  /// - Parameter supported: KVM_GET_SUPPORTED_CPUID's.
  public init(_ supported: [kvm_cpuid_entry2], _ machine: Machine) {
    self.machine = machine
    let vendor = supported.first { $0.function == 0 }
    isAMD = vendor.map { GuestCPUID.amd.contains([$0.ebx, $0.edx, $0.ecx]) } ?? false
    highestLeaf = vendor?.eax ?? 0
    highestExtendedLeaf = supported.first { $0.function == 0x8000_0000 }?.eax ?? 0
    let dropped = GuestCPUID.droppedLeaves(machine)
    var common = supported.filter { !dropped.contains($0.function) }
    for index in common.indices {
      for feature in GuestCPUID.missing(machine)
      where feature.leaf == common[index].function && feature.index == common[index].index {
        common[index][keyPath: feature.register] &= ~feature.bits
      }
    }
    self.common = common
  }

  /// Whether it is a processor of AMD's, or of Hygon's, which are the same in all that is asked here.
  var isOfAMD: Bool { isAMD }
  /// Whether the guest's time stamp counter counts at one rate, whatever its processor does.
  var hasConstantTimeStampCounter: Bool {
    common.contains { $0.function == 0x8000_0007 && $0.edx & 1 << 8 != 0 }
  }

  /// "AuthenticAMD" and "HygonGenuine", as EBX, EDX and ECX of leaf 0 have them.
  private static let amd: [[UInt32]] = [
    [0x6874_7541, 0x6974_6e65, 0x444d_4163], [0x6f67_7948, 0x6e65_476e, 0x656e_6975],
  ]

  // MARK: What this machine does not serve

  private typealias Feature = (leaf: UInt32, index: UInt32, register: Register, bits: UInt32)

  private static func missing(_ machine: Machine) -> [Feature] {
    var features: [Feature] = [
      // Virtual machines in this one: VMX, SVM and SKINIT.
      (1, 0, \.ecx, 1 << 5), (0x8000_0001, 0, \.ecx, 1 << 2 | 1 << 12),
      // Enclaves: there is no memory for them.
      (7, 0, \.ebx, 1 << 2), (7, 0, \.ecx, 1 << 30),
    ]
    if !machine.hasPerformanceCounters {
      features += [
        // PDCM and DTES64; DS; Intel's processor trace, its records of branches, and how its counters are found; AMD's counters of
        // cores, northbridge, time and cache, and its sampling.
        (1, 0, \.ecx, 1 << 15 | 1 << 2), (1, 0, \.edx, 1 << 21), (7, 0, \.ebx, 1 << 25),
        (7, 0, \.edx, 1 << 19),
        (7, 1, \.eax, 1 << 8),
        (0x8000_0001, 0, \.ecx, 1 << 10 | 1 << 23 | 1 << 24 | 1 << 27 | 1 << 28),
      ]
    }
    if !machine.hasLocalController {
      features += [
        // The local APIC, its x2APIC mode, and what KVM does with interrupts that it sends: asynchronous page faults, their
        // interrupt, ends of interrupts, wakeups of halted vCPUs, and interrupts between them.
        (1, 0, \.edx, 1 << 9), (1, 0, \.ecx, 1 << 21),
        (0x4000_0001, 0, \.eax, 1 << 4 | 1 << 14 | 1 << 6 | 1 << 7 | 1 << 11),
      ]
    }
    return features
  }

  private static func droppedLeaves(_ machine: Machine) -> Set<UInt32> {
    // Topology is made below: KVM's answers are the host's, or none. Then enclaves; SVM; encrypted memory.
    var leaves: Set<UInt32> = [0xb, 0x1f, 0x8000_001e, 0x8000_0026, 0x12, 0x8000_000a, 0x8000_001f]
    if !machine.hasPerformanceCounters {
      // Counters, processor trace, records of branches, how counters are found; AMD's sampling and counters.
      leaves.formUnion([0xa, 0x14, 0x1c, 0x23, 0x8000_001b, 0x8000_0022])
    }
    return leaves
  }

  // MARK: What is a vCPU's own

  /// As many bits of an APIC's number as tell vCPUs apart.
  private var numberBits: UInt32 {
    machine.vcpus <= 1 ? 0 : 32 - UInt32((machine.vcpus - 1).leadingZeroBitCount)
  }

  /// The answers that a vCPU gets.
  ///
  /// - Parameter id: its number, which is its local APIC's.
  public func entries(forVcpu id: UInt32) -> [kvm_cpuid_entry2] {
    var entries = common.map { entry(of: $0, id) }
    // Where each vCPU is, also for those that have more than eight bits of a number.
    for leaf: UInt32 in [0xb, 0x1f] where highestLeaf >= leaf { entries += extendedTopology(leaf, id) }
    if isAMD, highestExtendedLeaf >= 0x8000_001e {
      var entry = kvm_cpuid_entry2()
      entry.function = 0x8000_001e
      // The APIC's number; the core's, of one thread; the only node's.
      entry.eax = id
      entry.ebx = id & 0xff
      entries.append(entry)
    }
    return entries
  }

  private func entry(of common: kvm_cpuid_entry2, _ id: UInt32) -> kvm_cpuid_entry2 {
    var entry = common
    let isShared = machine.vcpus > 1
    switch entry.function {
    case 1:
      entry.ebx = entry.ebx & 0x0000_ffff | min(machine.vcpus, 255) << 16 | (id & 0xff) << 24
      // There is a hypervisor. Kernels before 6.14 do not list it, nor the timer, for these are the VMM's to say.
      entry.ecx |= 1 << 31
      entry.ecx.set(1 << 24, machine.hasLocalController && machine.hasDeadlineTimer)
      // HTT: several logical processors in this one.
      entry.edx.set(1 << 28, isShared)
    case 4:
      // Intel's caches, and how many cores the processor may have.
      guard entry.eax & 0x1f != 0 else { break }
      entry.eax = entry.eax & 0x3fff | sharing(of: entry) << 14 | (min(1 << numberBits, 64) - 1) << 26
    case 0x8000_001d:
      guard entry.eax & 0x1f != 0 else { break }
      entry.eax = entry.eax & 0x3fff | sharing(of: entry) << 14
    case 0x8000_0001:
      // CmpLegacy: HTT means cores.
      entry.ecx.set(1 << 1, isAMD && isShared)
    case 0x8000_0008:
      // AMD's number of cores, less one, and the bits of an APIC's number that tell them apart.
      entry.ecx = isAMD ? min(machine.vcpus - 1, 255) | min(numberBits, 15) << 12 : 0
    default: break
    }
    return entry
  }

  /// How many vCPUs may share a cache, less one: caches of the third level are everybody's, others are a core's own.
  private func sharing(of cache: kvm_cpuid_entry2) -> UInt32 {
    cache.eax >> 5 & 7 >= 3 ? min(1 << numberBits, 4096) - 1 : 0
  }

  /// Threads of a core, cores of the processor, and the end (leaves 0xb and 0x1f).
  private func extendedTopology(_ leaf: UInt32, _ id: UInt32) -> [kvm_cpuid_entry2] {
    let levels: [(shift: UInt32, count: UInt32, kind: UInt32)] = [
      (0, 1, 1), (numberBits, min(machine.vcpus, 0xffff), 2), (0, 0, 0),
    ]
    return levels.enumerated().map { index, level in
      var entry = kvm_cpuid_entry2()
      entry.function = leaf
      entry.index = UInt32(index)
      entry.flags = CKVM_CPUID_FLAG_SIGNIFCANT_INDEX
      entry.eax = level.shift
      entry.ebx = level.count
      entry.ecx = level.kind << 8 | UInt32(index)
      entry.edx = id
      return entry
    }
  }
}

extension UInt32 {
  fileprivate mutating func set(_ bits: UInt32, _ isSet: Bool) { self = isSet ? self | bits : self & ~bits }
}
