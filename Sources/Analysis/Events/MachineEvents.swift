// The state dump. Strings are words that ``EventRun/string(_:)`` takes.

/// `vm_info`.
struct VmInfoEvent: Event {
  static let tag = EventTag.vmInfo
  let version: UInt64
  let guest: UInt64
  let kvm: UInt64
  let kernel: UInt64
  let configuration: UInt64
  let pid: UInt32
  let ramBytes: UInt64
  let tscKhz: UInt32
  let vcpus: UInt16
  let loops: UInt16

  @inline(__always)
  init(_ fields: inout EventFields) {
    version = fields.next()
    guest = fields.next()
    kvm = fields.next()
    kernel = fields.next()
    configuration = fields.next()
    pid = fields.next()
    ramBytes = fields.next()
    tscKhz = fields.next()
    vcpus = fields.next()
    loops = fields.next()
  }
}

/// `vcpu_info`.
struct VcpuInfoEvent: Event {
  static let tag = EventTag.vcpuInfo
  let vcpu: UInt64
  let tid: UInt32
  let name: UInt64
  let cpu: Int32
  let tscOffset: Int64
  let tscOffsetKnown: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    vcpu = fields.next()
    tid = fields.next()
    name = fields.next()
    cpu = fields.next()
    tscOffset = fields.next()
    tscOffsetKnown = fields.next()
  }
}

/// `loop_info`.
struct LoopInfoEvent: Event {
  static let tag = EventTag.loopInfo
  let loop: UInt64
  let tid: UInt32
  let name: UInt64
  let cpu: Int32
  let pollBudget: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    tid = fields.next()
    name = fields.next()
    cpu = fields.next()
    pollBudget = fields.next()
  }
}

/// `device_info`.
struct DeviceInfoEvent: Event {
  static let tag = EventTag.deviceInfo
  let device: UInt16
  let name: UInt64
  let space: UInt64
  let base: UInt64
  let length: UInt64
  let line: Int32
  let lock: UInt16

  @inline(__always)
  init(_ fields: inout EventFields) {
    device = fields.next()
    name = fields.next()
    space = fields.next()
    base = fields.next()
    length = fields.next()
    line = fields.next()
    lock = fields.next()
  }
}

/// `ioeventfd_info`.
struct IoeventfdInfoEvent: Event {
  static let tag = EventTag.ioeventfdInfo
  let device: UInt16
  let queue: UInt16
  let loop: UInt16
  let space: UInt64
  let address: UInt64
  let size: UInt8
  let matched: UInt64
  let value: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    device = fields.next()
    queue = fields.next()
    loop = fields.next()
    space = fields.next()
    address = fields.next()
    size = fields.next()
    matched = fields.next()
    value = fields.next()
  }
}

/// `clock_sync`.
struct ClockSync: Event {
  static let tag = EventTag.clockSync
  let tsc: UInt64
  let monotonic: UInt64
  let realtime: UInt64
  let window: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    tsc = fields.next()
    monotonic = fields.next()
    realtime = fields.next()
    window = fields.next()
  }
}

/// `kvm_counter_info`.
struct KvmCounterInfoEvent: Event {
  static let tag = EventTag.kvmCounterInfo
  let scope: UInt64
  let counter: UInt64
  let name: UInt64
  let type: UInt8
  let unit: UInt8
  let base: UInt8
  let exponent: Int16
  let size: UInt16
  let bucketSize: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    scope = fields.next()
    counter = fields.next()
    name = fields.next()
    type = fields.next()
    unit = fields.next()
    base = fields.next()
    exponent = fields.next()
    size = fields.next()
    bucketSize = fields.next()
  }
}

/// `emission_info`.
struct EmissionInfoEvent: Event {
  static let tag = EventTag.emissionInfo
  let rounds: UInt16
  let events: UInt16
  let fastest: UInt32
  let median: UInt32

  @inline(__always)
  init(_ fields: inout EventFields) {
    rounds = fields.next()
    events = fields.next()
    fastest = fields.next()
    median = fields.next()
  }
}
