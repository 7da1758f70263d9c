import Board
import Boot
import Engine
import GuestRAM
import Platform

/// The steps from an engine to a machine that could run, each with its own message when it fails.
final class MachineBuilder<Engine: ExecutionEngine> {
  let configuration: MachineConfiguration
  let memory: GuestMemory
  let machine: Engine.Machine
  let control: RunControl
  let burden = HostBurden()
  let timeStampCounterKHz: UInt32
  private(set) var warnings: [String] = []

  init(_ configuration: MachineConfiguration, engine: Engine) throws(MachineError) {
    self.configuration = configuration
    // Two for each vCPU and each I/O thread, and two for what the host keeps of each; the rest is for devices and LTTng.
    OpenFileLimit.raise(
      to: 4 * (configuration.vcpus + configuration.ioThreads + configuration.namedIOThreads.count) + 512)
    try configuration.check(on: engine)
    // RAM that is allocated at once is the group's, as RAM is that the guest touches later.
    if configuration.preallocate { try configuration.joinControlGroup() }
    do {
      memory = try GuestMemory.allocate(
        bytes: configuration.memory, layout: configuration.ramLayout,
        backend: configuration.memoryPath.map { .path($0) } ?? .anonymous,
        hugePages: configuration.memoryPages == .huge, preallocate: configuration.preallocate,
        controlGroup: configuration.controlGroup)
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
        throw MachineError("preparing for the loss of guest RAM: sigaction failed", error)
      }
    }
    do {
      machine = try engine.makeMachine(
        configuration.requirements, memory: memory, reserved: BoardLayout.hypervisorPages)
      timeStampCounterKHz = machine.timeStampCounterKHz ?? 0
    } catch {
      throw MachineError("making the virtual machine", error)
    }
    do {
      control = try RunControl(
        vcpus: configuration.vcpus, onReboot: configuration.onReboot, onCrash: configuration.onCrash,
        hasInterruptController: configuration.interruptController != .none)
    } catch {
      throw MachineError("eventfd", error)
    }
  }

  /// Has the engine keep writes to the registers for which it may, where that is wanted. Before vCPUs are made.
  func coalesceWrites(_ layout: BoardLayout) throws(MachineError) {
    guard configuration.coalescedIO else { return }
    for slot in layout.slots {
      for range in slot.coalesced {
        do {
          try machine.coalesce(
            CoalescedRange(
              isPort: range.space == .port, start: range.start,
              length: UInt32(truncatingIfNeeded: range.length)))
        } catch {
          throw MachineError("coalesced writes to \(slot.name)", error, advice: "try --coalesced-io off")
        }
      }
    }
  }

  func makeVcpus(dispatcher: Dispatcher) throws(MachineError) -> [VcpuRunner] {
    var runners: [VcpuRunner] = []
    do {
      for id in 0..<UInt32(configuration.vcpus) {
        runners.append(
          VcpuRunner(
            try machine.makeVcpu(id: id), memory: memory, dispatcher: dispatcher, control: control,
            burden: burden, tracesInstructionPointer: configuration.traceRip,
            coalescesWrites: configuration.coalescedIO))
      }
    } catch {
      throw MachineError("making vCPU \(runners.count)", error)
    }
    return runners
  }

  func makeLoops(_ threads: ThreadModel) throws(MachineError) -> [IOThread] {
    try configuration.checkWait()
    do {
      var loops: [IOThread] = []
      for (index, name) in threads.loopNames.enumerated() {
        loops.append(
          try IOThread(
            index: index, name: name, wait: configuration.wait, polling: configuration.polling,
            isVisited: threads.isSingle))
      }
      return loops
    } catch {
      throw MachineError("making I/O threads", error)
    }
  }

  /// Notes what a reset puts back.
  func keepPowerOnState(of runners: [VcpuRunner]) throws(MachineError) {
    do {
      for runner in runners { try runner.vcpu.keepPowerOnState() }
      try machine.keepPowerOnState()
    } catch {
      throw MachineError("reading the power-on state", error)
    }
  }

  /// The engine's counters of the machine and of each vCPU; none where it keeps none.
  func makeStatistics(of runners: [VcpuRunner]) -> [KernelStatistics] {
    do {
      var statistics: [KernelStatistics] = []
      if let counters = try machine.counters() {
        statistics.append(KernelStatistics(counters, scope: .machine, id: 0))
      }
      for runner in runners {
        guard let counters = try runner.vcpu.counters() else { continue }
        statistics.append(KernelStatistics(counters, scope: .vcpu, id: UInt16(runner.index)))
      }
      return statistics
    } catch {
      warnings.append("KVM's own counters will be missing from the trace: \(error)")
      return []
    }
  }
}

extension MachineConfiguration {
  /// How I/O threads poll.
  var polling: PollingBudget {
    guard let pollAdaptation else { return .fixed(pollBudget) }
    return .adaptive(maximum: pollBudget, grow: pollAdaptation.grow, shrink: pollAdaptation.shrink)
  }

  /// Checks that the host lets I/O threads wait as they are to.
  func checkWait() throws(MachineError) {
    guard wait == .ring else { return }
    do {
      _ = try LoopPoller(wait)
    } catch {
      let why =
        error == .noFunction
        ? "this host has none that can be waited in (Linux 5.11 and later have)" : "\(error)"
      throw MachineError("--wait io_uring: \(why); use --wait epoll")
    }
  }

  /// What the engine is asked for.
  var requirements: MachineRequirements {
    var requirements = MachineRequirements(
      vcpus: vcpus,
      interruptControllers: interruptController == .kernel
        ? .all : interruptController == .split ? .local : .none,
      signalsMessages: interruptController == .split
        && (!irqfd || services.contains { $0.interruptsByIoctl == true }))
    requirements.tellsInstructionPointers = traceRip
    requirements.hasPerformanceCounters = performanceCounters
    requirements.coalescesWrites = coalescedIO
    return requirements
  }
}
