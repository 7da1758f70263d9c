import Glibc
import KVM
import Platform

/// What this host's KVM offers, for `exeunt doctor`.
package enum HostVirtualization {
  private static let topic = "KVM"

  /// Looks at it. Makes a virtual machine with one vCPU for a moment.
  ///
  /// - Parameter path: the device's node.
  package static func findings(path: String = "/dev/kvm") -> [HostFinding] {
    let host = HostDescription.current
    let kernel = HostFinding(topic, "kernel", .ok, "Linux \(host.kernel)")
    let system: KVMSystem
    do throws(KVMError) {
      system = try KVMSystem(path: path)
    } catch {
      return [kernel, unusable(path, error)]
    }
    let version = system.apiVersion
    let expected = version == KVMSystem.expectedAPIVersion
    var findings = [
      kernel,
      HostFinding(
        topic, path, expected ? .ok : .missing, "usable, API version \(version)",
        advice: expected ? nil : "version \(KVMSystem.expectedAPIVersion) is needed: use another kernel",
        isEssential: true), flavour(host.kvm),
    ]
    findings += capabilities(system)
    findings += machine(system)
    return findings
  }

  private static func unusable(_ path: String, _ error: KVMError) -> HostFinding {
    let advice =
      switch error.errno {
      case .noSuchFileOrDirectory, .noSuchAddressOrDevice:
        "load the module (modprobe kvm_intel or kvm_amd) and enable virtualization in the firmware; in a virtual "
          + "machine, nested virtualization; in a container, pass the device in"
      case .permissionDenied, .notPermitted:
        DeviceAccess(path)?.advice ?? "run as root"
      case Errno(rawValue: ENOTTY):
        "something else than KVM's device is in its place: unmount it; in a container, pass the device in"
      default: "see what the kernel says (dmesg)"
      }
    return HostFinding(topic, path, .missing, "\(error)", advice: advice, isEssential: true)
  }

  private static func flavour(_ name: String) -> HostFinding {
    switch name {
    case "vmx": HostFinding(topic, "flavour", .ok, "vmx (Intel, kvm_intel)")
    case "svm": HostFinding(topic, "flavour", .ok, "svm (AMD, kvm_amd)")
    case "pvm":
      HostFinding(
        topic, "flavour", .warning, "pvm (kvm_pvm, no hardware virtualization)",
        advice: "exits take some 9 µs and a guest's kernel-mode instructions about 0.6 µs each")
    default: HostFinding(topic, "flavour", .ok, name)
    }
  }

  private static func capabilities(_ system: borrowing KVMSystem) -> [HostFinding] {
    var lacking: [HostFinding] = []
    for (capability, isRequired) in Capability.required.map({ ($0, true) })
      + Capability.optional.map({ ($0, false) })
    where ((try? system.check(capability)) ?? 0) == 0 {
      lacking.append(
        HostFinding(
          topic, capability.name, isRequired ? .missing : .warning, "this kernel lacks it",
          advice: isRequired
            ? "no guest runs without: \(capability.use)" : "what it is for: \(capability.use)",
          isEssential: isRequired))
    }
    let all = Capability.required.count + Capability.optional.count
    let summary = HostFinding(
      topic, "capabilities", lacking.isEmpty ? .ok : .warning,
      "\(all - lacking.count) of \(all) in use are there")
    return [summary] + lacking
  }

  private static func machine(_ system: borrowing KVMSystem) -> [HostFinding] {
    var findings: [HostFinding] = []
    let recommended = (try? system.check(.recommendedVcpus)) ?? 0
    let most = (try? system.check(.maximumVcpus)) ?? 0
    findings.append(
      HostFinding(topic, "vCPUs", .ok, "\(recommended) recommended, at most \(max(most, recommended))"))
    do throws(KVMError) {
      let machine = try system.createVirtualMachine()
      let vcpu = try machine.createVcpu(id: 0)
      findings.append(
        counters(try? machine.statistics().counters.count, try? vcpu.statistics().counters.count))
      findings.append(timeStampCounter(machine.timeStampCounterKHz, vcpu.timeStampCounterOffset()))
      func offers(_ capability: Capability) -> Int { (try? machine.check(capability)) ?? 0 }
      findings += burdens(busLock: offers(.busLockExit), notify: offers(.notifyExit))
      findings.append(
        coalescing(memory: offers(.coalescedMMIO) != 0, ports: offers(.coalescedPIO) != 0))
    } catch {
      findings.append(
        HostFinding(
          topic, "virtual machine", .missing, "\(error)",
          advice: "making one failed: see whether another hypervisor holds the processor, and dmesg",
          isEssential: true))
    }
    return findings
  }

  private static func counters(_ machine: Int?, _ vcpu: Int?) -> HostFinding {
    guard let vcpu else {
      return HostFinding(
        topic, "statistics", .warning, "KVM_GET_STATS_FD does not work",
        advice: "traces will lack KVM's own counters; Linux 5.14 or newer has them")
    }
    return HostFinding(topic, "statistics", .ok, "\(vcpu) counters for a vCPU, \(machine ?? 0) for a machine")
  }

  private static func timeStampCounter(_ kilohertz: UInt32?, _ offset: UInt64?) -> HostFinding {
    let frequency = kilohertz.map { "\($0 / 1000) MHz" } ?? "unknown frequency"
    guard offset != nil else {
      return HostFinding(
        topic, "guest time", .warning, "\(frequency), offset to the host's not readable",
        advice:
          "the time from a guest's kick to the wakeup is then missing in reports; Linux 5.16 or newer has it")
    }
    return HostFinding(topic, "guest time", .ok, "\(frequency), offset to the host's readable")
  }

  /// What bounds a guest that is a burden to the whole host.
  ///
  /// - Parameters:
  ///   - busLock: what KVM answers of KVM_CAP_X86_BUS_LOCK_EXIT; bit 1: that it can exit.
  ///   - notify: what it answers of KVM_CAP_X86_NOTIFY_VMEXIT.
  static func burdens(busLock: Int, notify: Int) -> [HostFinding] {
    [
      busLock & 2 != 0
        ? HostFinding(topic, "bus locks", .ok, "exit, and are bounded to 1000 a second")
        : HostFinding(
          topic, "bus locks", .warning, "do not exit (no x86_bus_lock_exit)",
          advice:
            "a guest whose locked accesses cross cache lines slows down every processor of the host, and nothing here bounds it; "
            + "processors with bus lock detection and Linux 5.12 or newer have it"),
      notify != 0
        ? HostFinding(topic, "blocked interrupts", .ok, "exit, and are bounded to 1000 a second")
        : HostFinding(
          topic, "blocked interrupts", .warning, "do not exit (no x86_notify_vmexit)",
          advice:
            "a guest that keeps the processor from taking interrupts keeps it from the host as well, where the processor lets it; Intel's "
            + "from Sapphire Rapids on and Linux 6.0 or newer have it"),
    ]
  }

  /// Whether `--coalesced-io on` finds what it needs.
  static func coalescing(memory: Bool, ports: Bool) -> HostFinding {
    let lacking = [(memory, "memory (coalesced_mmio)"), (ports, "ports (coalesced_pio)")].filter { !$0.0 }
      .map(\.1)
    guard !lacking.isEmpty else {
      return HostFinding(topic, "coalesced writes", .ok, "kept for memory and ports")
    }
    return HostFinding(
      topic, "coalesced writes", .warning, "not for \(lacking.joined(separator: " and "))",
      advice: "--coalesced-io on keeps no writes to these: each is an exit of its own")
  }
}
