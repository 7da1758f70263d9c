/// How a run ended.
public enum RunOutcome: Sendable, Equatable {
  /// The guest switched the machine off.
  case poweredOff
  /// The guest wrote this value to the debug exit port.
  case debugExit(value: UInt32)
  /// The guest reset the machine, and that ends the run.
  case rebooted
  /// Every vCPU halted and nothing can wake one.
  case halted
  /// The guest, or KVM for it, could not go on; the text tells where.
  case crashed(String)
  /// The time limit was reached; the text tells where each vCPU was.
  case timedOut(String)
  /// The user, or a signal, ended the run.
  case interrupted(signal: Int32)
  /// The user quit from the serial console.
  case quit

  /// The exit status of the process: the guest's own where it gave one (odd numbers), 0 for an orderly end, and even
  /// numbers or 128 + signal where the run was ended for another reason.
  public var exitStatus: Int32 {
    switch self {
    case .poweredOff, .rebooted, .halted, .quit: 0
    case .debugExit(let value): Int32(truncatingIfNeeded: (value << 1 | 1) & 0xff)
    case .crashed: 4
    case .timedOut: 6
    case .interrupted(let signal): 128 + signal
    }
  }

  /// What to tell the user; nil where the guest just ended well.
  public var message: String? {
    switch self {
    case .poweredOff, .quit: nil
    case .rebooted: "the guest reset the machine (--on-reboot exit)"
    case .halted: "every vCPU halted, and without interrupts nothing can wake one"
    case .debugExit(let value): "the guest ended the run through the debug exit port with \(value)"
    case .crashed(let text): text
    case .timedOut(let text): text
    case .interrupted(let signal): "ended by signal \(signal)"
    }
  }
}

/// What a run did, as the VMM counted it.
public struct RunSummary: Sendable {
  /// How it ended.
  public var outcome: RunOutcome
  /// Exits of each vCPU, all reasons.
  public var exits: [UInt64]
  /// How often the guest reset the machine.
  public var resets: Int
  /// Accesses that no device claimed, most frequent first.
  public var unclaimed: [UnclaimedAccess]
  /// Accesses at further addresses, beyond those that were kept apart.
  public var unclaimedElsewhere: UInt64
  /// The 64 bytes of a built-in guest's report block.
  public var report: [UInt8]?
  /// Trace events emitted while a session was listening; those that were lost are among them.
  public var eventsEmitted: UInt64
  /// What the user should know but what did not end the run.
  public var warnings: [String]
}
