/// The run as a whole (`vm_info`).
package struct MachineInfo: Sendable, Equatable {
  /// Version of the VMM.
  package var version: String
  /// Name of the built-in guest or path of the image.
  package var guest: String
  /// The KVM module.
  package var kvm: String
  /// Release of the host's kernel.
  package var kernel: String
  /// Whole configuration as JSON.
  package var configuration: String
  /// Process id of the VMM.
  package var pid: UInt32
  /// Guest RAM in bytes.
  package var ramBytes: UInt64
  /// Rate of the time stamp counter as KVM gives it.
  package var tscKHz: UInt32
  /// Number of vCPUs.
  package var vcpus: UInt16
  /// Number of I/O threads.
  package var loops: UInt16
}

/// A vCPU (`vcpu_info`).
package struct VcpuInfo: Sendable, Equatable {
  /// Thread id.
  package var tid: UInt32
  /// Thread name.
  package var name: String
  /// CPU it is pinned to, -1: none.
  package var cpu: Int32
  /// Guest TSC minus host TSC; nil when the VMM could not read it.
  package var tscOffset: Int64?
}

/// An event loop (`loop_info`).
package struct LoopInfo: Sendable, Equatable {
  /// Thread id.
  package var tid: UInt32
  /// Thread name.
  package var name: String
  /// CPU it is pinned to, -1: none.
  package var cpu: Int32
  /// Busy polling before a wait, ns.
  package var pollBudget: UInt32
}

/// An address range of a device (`device_info`).
package struct DeviceRange: Sendable, Equatable {
  /// The device's id.
  package var device: UInt16
  /// The device's name.
  package var name: String
  /// Memory-mapped rather than port I/O.
  package var isMemoryMapped: Bool
  /// First address or port.
  package var base: UInt64
  /// Number of addresses.
  package var length: UInt64
  /// Interrupt line, -1: none.
  package var line: Int32
  /// Lock that guards the device, 65535: none.
  package var lock: UInt16

  /// Whether an access falls into the range.
  package func contains(_ address: UInt64, isMemoryMapped: Bool) -> Bool {
    self.isMemoryMapped == isMemoryMapped && address >= base && address - base < length
  }
}

/// A kick that the kernel turns into an eventfd signal (`ioeventfd_info`).
package struct KickInfo: Sendable, Equatable {
  /// The device's id.
  package var device: UInt16
  /// Its queue.
  package var queue: UInt16
  /// The loop that waits for the eventfd.
  package var loop: UInt16
  /// Memory-mapped rather than port I/O.
  package var isMemoryMapped: Bool
  /// Address or port.
  package var address: UInt64
  /// Size of the access in bytes, 0: any.
  package var size: UInt8
  /// The value that is matched; nil: any.
  package var value: UInt64?
}

/// What the trace says about the machine: for each id the first entry seen, and the first entries only where
/// there are more than `Limits.dumpEntries`.
package struct StateDump: Sendable, Equatable {
  /// The runs described; more than one when several VMMs were recorded together.
  package internal(set) var machines: [MachineInfo] = []
  /// vCPUs by id.
  package internal(set) var vcpus: [Int: VcpuInfo] = [:]
  /// Loops by id.
  package internal(set) var loops: [Int: LoopInfo] = [:]
  /// Address ranges in the order seen.
  package internal(set) var devices: [DeviceRange] = []
  /// Kicks in the order seen.
  package internal(set) var kicks: [KickInfo] = []

  /// KVM's other counters.
  package internal(set) var counters: [CounterName: CounterInfo] = [:]

  /// Nothing known.
  package init() {}

  /// The name of a device.
  package func deviceName(_ id: Int) -> String {
    devices.first { $0.device == id }?.name ?? (id >= Limits.devices ? "other devices" : "device \(id)")
  }

  /// The device an access goes to.
  package func device(at address: UInt64, isMemoryMapped: Bool) -> DeviceRange? {
    devices.first { $0.contains(address, isMemoryMapped: isMemoryMapped) }
  }

  mutating func add(_ machine: MachineInfo) {
    guard machines.count < 16, !machines.contains(where: { $0.pid == machine.pid }) else { return }
    machines.append(machine)
  }

  mutating func add(_ range: DeviceRange) {
    guard devices.count < Limits.dumpEntries else { return }
    let known = devices.contains {
      $0.device == range.device && $0.base == range.base && $0.isMemoryMapped == range.isMemoryMapped
    }
    if !known { devices.append(range) }
  }

  mutating func add(_ kick: KickInfo) {
    guard kicks.count < Limits.dumpEntries, !kicks.contains(kick) else { return }
    kicks.append(kick)
  }

  mutating func add(_ info: CounterInfo, as name: CounterName) {
    if counters[name] == nil { counters[name] = info }
  }

  mutating func add(_ other: StateDump) {
    counters.merge(other.counters) { first, _ in first }
    other.machines.forEach { add($0) }
    vcpus.merge(other.vcpus) { first, _ in first }
    loops.merge(other.loops) { first, _ in first }
    other.devices.forEach { add($0) }
    other.kicks.forEach { add($0) }
  }
}
