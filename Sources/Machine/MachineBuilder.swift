import Board
import Boot
import CKVM
import Glibc
import GuestRAM
import KVM
import Platform

/// The steps from /dev/kvm to a machine that could run, each with its own message when it fails.
final class MachineBuilder {
  let configuration: MachineConfiguration
  let memory: GuestMemory
  let kernel: KernelMachine
  let control: RunControl
  let timeStampCounterKHz: UInt32
  private(set) var warnings: [String] = []
  private let cpuid: [kvm_cpuid_entry2]
  private let hasTimer: Bool

  init(_ configuration: MachineConfiguration) throws(MachineError) {
    self.configuration = configuration
    // Two for each vCPU and each I/O thread, and two for what the host keeps of each; the rest is for devices and LTTng.
    OpenFileLimit.raise(to: 4 * (configuration.vcpus + configuration.ioThreads) + 512)
    let system = try MachineBuilder.openSystem()
    try MachineBuilder.check(system, for: configuration)
    do {
      memory = try GuestMemory.allocate(
        bytes: configuration.memory, backend: configuration.memoryPath.map { .path($0) } ?? .anonymous,
        preallocate: configuration.preallocate)
    } catch {
      throw MachineError(error.description)
    }
    if let path = configuration.memoryPath {
      // Who names such a directory expects huge pages; without a mount the run would silently be another one.
      if path.contains("huge"), !memory.backing.hasPrefix("hugetlbfs") {
        warnings.append("--mem-path \(path) is not on hugetlbfs: guest RAM has ordinary pages")
      }
      do {
        try memory.endProcessWhenLost(status: RunOutcome.crashed("").exitStatus)
      } catch {
        throw MachineError("preparing for the loss of guest RAM: sigaction failed: \(error)")
      }
    }
    do {
      cpuid = try system.supportedCPUID()
      let machine = try system.createVirtualMachine()
      let pages = BoardLayout.hypervisorPages
      try machine.setIdentityMapAddress(pages.lowerBound)
      try machine.setTSSAddress(pages.lowerBound + 4096)
      for (slot, region) in memory.layout.regions.enumerated() {
        try machine.setMemory(
          slot: UInt32(slot), guestAddress: region.start.value, memory: memory.hostMemory(of: region))
      }
      var timer = false
      switch configuration.interruptController {
      case .kernel:
        try machine.createInterruptControllers()
        if try system.check(.pit2) != 0 {
          try machine.createTimer()
          timer = true
        }
      case .split: try machine.createLocalControllers(lines: 24)
      case .none: break
      }
      hasTimer = timer
      timeStampCounterKHz = (try? machine.timeStampCounterKHz()) ?? 0
      kernel = KernelMachine(machine)
    } catch {
      throw MachineError("making the virtual machine: \(error)")
    }
    do {
      control = try RunControl(vcpus: configuration.vcpus, onReboot: configuration.onReboot)
    } catch {
      throw MachineError("eventfd: \(error)")
    }
  }

  static func openSystem() throws(MachineError) -> KVMSystem {
    do {
      return try KVMSystem()
    } catch {
      let advice =
        switch error.errno {
        case .noSuchFileOrDirectory, Errno(rawValue: ENODEV), Errno(rawValue: ENXIO):
          "load the module of this processor (kvm_intel, kvm_amd), and enable virtualization in the firmware or, in a "
            + "virtual machine, nested virtualization"
        case .permissionDenied, .notPermitted: DeviceAccess("/dev/kvm")?.advice ?? "run as root"
        default: "see `exeunt doctor`"
        }
      throw MachineError("opening /dev/kvm failed: \(error.errno); \(advice)")
    }
  }

