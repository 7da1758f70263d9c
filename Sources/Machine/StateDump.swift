import CTracepoints
import Devices
import Engine
import Platform

/// The facts about a machine that make its trace readable by itself: recorded at the start, and again whenever a
/// session begins to listen to a machine that is already running.
struct StateDump {
  let configuration: MachineConfiguration
  let host: HostDescription
  let timeStampCounterKHz: UInt32

  func record(
    vcpus: [VcpuRunner], loops: [IOThread], devices: DeviceSet, dispatcher: Dispatcher,
    kicks: KickDescriptors?, statistics: [KernelStatistics]
  ) {
    recordClocks()
    // Encoding the configuration takes a third of a millisecond, which a start that nobody listens to need not wait for.
    if Tracing.isEnabled {
      exeunt_trace_vm_info(
        ExeuntVersion.current, configuration.guest, host.kvm, host.kernel, configuration.text, host.processID,
        configuration.memory, timeStampCounterKHz, UInt16(vcpus.count), UInt16(loops.count))
    }
    for runner in vcpus {
      let offset = runner.timeStampCounterOffset
      exeunt_trace_vcpu_info(
        UInt16(runner.index), runner.thread.number, runner.name, pin(runner.name),
        Int64(bitPattern: offset ?? 0), offset == nil ? 0 : 1)
    }
    for loop in loops {
      exeunt_trace_loop_info(
        UInt16(loop.index), loop.thread.number, loop.name, pin(loop.name), configuration.pollBudget)
    }
    for placement in devices.placements {
      exeunt_trace_device_info(
        placement.device.id.rawValue, placement.device.name, placement.isPort ? 0 : 1, placement.start,
        placement.length, placement.line, dispatcher.lockNumber(of: placement.device))
    }
    for assignment in kicks?.assignments ?? [] {
      let space: UInt8
      let address: UInt64
      switch assignment.address {
      case .port(let port): (space, address) = (0, UInt64(port))
      case .memory(let memory): (space, address) = (1, memory)
      }
      exeunt_trace_ioeventfd_info(
        devices.doorbell.id.rawValue, UInt16(assignment.queue), UInt16(assignment.loop), space, address, 4, 1,
        UInt64(assignment.queue))
    }
    // All vCPUs have the same counters.
    statistics.first { $0.scope == .machine }?.describe()
    statistics.first { $0.scope == .vcpu }?.describe()
  }

  /// Records the same instant on three clocks; the more often, the better the analyzer relates guest to trace time.
  func recordClocks() {
    let now = Clock.correlate()
    exeunt_trace_clock_sync(now.timeStampCounter, now.monotonic, now.realtime, now.window)
  }

  private func pin(_ name: String) -> Int32 { Int32(clamping: configuration.pins[name] ?? -1) }
}

/// What the host is, for the trace.
struct HostDescription {
  /// `vmx`, `svm`, `pvm` or what else the kernel's modules tell.
  let kvm: String
  /// The kernel's release.
  let kernel: String
  let processID: UInt32
}

/// This program's version.
public enum ExeuntVersion {
  /// As `exeunt --version` prints it and traces record it.
  public static let current = "0.1.0"
}
