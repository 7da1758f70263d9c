/// How a run ended.
package enum RunOutcome: Sendable, Equatable {
  /// The guest switched the machine off.
  case poweredOff
  /// The guest wrote this value to the debug exit port.
  case debugExit(value: UInt32)
  /// The guest reset the machine, and that ends the run.
  case rebooted
  /// Every vCPU halted and nothing can wake one: with interrupts off, or with whatever they are, in a machine without an interrupt
  /// controller.
  case halted(hasController: Bool = true)
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
  package var exitStatus: Int32 {
    switch self {
    case .poweredOff, .rebooted, .halted, .quit: 0
    case .debugExit(let value): Int32(truncatingIfNeeded: (value << 1 | 1) & 0xff)
    case .crashed: 4
    case .timedOut: 6
    case .interrupted(let signal): 128 + signal
    }
  }

  /// What to tell the user; nil where the guest just ended well.
  package var message: String? {
    switch self {
    case .poweredOff, .quit: nil
    case .rebooted: "the guest reset the machine (--on-reboot exit)"
    case .halted(let hasController):
      hasController
        ? "every vCPU halted with interrupts off, and nothing can wake one"
        : "every vCPU halted, and there is no interrupt controller that could wake one (--irqchip none)"
    case .debugExit(let value): "the guest ended the run through the debug exit port with \(value)"
    case .crashed(let text): text
    case .timedOut(let text): text
    case .interrupted(let signal): "ended by signal \(signal)"
    }
  }
}

extension RunOutcome {
  /// The exit status where the guest ended well, and something that the user had asked for was not written.
  package static let unwritten: Int32 = 8
}

/// What a run did, as the VMM counted it.
package struct RunSummary: Sendable {
  /// How it ended.
  package var outcome: RunOutcome
  /// Exits of each vCPU, all reasons.
  package var exits: [UInt64]
  /// How often the guest reset the machine.
  package var resets: Int
  /// How often it slept, and woke up.
  package var sleeps = 0
  /// Accesses that no device claimed, most frequent first.
  package var unclaimed: [UnclaimedAccess]
  /// Accesses at further addresses, beyond those that were kept apart.
  package var unclaimedElsewhere: UInt64
  /// A built-in guest's report block.
  package var report: [UInt8]?
  /// Trace events emitted while a session was listening; those that were lost are among them.
  package var eventsEmitted: UInt64
  /// Events that were not emitted as the trace was as large as it may be.
  package var eventsLeftOut: UInt64 = 0
  /// What the user should know but what did not end the run.
  package var warnings: [String]
  /// Whether bytes that the guest wrote, to the serial port or to a port of its console, did not get where the user wanted them;
  /// ``warnings`` say why.
  package var lacksOutput: Bool
  /// Which of them files did not get as they were as large as they may be.
  package var leftOutput: [LeftOutput] = []

  /// The exit status of the process: how the guest ended, and where that was well, whether all that it wrote is there.
  package var exitStatus: Int32 {
    outcome.exitStatus == 0 && lacksOutput ? RunOutcome.unwritten : outcome.exitStatus
  }
}
