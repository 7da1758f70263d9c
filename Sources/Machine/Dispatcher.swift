import Board
import CTracepoints
import Devices
import Engine
import GuestRAM
import Platform

/// Takes an access to its device: finds it on the bus, holds its lock, and traces both.
///
/// Frozen before the first vCPU starts; nothing here is written afterwards.
final class Dispatcher: @unchecked Sendable {
  let ports: Bus
  let memory: Bus
  /// What devices are given with each call that may use it.
  let guestMemory: GuestMemory
  // By device number; nil where no such device is known here.
  private let targets: [DispatchTarget?]
  // By index into the ranges of each bus.
  private let portTargets: [Unmanaged<DispatchTarget>]
  private let memoryTargets: [Unmanaged<DispatchTarget>]
  private let tracesFreeLocks: Bool
  /// Held by the vCPU's thread that carries out the writes which the engine kept, so that they stay in order; nil where there is one vCPU.
  private let coalescedLock: Lock?

  /// Dispatches to the devices of a board.
  convenience init(
    _ set: DeviceSet, guestMemory: GuestMemory, tracesFreeLocks: Bool
  ) throws(MachineError) {
    let (ports, memory) = try set.buses()
    let locked = zip(set.layout.slots, set.devices).compactMap { slot, device in
      slot.lock.map { (device, $0) }
    }
    self.init(
      ports: ports, memory: memory, guestMemory: guestMemory, locked: locked,
      tracesFreeLocks: tracesFreeLocks,
      vcpus: set.layout.threads.vcpus
    )
  }

  /// Dispatches to what is on two buses.
  ///
  /// - Parameters:
  ///   - locked: the devices of which accesses must not overlap, and the numbers of their locks; those of one number share
  ///     one.
  ///   - vcpus: virtual CPUs.
  init(
    ports: Bus, memory: Bus, guestMemory: GuestMemory, locked: [(device: any BusDevice, lock: UInt16)],
    tracesFreeLocks: Bool, vcpus: Int = 1
  ) {
    coalescedLock = vcpus > 1 ? Lock() : nil
    self.ports = ports
    self.memory = memory
    self.guestMemory = guestMemory
    self.tracesFreeLocks = tracesFreeLocks
    let devices = (ports.ranges + memory.ranges).map(\.device) + locked.map(\.device)
    var locks: [UInt16: Lock] = [:]
    var lockIDs: [DeviceID: UInt16] = [:]
    for (device, id) in locked {
      lockIDs[device.id] = id
      if locks[id] == nil { locks[id] = Lock() }
    }
    var targets = [DispatchTarget?](
      repeating: nil, count: (devices.map { Int($0.id.rawValue) }.max() ?? 0) + 1)
    for device in devices where targets[Int(device.id.rawValue)] == nil {
      let lock = lockIDs[device.id].flatMap { id in locks[id].map { ($0, id) } }
      targets[Int(device.id.rawValue)] = DispatchTarget(device, lock: lock)
    }
    self.targets = targets
    // Every device of a range has its target, in the loop above.
    portTargets = ports.ranges.map { .passUnretained(targets[Int($0.device.id.rawValue)]!) }
    memoryTargets = memory.ranges.map { .passUnretained(targets[Int($0.device.id.rawValue)]!) }
  }

  /// Handles a port access; a string instruction's elements are handled one by one, under one pair of events.
  ///
  /// - Returns: false where no device claims the port: there is no handler then, and no dispatch in the trace.
  @inline(__always)
  func handle(_ access: VcpuExit.PortAccess, by thread: ThreadContext) -> Bool {
    let address = UInt64(access.port)
    guard let index = ports.find(address, size: access.size) else {
      if !access.isWrite {
        access.data.initializeMemory(as: UInt8.self, repeating: 0xff, count: access.size * access.count)
      }
      return false
    }
    let (start, window) = (ports.ranges[index].start, ports.ranges[index].window)
    let offset = UInt32(truncatingIfNeeded: address &- start)
    // `targets` keeps it for as long as this object is there.
    portTargets[index]._withUnsafeGuaranteedRef { target in
      dispatch(to: target, offset: offset, by: thread) {
        var data = access.data
        // `count` is that of an exit: less than 2^32.
        var rest = access.count
        while rest > 0 {
          transfer(
            target, window, offset: offset, size: access.size, isWrite: access.isWrite, data: data, by: thread
          )
          data += access.size
          rest &-= 1
        }
      }
    }
    return true
  }

