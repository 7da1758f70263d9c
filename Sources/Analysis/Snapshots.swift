/// How much had been counted at some moment, since the start of the slice or, after merging, of the trace.
public struct ExitCounts: Sendable, Equatable {
  /// Userspace exits.
  public var exits: UInt64 = 0
  /// Of these for port I/O.
  public var io: UInt64 = 0
  /// Of these for memory-mapped I/O.
  public var mmio: UInt64 = 0
  /// Of these for HLT.
  public var hlt: UInt64 = 0
  /// Kicks read from eventfds.
  public var kicks: UInt64 = 0

  /// Nothing counted.
  public init() {}

  /// Adds field by field.
  public static func += (left: inout ExitCounts, right: ExitCounts) {
    left.exits &+= right.exits
    left.io &+= right.io
    left.mmio &+= right.mmio
    left.hlt &+= right.hlt
    left.kicks &+= right.kicks
  }

  /// Subtracts field by field; `right` must be an earlier moment.
  public static func - (left: ExitCounts, right: ExitCounts) -> ExitCounts {
    var difference = left
    difference.exits &-= right.exits
    difference.io &-= right.io
    difference.mmio &-= right.mmio
    difference.hlt &-= right.hlt
    difference.kicks &-= right.kicks
    return difference
  }
}

/// A value the guest wrote to the marker port.
public struct GuestMark: Sendable, Equatable {
  /// Where in the trace.
  public let exemplar: Exemplar
  /// The vCPU that wrote it.
  public let vcpu: Int
  /// What it wrote.
  public let value: UInt32
  /// What all vCPUs had counted before.
  public var counts: ExitCounts

  init(_ event: GuestMarkEvent, _ at: EventPlace, counts: ExitCounts) {
    exemplar = Exemplar(timestamp: at.timestamp, location: at.location)
    vcpu = Int(event.vcpu & 0xffff)
    value = event.value
    self.counts = counts
  }
}

/// KVM's counters at one moment, with what the trace had counted until then.
public struct KvmSample: Sendable, Equatable {
  /// ns since the clock's origin.
  public let timestamp: Int64
  /// Bit for each counter that this kernel offers.
  public let known: UInt32
  /// Values in the order of ``KvmCounter``.
  public let values: [UInt64]
  /// What the trace had counted: of that vCPU, or of all for the scope vm.
  public var counts: ExitCounts

  /// A counter, nil when the kernel does not offer it.
  public subscript(_ counter: KvmCounter) -> UInt64? {
    known & (1 << UInt32(counter.rawValue)) != 0 ? values[counter.rawValue] : nil
  }
}

/// The first and the last sample of one set of KVM's counters.
public struct KvmSamples: Sendable, Equatable {
  /// Number of samples.
  public var count: UInt64
  /// The earliest.
  public var first: KvmSample
  /// The latest.
  public var last: KvmSample
}

/// What a set of KVM's counters is about.
public struct KvmScope: Sendable, Hashable, Comparable {
  /// Of a vCPU rather than of the VM.
  public let isVcpu: Bool
  /// Id of the vCPU or VM.
  public let id: Int

  /// A scope.
  public init(isVcpu: Bool, id: Int) { (self.isVcpu, self.id) = (isVcpu, id) }

  /// The VM before vCPUs, then by id.
  public static func < (left: KvmScope, right: KvmScope) -> Bool {
    (left.isVcpu ? 1 : 0, left.id) < (right.isVcpu ? 1 : 0, right.id)
  }
}
