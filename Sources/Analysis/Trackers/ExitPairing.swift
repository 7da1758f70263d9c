/// The last enter or exit of a vCPU, or its next one not yet applied.
struct ExitStep {
  var timestamp: Int64
  var location: UInt64
  var site: Key
  var seq: UInt32
  var isExit: Bool
  /// Whether the exit passes the filter of the analysis.
  var isCounted: Bool
  /// Marks that the guest had written before.
  var epoch: UInt64 = 0
  /// Where in the guest the exit was, as ``InstructionResult`` has it.
  var instruction = Key.noInstruction
}

/// What pairing enters and exits adds to, by vCPU.
struct ExitTotals {
  /// Exits recorded.
  var exits: UInt64 = 0
  /// Enters recorded.
  var enters: UInt64 = 0
  /// Exits whose enter is not in the trace.
  var exitsWithoutEnter: UInt64 = 0
  /// Exits whose next enter is not in the trace.
  var exitsWithoutReentry: UInt64 = 0
  /// Enters whose exit is not in the trace.
  var entersWithoutExit: UInt64 = 0
  /// Exits that are missing according to the sequence numbers.
  var missingExits: UInt64 = 0
  /// Sequence numbers that went backwards.
  var restarts: UInt64 = 0

  static func += (left: inout ExitTotals, right: ExitTotals) {
    left.exits &+= right.exits
    left.enters &+= right.enters
    left.exitsWithoutEnter &+= right.exitsWithoutEnter
    left.exitsWithoutReentry &+= right.exitsWithoutReentry
    left.entersWithoutExit &+= right.entersWithoutExit
    left.missingExits &+= right.missingExits
    left.restarts &+= right.restarts
  }
}

/// An exit that was handled, after which the vCPU's next KVM_RUN was interrupted: the last one of a run looks like that.
struct InterruptedExit: Equatable {
  /// Number of the KVM_RUN that was interrupted.
  var seq: UInt32
  var site: Key
  var isCounted: Bool
  /// How long it was handled; ``ExitPairing/unknown`` or ``ExitPairing/unseen``.
  var handling: Int64
  /// When the vCPU entered again.
  var reentry: Int64
  var instruction = Key.noInstruction
}

/// Pairs enter n with exit n and exit n with enter n + 1; the sequence number proves both, gaps or not.
struct ExitPairing {
  /// Not known whatever comes before this slice.
  static let unknown: Int64 = -1
  /// Known when the slice before is.
  static let unseen = Int64.min
  /// The site of an exit in the slice before.
  static let unseenSite = Key(high: .max, low: .max)

  var hasLast = false
  /// Number of the first enter or exit.
  var firstSeq: UInt32 = 0
  /// The begin of the window analysed: a KVM_RUN that began before it is not one of the window's.
  var openedAt = Int64.min
  /// Site, instruction and `isCounted` are those of the last exit.
  var last = ExitStep(
    timestamp: 0, location: 0, site: unseenSite, seq: 0, isExit: false, isCounted: false)
  /// How long the exit before the last enter was handled.
  var handled = unseen
  /// Of the latest interruption.
  var interrupted: InterruptedExit?

  /// Goes on with what the slice that follows knows, after its first step was replayed on this one.
  mutating func follow(_ next: ExitPairing) {
    let before = self
    self = next
    (firstSeq, openedAt) = (before.firstSeq, before.openedAt)
    if last.site == Self.unseenSite {
      last.site = before.last.site
      last.instruction = before.last.instruction
      last.isCounted = before.last.isCounted
    }
    if handled == Self.unseen { handled = before.handled }
    guard interrupted != nil else {
      interrupted = before.interrupted
      return
    }
    if interrupted?.site == Self.unseenSite {
      interrupted?.site = before.last.site
      interrupted?.instruction = before.last.instruction
      interrupted?.isCounted = before.last.isCounted
    }
    if interrupted?.handling == Self.unseen { interrupted?.handling = before.handled }
  }

  /// The sequence numbers between two consecutive rows of a vCPU: exits that must have been there.
  static func missing(_ last: ExitStep, _ step: ExitStep) -> UInt32 {
    switch (last.isExit, step.isExit) {
    case (false, true): step.seq &- last.seq
    case (true, true): step.seq &- last.seq &- 1
    case (true, false): step.seq &- 1 &- last.seq
    case (false, false): step.seq &- last.seq
    }
  }
}

/// KVM_EXIT_* that are told apart by name.
enum ExitReason {
  static let io: UInt64 = 2
  static let hlt: UInt64 = 5
  static let mmio: UInt64 = 6
  static let intr: UInt64 = 10
}

extension Key {
  /// The reason in the key of an ``ExitSite``.
  @inline(__always)
  var reason: UInt64 { high >> 8 & 0xff }
}

// MARK: Kept in a file

extension ExitStep {
  /// - Parameter thread: Index of its thread.
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, thread: thread)
    try site.code(&coder)
    try coder.code(&seq)
    try coder.code(&isExit)
    try coder.code(&isCounted)
    try coder.code(count: &epoch)
    try instruction.code(&coder)
    try coder.require(instruction.isInstructionKey, "an instruction")
  }

  static var blank: ExitStep {
    ExitStep(
      timestamp: 0, location: 0, site: ExitPairing.unseenSite, seq: 0, isExit: false, isCounted: false)
  }
}

extension ExitTotals {
  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(count: &exits)
    try coder.code(count: &enters)
    try coder.code(count: &exitsWithoutEnter)
    try coder.code(count: &exitsWithoutReentry)
    try coder.code(count: &entersWithoutExit)
    try coder.code(count: &missingExits)
    try coder.code(count: &restarts)
  }
}

extension InterruptedExit: StateCoded {
  static var blank: InterruptedExit {
    InterruptedExit(seq: 0, site: ExitPairing.unseenSite, isCounted: false, handling: 0, reentry: 0)
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&seq)
    try site.code(&coder)
    try coder.code(&isCounted)
    try coder.code(&handling)
    try coder.code(moment: &reentry)
    try instruction.code(&coder)
    try coder.require(instruction.isInstructionKey, "an instruction")
  }
}

extension ExitPairing {
  mutating func code(_ coder: inout StateCoder, thread: Int) throws(StateError) {
    try coder.code(&hasLast)
    try coder.code(&firstSeq)
    try coder.code(moment: &openedAt)
    try last.code(&coder, thread: thread)
    try coder.code(&handled)
    try coder.code(&interrupted)
  }
}