  /// Handles an access to memory that is not RAM.
  ///
  /// - Returns: false where no device claims the address.
  @inline(__always)
  func handle(_ access: VcpuExit.MemoryAccess, by thread: ThreadContext) -> Bool {
    guard let index = memory.find(access.address, size: access.size) else {
      if !access.isWrite { access.data.initializeMemory(as: UInt8.self, repeating: 0xff, count: access.size) }
      return false
    }
    let (start, window) = (memory.ranges[index].start, memory.ranges[index].window)
    let offset = UInt32(truncatingIfNeeded: access.address &- start)
    memoryTargets[index]._withUnsafeGuaranteedRef { target in
      dispatch(to: target, offset: offset, by: thread) {
        transfer(
          target, window, offset: offset, size: access.size, isWrite: access.isWrite, data: access.data,
          by: thread)
      }
    }
    return true
  }

  /// Carries out the writes that the vCPU's engine has kept, in the order in which they were made. To be called at an exit, before it is
  /// handled: what the guest does next may depend on them.
  ///
  /// - Parameter unclaimed: called for each that no device claims.
  /// - Returns: false where the engine's ring of them is damaged.
  @inline(__always)
  func carryOutCoalesced(
    of vcpu: some Vcpu, by thread: ThreadContext, unclaimed: (CoalescedWrite) -> Void
  ) -> Bool {
    // Another vCPU's thread gives each back when it has been carried out: none is left that this vCPU made.
    if vcpu.hasNoCoalescedWrites { return true }
    guard let coalescedLock else {
      return vcpu.takeCoalescedWrites { if !carryOut($0, by: thread) { unclaimed($0) } }
    }
    let traced = acquire(coalescedLock, BoardLayout.coalescedLock, by: thread)
    defer { release(coalescedLock, BoardLayout.coalescedLock, traced: traced, by: thread) }
    return vcpu.takeCoalescedWrites { if !carryOut($0, by: thread) { unclaimed($0) } }
  }

  /// Gives a device a write that was kept.
  ///
  /// - Returns: false where no device claims it.
  private func carryOut(_ write: CoalescedWrite, by thread: ThreadContext) -> Bool {
    let bus = write.isPort ? ports : memory
    guard let index = bus.find(write.address, size: write.size) else { return false }
    let range = bus.ranges[index]
    let offset = UInt32(truncatingIfNeeded: write.address &- range.start)
    (write.isPort ? portTargets : memoryTargets)[index]._withUnsafeGuaranteedRef { target in
      exeunt_trace_coalesced_begin(
        thread.id, thread.sequence, target.id, offset, write.isPort ? 0 : 1, write.address,
        UInt8(write.size))
      let traced = target.lock.map { acquire($0, target.lockID, by: thread) }
      target.device.write(
        offset: offset, size: write.size, value: write.value, window: range.window, memory: guestMemory,
        by: thread)
      if let lock = target.lock, let traced { release(lock, target.lockID, traced: traced, by: thread) }
      if let backlog = target.backlog { backlog.workOff(by: thread) }
      exeunt_trace_coalesced_end(thread.id, thread.sequence, target.id)
    }
    return true
  }

  /// Runs a device's handler with its lock held, and then what it left behind, between the events that say so.
  func withDevice(_ device: any BusDevice, offset: UInt32, by thread: ThreadContext, _ handler: () -> Void) {
    dispatch(to: target(of: device), offset: offset, by: thread, handler)
  }

  /// Runs something with a device's lock held that is no dispatch, such as feeding it input.
  func withLock(of device: any BusDevice, by thread: ThreadContext, _ body: () -> Void) {
    let target = target(of: device)
    guard let lock = target.lock else { return body() }
    let traced = acquire(lock, target.lockID, by: thread)
    body()
    release(lock, target.lockID, traced: traced, by: thread)
  }

