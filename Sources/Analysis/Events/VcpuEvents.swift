// Events of vCPUs, and of locks.

/// `vcpu_run_enter`.
struct VcpuRunEnter: Event {
  static let tag = EventTag.vcpuRunEnter
  let vcpu: UInt64
  let seq: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    vcpu = fields.next()
    seq = fields.next()
  }
}

/// `vcpu_run_exit`, or the first fields of `vcpu_run_exit_rip`.
struct VcpuRunExit: Event {
  static let tag = EventTag.vcpuRunExit
  let vcpu: UInt64
  let seq: UInt32
  let reason: UInt64
  let address: UInt64
  let size: UInt64
  let direction: UInt64
  let count: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    vcpu = fields.next()
    seq = fields.next()
    reason = fields.next()
    address = fields.next()
    size = fields.next()
    direction = fields.next()
    count = fields.next()
  }
}

/// `vcpu_run_exit_rip`.
struct VcpuRunExitRip: Event {
  static let tag = EventTag.vcpuRunExitRip
  let exit: VcpuRunExit
  let rip: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    exit = VcpuRunExit(&fields)
    rip = fields.next()
  }
}

/// `dispatch_begin`.
struct DispatchBegin: Event {
  static let tag = EventTag.dispatchBegin
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let offset: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    offset = fields.next()
  }
}

/// `dispatch_end`.
struct DispatchEnd: Event {
  static let tag = EventTag.dispatchEnd
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
  }
}

/// `coalesced_begin`.
struct CoalescedBegin: Event {
  static let tag = EventTag.coalescedBegin
  let vcpu: UInt64
  let seq: UInt32
  let device: UInt64
  let offset: UInt64
  let space: UInt64
  let address: UInt64
  let size: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    vcpu = fields.next()
    seq = fields.next()
    device = fields.next()
    offset = fields.next()
    space = fields.next()
    address = fields.next()
    size = fields.next()
  }
}

/// `coalesced_end`.
struct CoalescedEnd: Event {
  static let tag = EventTag.coalescedEnd
  let vcpu: UInt64
  let seq: UInt32
  let device: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    vcpu = fields.next()
    seq = fields.next()
    device = fields.next()
  }
}

/// `guest_mark`.
struct GuestMarkEvent: Event {
  static let tag = EventTag.guestMark
  let vcpu: UInt64
  let seq: UInt32
  let value: UInt32
  let guestTsc: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    vcpu = fields.next()
    seq = fields.next()
    value = fields.next()
    guestTsc = fields.next()
  }
}

/// `lock_wait`.
struct LockWait: Event {
  static let tag = EventTag.lockWait
  let lock: UInt64
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    lock = fields.next()
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
  }
}

/// `lock_acquired`.
struct LockAcquired: Event {
  static let tag = EventTag.lockAcquired
  let lock: UInt64
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    lock = fields.next()
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
  }
}

/// `lock_released`.
struct LockReleased: Event {
  static let tag = EventTag.lockReleased
  let lock: UInt64
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    lock = fields.next()
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
  }
}
