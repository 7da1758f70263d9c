import Board
import CTracepoints
import Devices
import Platform

/// The facts about a machine that make its trace readable by itself: recorded at the start, and again whenever a
/// session begins to listen to a machine that is already running.
struct StateDump {
  let configuration: MachineConfiguration
  let host: HostDescription
  let timeStampCounterKHz: UInt32

  func record(
    vcpus: [VcpuRunner], loops: [IOThread], layout: BoardLayout, statistics: [KernelStatistics]
  ) {
    recordClocks()
    // Encoding the configuration takes a third of a millisecond, which a start that nobody listens to need not wait for.
    if Tracing.isEnabled {
      exeunt_trace_vm_info(
        ExeuntVersion.current, configuration.guest, configuration.engine == .kvm ? host.kvm : "none",
        host.kernel, configuration.text, host.processID,
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
        UInt16(loop.index), loop.thread.number, loop.name,
        pin(loop.watch == nil ? loop.name : ThreadModel.vcpuThread(0)), configuration.pollBudget)
    }
    recordDevices(layout)
    // All vCPUs have the same counters.
    statistics.first { $0.scope == .machine }?.describe()
    statistics.first { $0.scope == .vcpu }?.describe()
    EmissionTrial.record()
  }

  private func recordDevices(_ layout: BoardLayout) {
    for slot in layout.slots {
      for range in slot.ranges {
        exeunt_trace_device_info(
          slot.id, slot.name, range.space.traceNumber, range.start, range.length,
          slot.line.map(Int32.init) ?? -1,
          slot.lock ?? .max)
      }
    }
    guard configuration.ioeventfd else { return }
    for slot in layout.slots where !slot.kicksExit {
      for kick in slot.kicks {
        for place in kick.addresses {
          exeunt_trace_ioeventfd_info(
            slot.id, kick.queue, UInt16(kick.loop), place.space.traceNumber, place.address, UInt8(kick.size),
            1,
            kick.value)
        }
      }
    }
  }

  /// Records the same instant on three clocks; the more often, the better the analyzer relates guest to trace time.
  func recordClocks() {
    let now = Clock.correlate()
    exeunt_trace_clock_sync(now.timeStampCounter, now.monotonic, now.realtime, now.window)
  }

  private func pin(_ name: String) -> Int32 { Int32(clamping: configuration.pins[name] ?? -1) }
}

extension AddressSpace {
  /// The number in the event catalogue.
  fileprivate var traceNumber: UInt8 {
    switch self {
    case .port: 0
    case .memory: 1
    }
  }
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
package enum ExeuntVersion {
  /// As `exeunt --version` prints it and traces record it.
  package static let current = "0.1.0"
}
