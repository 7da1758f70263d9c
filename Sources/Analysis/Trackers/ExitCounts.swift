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