  private static func check(_ system: borrowing KVMSystem, for configuration: MachineConfiguration)
    throws(MachineError)
  {
    guard system.apiVersion == KVMSystem.expectedAPIVersion else {
      throw MachineError(
        "KVM_GET_API_VERSION answers \(system.apiVersion), this program needs \(KVMSystem.expectedAPIVersion)"
      )
    }
    var needed = Capability.required
    switch configuration.interruptController {
    case .kernel: needed += [.irqchip]
    case .split: needed += [.splitIrqchip, .irqRouting] + (configuration.irqfd ? [] : [.signalMSI])
    case .none: break
    }
    if configuration.ioeventfd { needed.append(.ioeventfd) }
    if configuration.irqfd, configuration.interruptController != .none { needed.append(.irqfd) }
    do {
      for capability in needed where try system.check(capability) == 0 {
        throw MachineError(
          "this host's KVM lacks KVM_CAP_\(capability.name.uppercased()), needed for \(capability.use); "
            + "see `exeunt doctor`")
      }
      let limit = try system.check(.maximumVcpus)
      guard limit == 0 || configuration.vcpus <= limit else {
        throw MachineError("--cpus \(configuration.vcpus): this host's KVM allows \(limit) at the most")
      }
    } catch let error as MachineError {
      throw error
    } catch {
      throw MachineError("asking KVM what it offers: \(error)")
    }
  }

  func makeVcpus(dispatcher: Dispatcher) throws(MachineError) -> [VcpuRunner] {
    var runners: [VcpuRunner] = []
    do {
      for id in 0..<UInt32(configuration.vcpus) {
        let vcpu = try kernel.machine.createVcpu(id: id)
        try vcpu.setCPUID(MachineBuilder.cpuid(cpuid, forVcpu: id, of: UInt32(configuration.vcpus)))
        vcpu.setTimeStampCounterOffset(0)
        runners.append(VcpuRunner(vcpu, memory: memory, dispatcher: dispatcher, control: control))
      }
    } catch {
      throw MachineError("making vCPU \(runners.count): \(error)")
    }
    return runners
  }

  /// What a vCPU's CPUID says of itself: its local APIC's number (Intel SDM volume 2, CPUID leaves 1, 0xb and 0x1f).
  private static func cpuid(
    _ entries: [kvm_cpuid_entry2], forVcpu id: UInt32, of count: UInt32
  ) -> [kvm_cpuid_entry2] {
    entries.map { entry in
      var entry = entry
      switch entry.function {
      case 1:
        entry.ebx = entry.ebx & 0x0000_ffff | min(count, 255) << 16 | (id & 0xff) << 24
      case 0xb, 0x1f:
        entry.edx = id
      default: break
      }
      return entry
    }
  }

  func makeLoops() throws(MachineError) -> [IOThread] {
    do {
      var loops: [IOThread] = []
      for index in 0..<configuration.ioThreads {
        loops.append(try IOThread(index: index, pollBudget: configuration.pollBudget))
      }
      return loops
    } catch {
      throw MachineError("making I/O threads: \(error)")
    }
  }

  func powerOnState(of runners: [VcpuRunner]) throws(MachineError) -> Machine.PowerOn {
    do {
      var states: [Vcpu.PowerOnState] = []
      for runner in runners {
        states.append(
          try runner.vcpu.powerOnState(localController: configuration.interruptController != .none))
      }
      let controllers =
        configuration.interruptController == .kernel
        ? try kernel.machine.controllerState(timer: hasTimer) : nil
      return Machine.PowerOn(vcpus: states, controllers: controllers)
    } catch {
      throw MachineError("reading the power-on state: \(error)")
    }
  }

  /// KVM's counters of the machine and of each vCPU; none where the kernel does not offer them.
  func makeStatistics(of runners: [VcpuRunner]) -> [KernelStatistics] {
    do {
      var statistics = [KernelStatistics(try kernel.machine.statistics(), scope: .machine, id: 0)]
      for runner in runners {
        statistics.append(
          KernelStatistics(try runner.vcpu.statistics(), scope: .vcpu, id: UInt16(runner.index)))
      }
      return statistics
    } catch {
      warnings.append("KVM's own counters will be missing from the trace: \(error)")
      return []
    }
  }
}
