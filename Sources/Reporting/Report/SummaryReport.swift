/// The contents of `summary`.
package struct SummaryReport: Codable, Equatable, Sendable {
  /// What most of the vCPUs' time and of the handling of exits is; nil without vCPUs.
  package var dominant: DominantReport?
  /// vCPUs by id.
  package var vcpus: [VcpuReport]
  /// Event loops by id.
  package var loops: [LoopReport]
  /// Exits to userspace by reason, direction and device, in the order that `costs` names.
  package var exits: [ExitReport]
  /// What costs of exits are measured with; nil in a report of an early build.
  package var costs: ExitCostsReport?
  /// All exits together; nil in a report of an early build, which did not say it: kinds cannot be added up afterwards.
  package var allExits: ExitTotalReport?
  /// Kicks by device, queue and path.
  package var paths: [PathReport]
  /// Interrupts raised, by device.
  package var interrupts: [InterruptReport]
  /// Requests by device, queue and kind.
  package var requests: [RequestReport]
  /// Locks that were waited for.
  package var locks: [LockReport]
  /// KVM's own counters beside the trace's.
  package var kvm: [KvmReport]
  /// What this KVM counts as an exit, in words; nil: it has no counters, or the trace does not describe it.
  package var counting: String?
  /// Time between the guest's marks.
  package var phases: [PhaseReport]
  /// Marks that the guest wrote; phases are made of the first 256.
  package var marks: UInt64
  /// What the host knew of the main thread; nil: nothing.
  package var mainThread: SchedulingReport?
}

/// A share of a thread's time.
package struct ShareReport: Codable, Equatable, Sendable {
  /// Device, or kind of source.
  package var name: String
  /// ns.
  package var time: Int64
}

/// Where a vCPU's time went: `inKvmRun + dispatch + lockWait + other + unknown + outside` is exactly `span`.
package struct VcpuReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Its id.
  package var id: Int
  /// Its thread's name.
  package var name: String
  /// Thread id.
  package var tid: UInt32?
  /// The time covered: the duration of the trace.
  package var span: Int64
  /// Between enter and exit.
  package var inKvmRun: Int64
  /// In devices' handlers.
  package var dispatch: Int64
  /// `dispatch` by device, longest first.
  package var devices: [ShareReport]
  /// Waiting for locks.
  package var lockWait: Int64
  /// In userspace for anything else.
  package var other: Int64
  /// Not proven by the trace: something was lost.
  package var unknown: Int64
  /// Before its first and after its last event.
  package var outside: Int64
  /// What the host knew of its thread; nil: nothing.
  package var scheduling: SchedulingReport?
  /// What `inKvmRun` was, as far as counters can tell; nil: they cannot.
  package var kvmRun: KvmRunReport?
  /// Exits by reason.
  package var reasons: [NamedCount]
  /// How well its events could be paired.
  package var pairing: PairingReport
}

/// What could not be paired on a thread.
package struct PairingReport: Codable, Equatable, Sendable {
  /// Exits recorded.
  package var exits: UInt64
  /// Enters recorded.
  package var enters: UInt64
  /// Exits that must have happened, by the sequence numbers, but are not in the trace.
  package var missingExits: UInt64
  /// Exits whose enter is not in the trace.
  package var exitsWithoutEnter: UInt64
  /// Exits whose next enter is not in the trace, apart from a last one.
  package var exitsWithoutReentry: UInt64
  /// Enters whose exit is not in the trace, apart from a last one.
  package var entersWithoutExit: UInt64
  /// Handlers that lost events cut, or out of sequence.
  package var brokenHandlers: UInt64
  /// Requests whose begin or end could not be paired.
  package var unmatchedRequests: UInt64
  /// Events that do not follow from the one before though nothing is known to be lost.
  package var unexplained: UInt64
  /// Sequence numbers that went backwards.
  package var restarts: UInt64
}

/// Where a loop's time went: `asleep + polling + handling + lockWait + other + unknown + outside` is exactly
/// `span`.
package struct LoopReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Its id.
  package var id: Int
  /// Its thread's name.
  package var name: String
  /// Thread id.
  package var tid: UInt32?
  /// The time covered: the duration of the trace.
  package var span: Int64
  /// Blocked in its wait.
  package var asleep: Int64
  /// Busy polling.
  package var polling: Int64
  /// In handlers.
  package var handling: Int64
  /// `handling` by device or kind of source, longest first.
  package var sources: [ShareReport]
  /// Waiting for locks.
  package var lockWait: Int64
  /// Waking up, between handlers and before waiting again.
  package var other: Int64
  /// Not proven by the trace: something was lost.
  package var unknown: Int64
  /// Before its first and after its last event.
  package var outside: Int64
  /// What the host knew of its thread; nil: nothing.
  package var scheduling: SchedulingReport?
  /// Returns from the wait.
  package var wakeups: UInt64
  /// Those between its first and its last event that are missing by their numbers; nil: polls have numbers too.
  package var missingWakeups: UInt64?
  /// How often it woke up.
  package var rate: RateReport?
  /// Of these with nothing ready.
  package var timeouts: UInt64
  /// Times it polled.
  package var polls: UInt64
  /// Of these that found something ready.
  package var pollsReady: UInt64
  /// Handlers run.
  package var handlers: UInt64
  /// Reads of kicks' eventfds.
  package var signals: UInt64
  /// Kicks that these reads stood for.
  package var kicks: UInt64
  /// Handlers that lost events cut, or out of sequence.
  package var brokenHandlers: UInt64
  /// Requests whose begin or end could not be paired.
  package var unmatchedRequests: UInt64
  /// Events that do not follow from the one before though nothing is known to be lost.
  package var unexplained: UInt64
  /// How long it slept.
  package var sleeps: LatencyReport
}

