/// How much had been counted at some moment, since the start of the slice or, after merging, of the trace.
package struct ExitCounts: Sendable, Equatable {
  /// Userspace exits.
  package var exits: UInt64 = 0
  /// Of these for port I/O.
  package var io: UInt64 = 0
  /// Of these for memory-mapped I/O.
  package var mmio: UInt64 = 0
  /// Of these for HLT.
  package var hlt: UInt64 = 0
  /// Kicks read from eventfds.
  package var kicks: UInt64 = 0
  /// Kicks that came as accesses.
  package var exitKicks: UInt64 = 0
  /// Writes that KVM kept, carried out.
  package var coalesced: UInt64 = 0

  /// Nothing counted.
  package init() {}

  /// Adds field by field.
  package static func += (left: inout ExitCounts, right: ExitCounts) {
    left.exits &+= right.exits
    left.io &+= right.io
    left.mmio &+= right.mmio
    left.hlt &+= right.hlt
    left.kicks &+= right.kicks
    left.exitKicks &+= right.exitKicks
    left.coalesced &+= right.coalesced
  }

  /// Subtracts field by field; `right` must be an earlier moment.
  package static func - (left: ExitCounts, right: ExitCounts) -> ExitCounts {
    var difference = left
    difference.exits &-= right.exits
    difference.io &-= right.io
    difference.mmio &-= right.mmio
    difference.hlt &-= right.hlt
    difference.kicks &-= right.kicks
    difference.exitKicks &-= right.exitKicks
    difference.coalesced &-= right.coalesced
    return difference
  }
}

// MARK: Kept in a file

extension ExitCounts {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &exits)
    try coder.code(count: &io)
    try coder.code(count: &mmio)
    try coder.code(count: &hlt)
    try coder.code(&kicks)
    try coder.code(count: &exitKicks)
    try coder.code(count: &coalesced)
  }
}
