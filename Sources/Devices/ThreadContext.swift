/// The thread that handles something, and which of its exits or wakeups the handling belongs to.
package struct ThreadContext: Sendable, Equatable {
  /// The kinds of threads; the raw values are those of `thread_kind` in the event catalogue.
  package enum Kind: UInt8, Sendable {
    /// A virtual CPU's thread.
    case vcpu = 0
    /// An I/O thread.
    case loop = 1
    /// The main thread.
    case main = 2
  }

  /// What kind of thread it is.
  package let kind: Kind
  /// The number of the vCPU or loop.
  package let id: UInt16
  /// The exit or wakeup, wraps at 2^32.
  package var sequence: UInt32

  /// Describes a thread.
  package init(kind: Kind, id: UInt16, sequence: UInt32 = 0) {
    self.kind = kind
    self.id = id
    self.sequence = sequence
  }
}

/// The number that a device has in the trace. 0 stands for none.
package struct DeviceID: Hashable, Sendable {
  /// The number.
  package let rawValue: UInt16
  /// No device: a source of an event loop that serves the loop itself.
  package static let none = DeviceID(0)

  /// Wraps a number.
  package init(_ rawValue: UInt16) { self.rawValue = rawValue }
}