  private func target(of device: any BusDevice) -> DispatchTarget {
    let id = Int(device.id.rawValue)
    guard id < targets.count, let target = targets[id] else {
      preconditionFailure("device \(id) is not on this board")
    }
    return target
  }

  @inline(__always)
  private func dispatch(
    to target: DispatchTarget, offset: UInt32, by thread: ThreadContext, _ handler: () -> Void
  ) {
    exeunt_trace_dispatch_begin(thread.kind.rawValue, thread.id, thread.sequence, target.id, offset)
    if let lock = target.lock {
      let traced = acquire(lock, target.lockID, by: thread)
      handler()
      release(lock, target.lockID, traced: traced, by: thread)
    } else {
      handler()
    }
    if let backlog = target.backlog { backlog.workOff(by: thread) }
    exeunt_trace_dispatch_end(thread.kind.rawValue, thread.id, thread.sequence, target.id)
  }

  /// Says whether the acquisition was traced, and so whether the release must be.
  @inline(__always)
  private func acquire(_ lock: Lock, _ id: UInt16, by thread: ThreadContext) -> Bool {
    let free = lock.tryAcquire()
    guard !free || tracesFreeLocks else { return false }
    exeunt_trace_lock_wait(id, thread.kind.rawValue, thread.id, thread.sequence)
    if !free { lock.acquire() }
    exeunt_trace_lock_acquired(id, thread.kind.rawValue, thread.id, thread.sequence)
    return true
  }

  @inline(__always)
  private func release(_ lock: Lock, _ id: UInt16, traced: Bool, by thread: ThreadContext) {
    lock.release()
    if traced { exeunt_trace_lock_released(id, thread.kind.rawValue, thread.id, thread.sequence) }
  }

  @inline(__always)
  private func transfer(
    _ target: DispatchTarget, _ window: Int, offset: UInt32, size: Int, isWrite: Bool,
    data: UnsafeMutableRawPointer, by thread: ThreadContext
  ) {
    if isWrite {
      let value = Dispatcher.load(data, size)
      target.device.write(
        offset: offset, size: size, value: value, window: window, memory: guestMemory, by: thread)
    } else {
      let value = target.device.read(offset: offset, size: size, window: window, by: thread)
      Dispatcher.store(value, data, size)
    }
  }

  // The data of an exit are bytes as they would lie in memory, and devices' registers are little-endian: a big-endian guest swaps what
  // it writes. `size` is at most 8, and so many bytes are there (VcpuExit).
  @inline(__always)
  private static func load(_ data: UnsafeMutableRawPointer, _ size: Int) -> UInt64 {
    switch size {
    case 1: return UInt64(data.load(as: UInt8.self))
    case 2: return UInt64(UInt16(littleEndian: data.loadUnaligned(as: UInt16.self)))
    case 4: return UInt64(UInt32(littleEndian: data.loadUnaligned(as: UInt32.self)))
    case 8: return UInt64(littleEndian: data.loadUnaligned(as: UInt64.self))
    default:
      // An access that crosses a page is split into odd sizes.
      return (0..<size).reduce(0) {
        $0 | UInt64(data.load(fromByteOffset: $1, as: UInt8.self)) << UInt64(8 * $1)
      }
    }
  }

  @inline(__always)
  private static func store(_ value: UInt64, _ data: UnsafeMutableRawPointer, _ size: Int) {
    switch size {
    case 1: data.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
    case 2: data.storeBytes(of: UInt16(truncatingIfNeeded: value).littleEndian, as: UInt16.self)
    case 4: data.storeBytes(of: UInt32(truncatingIfNeeded: value).littleEndian, as: UInt32.self)
    case 8: data.storeBytes(of: value.littleEndian, as: UInt64.self)
    default:
      for index in 0..<size {
        data.storeBytes(
          of: UInt8(truncatingIfNeeded: value >> UInt64(8 * index)), toByteOffset: index, as: UInt8.self)
      }
    }
  }
}
