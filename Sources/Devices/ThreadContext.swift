/// The thread that handles something, and which of its exits or wakeups the handling belongs to.
public struct ThreadContext: Sendable, Equatable {
  /// The kinds of threads; the raw values are those of `thread_kind` in the event catalogue.
  public enum Kind: UInt8, Sendable {
    /// A virtual CPU's thread.
    case vcpu = 0
    /// An I/O thread.
    case loop = 1
    /// The main thread.
    case main = 2
  }

  // One number, for a register: it goes with every access of every device. Sequence, thread and kind, from the top.
  @usableFromInline var bits: UInt64

  /// What kind of thread it is.
  @inlinable public var kind: Kind {
    switch UInt8(truncatingIfNeeded: bits) {
    case Kind.vcpu.rawValue: .vcpu
    case Kind.loop.rawValue: .loop
    default: .main
    }
  }

  /// The number of the vCPU or loop.
  @inlinable public var id: UInt16 { UInt16(truncatingIfNeeded: bits >> 16) }

  /// The exit or wakeup, wraps at 2^32.
  @inlinable public var sequence: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) }

  /// Describes a thread.
  public init(kind: Kind, id: UInt16, sequence: UInt32 = 0) {
    bits = UInt64(sequence) << 32 | UInt64(id) << 16 | UInt64(kind.rawValue)
  }

  /// Goes on to the next exit or wakeup.
  @inlinable public mutating func advance() { bits &+= 1 << 32 }
}

/// The number that a device has in the trace. 0 stands for none.
public struct DeviceID: Hashable, Sendable {
  /// The number.
  public let rawValue: UInt16
  /// No device: a source of an event loop that serves the loop itself.
  public static let none = DeviceID(0)

  /// Wraps a number.
  public init(_ rawValue: UInt16) { self.rawValue = rawValue }
}