/// Exits of one kind.
package struct ExitReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Reason, as KVM_EXIT_*; nil: the exits beyond the number of kinds that are told apart.
  package var reason: String?
  /// `in` or `out`, seen from the guest.
  package var direction: String?
  /// Device at the address.
  package var device: String?
  /// Port or guest physical address, the lowest one if there are several.
  package var address: UInt64?
  /// Number of different addresses.
  package var addresses: Int
  /// vCPU, when exits of vCPUs are kept apart.
  package var vcpu: Int?
  /// Number of exits.
  package var count: UInt64
  /// Time in KVM_RUN before the exit.
  package var inKvmRun: LatencyReport
  /// Time from the exit to the next enter.
  package var handling: LatencyReport
  /// What they cost; nil in a report of an early build.
  package var cost: ExitCostReport?
  /// How often; nil where no time is known.
  package var rate: RateReport?
}

/// All exits together.
package struct ExitTotalReport: Codable, Equatable, Sendable {
  /// Number of exits.
  package var count: UInt64
  /// Time in KVM_RUN before the exits.
  package var inKvmRun: LatencyReport
  /// Time from the exits to the next enter.
  package var handling: LatencyReport
  /// What they cost; nil in a report of an early build.
  package var cost: ExitCostReport?
  /// How often; nil where no time is known.
  package var rate: RateReport?
}

/// Interrupts that a device raised.
package struct InterruptReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Its name.
  package var device: String
  /// By mechanism.
  package var mechanisms: [NamedCount]
}

/// Requests of one kind.
package struct RequestReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Device.
  package var device: String
  /// Queue.
  package var queue: Int
  /// Kind.
  package var kind: String
  /// Requests begun.
  package var count: UInt64
  /// Bytes asked for.
  package var bytes: UInt64
  /// Requests that failed.
  package var failed: UInt64
  /// Requests without an end, although nothing is lost since they began; nil: none.
  package var open: UInt64?
  /// Begin to end.
  package var duration: LatencyReport
}

/// A lock that was waited for.
package struct LockReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Its id.
  package var lock: Int
  /// The device it guards.
  package var device: String?
  /// Waits.
  package var wait: LatencyReport
}

/// The time between two marks of the guest, as far as it is analysed.
package struct PhaseReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Value of the mark that begins it; nil: the start of the trace.
  package var value: UInt32?
  /// What begins there, as the VMM knows it of its guest; nil: it does not.
  package var name: String?
  /// vCPU that wrote the mark.
  package var vcpu: Int?
  /// When it begins in what is analysed.
  package var begin: Int64
  /// When its mark was written, where that was before the window analysed.
  package var since: Int64?
  /// How long it is.
  package var duration: Int64
  /// Userspace exits of all vCPUs in it.
  package var exits: UInt64
  /// Of these for port I/O.
  package var io: UInt64
  /// Of these for memory-mapped I/O.
  package var mmio: UInt64
  /// Of these for HLT.
  package var hlt: UInt64
  /// Kicks read from eventfds in it.
  package var kicks: UInt64
}

/// KVM's own counters between the first and the last time they were read.
package struct KvmReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// `vm` or `vcpu`.
  package var scope: String
  /// Its id.
  package var id: Int
  /// Time of the first sample.
  package var begin: Int64
  /// Time of the last sample.
  package var end: Int64
  /// Number of samples.
  package var samples: UInt64
  /// By how much each counter that the kernel offers grew; times in ns.
  package var counters: [NamedCount]
  /// What is not a sum, at the last reading; nil in a report of an early build, as `histograms`.
  package var levels: [NamedCount]?
  /// KVM's own histograms.
  package var histograms: [KvmHistogramReport]?
  /// Where KVM and the trace count the same thing.
  package var checks: [KvmCheckReport]
}

/// One counter of KVM beside the same thing counted in the trace.
package struct KvmCheckReport: Codable, Equatable, Sendable {
  /// KVM's counter.
  package var counter: String
  /// What KVM counted between the samples.
  package var kvm: UInt64
  /// What the trace has between the samples.
  package var traced: UInt64
  /// Whether both are equal.
  package var agrees: Bool
  /// Exits of all kinds that are missing from the trace, by their numbers; nil in a report of an early build, which did
  /// not say it: not 0.
  package var missing: UInt64?
  /// Why they differ, in a word of docs/report.md.
  package var cause: String?
  /// Why they differ, or what the difference is.
  package var explanation: String?
}
