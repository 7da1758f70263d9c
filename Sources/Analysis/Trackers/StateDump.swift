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

/// What emitting events took the main thread (`emission_info`).
package struct EmissionCost: Sendable, Equatable {
  /// How often it was measured.
  package var rounds: UInt16
  /// Events of each round.
  package var events: UInt16
  /// ns that the fastest round took.
  package var fastest: UInt32
  /// ns that the median round took.
  package var median: UInt32

  /// What emitting so many events takes, ns, by the median round; nil: nothing was measured.
  package func time(of events: UInt64) -> Int64? { scaled(median, events) }

  /// What it takes at least, by the fastest round.
  package func leastTime(of events: UInt64) -> Int64? { scaled(fastest, events) }

  private func scaled(_ round: UInt32, _ events: UInt64) -> Int64? {
    guard self.events > 0, rounds > 0 else { return nil }
    // A product of 96 bits.
    let product = events.multipliedFullWidth(by: UInt64(round))
    guard product.high < UInt64(self.events) else { return .max }
    return Int64(clamping: UInt64(self.events).dividingFullWidth(product).quotient)
  }
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

  /// What emitting an event cost when the recording began; nil: it is not known.
  package internal(set) var emission: EmissionCost?

  /// What a lock guards that devices share.
  package static let allDevices = "all devices"
  /// What the lock guards that is held while kept writes are carried out.
  package static let coalescedWrites = "coalesced writes"
  /// Its number, which no device has.
  private static let coalescedLock = 0xfffd
  /// What an access goes to that no device claims.
  package static let unclaimed = "unclaimed"

  /// Nothing known.
  package init() {}

  /// The name of a device.
  package func deviceName(_ id: Int) -> String {
    devices.first { $0.device == id }?.name ?? (id >= Limits.devices ? "other devices" : "device \(id)")
  }

  /// The vCPU whose thread runs a loop (`--threads single`); nil: the loop has a thread of its own, or none is told.
  package func visitor(ofLoop loop: Int) -> Int? {
    guard let tid = loops[loop]?.tid, tid > 0 else { return nil }
    return vcpus.filter { $0.value.tid == tid }.keys.min()
  }

  /// What a lock guards: a device, or ``allDevices``; nil: nothing that is described has it.
  package func lockName(_ lock: Int) -> String? {
    if lock == Self.coalescedLock { return Self.coalescedWrites }
    let guarded = Set(devices.filter { Int($0.lock) == lock }.map(\.device))
    return guarded.count > 1 ? Self.allDevices : guarded.first.map { deviceName(Int($0)) }
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

  mutating func add(_ cost: EmissionCost) {
    if emission == nil { emission = cost }
  }

  mutating func add(_ other: StateDump) {
    if let cost = other.emission { add(cost) }
    counters.merge(other.counters) { first, _ in first }
    other.machines.forEach { add($0) }
    vcpus.merge(other.vcpus) { first, _ in first }
    loops.merge(other.loops) { first, _ in first }
    other.devices.forEach { add($0) }
    other.kicks.forEach { add($0) }
  }
}

// MARK: Kept in a file

extension MachineInfo: StateCoded {
  static var blank: MachineInfo {
    MachineInfo(
      version: "", guest: "", kvm: "", kernel: "", configuration: "", pid: 0, ramBytes: 0, tscKHz: 0,
      vcpus: 0, loops: 0)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&version)
    try coder.code(&guest)
    try coder.code(&kvm)
    try coder.code(&kernel)
    try coder.code(&configuration)
    try coder.code(&pid)
    try coder.code(&ramBytes)
    try coder.code(&tscKHz)
    try coder.code(&vcpus)
    try coder.code(&loops)
  }
}

extension VcpuInfo: StateCoded {
  static var blank: VcpuInfo { VcpuInfo(tid: 0, name: "", cpu: 0, tscOffset: nil) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&tid)
    try coder.code(&name)
    try coder.code(&cpu)
    try coder.code(&tscOffset)
  }
}

extension LoopInfo: StateCoded {
  static var blank: LoopInfo { LoopInfo(tid: 0, name: "", cpu: 0, pollBudget: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&tid)
    try coder.code(&name)
    try coder.code(&cpu)
    try coder.code(&pollBudget)
  }
}

extension DeviceRange: StateCoded {
  static var blank: DeviceRange {
    DeviceRange(device: 0, name: "", isMemoryMapped: false, base: 0, length: 0, line: 0, lock: 0)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&device)
    try coder.code(&name)
    try coder.code(&isMemoryMapped)
    try coder.code(&base)
    try coder.code(&length)
    try coder.code(&line)
    try coder.code(&lock)
  }
}

extension KickInfo: StateCoded {
  static var blank: KickInfo {
    KickInfo(device: 0, queue: 0, loop: 0, isMemoryMapped: false, address: 0, size: 0, value: nil)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&device)
    try coder.code(&queue)
    try coder.code(&loop)
    try coder.code(&isMemoryMapped)
    try coder.code(&address)
    try coder.code(&size)
    try coder.code(&value)
  }
}

extension EmissionCost: StateCoded {
  static var blank: EmissionCost { EmissionCost(rounds: 0, events: 0, fastest: 0, median: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&rounds)
    try coder.code(&events)
    try coder.code(&fastest)
    try coder.code(&median)
  }
}

extension StateDump {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&machines, limit: Limits.processes, "a list of machines")
    try coder.code(&vcpus, limit: Limits.vcpus, "a list of vCPUs")
    try coder.require(vcpus.keys.allSatisfy((0..<Limits.vcpus).contains), "a vCPU's number")
    try coder.code(&loops, limit: Limits.loops, "a list of loops")
    try coder.require(loops.keys.allSatisfy((0..<Limits.loops).contains), "a loop's number")
    try coder.code(&devices, limit: Limits.dumpEntries, "a list of devices")
    try coder.code(&kicks, limit: Limits.dumpEntries, "a list of kicks")
    try coder.code(&counters, limit: 2 * Limits.counters, "a list of counters")
    try coder.code(&emission)
  }
}
