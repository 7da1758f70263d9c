/// The contents of `summary`.
public struct SummaryReport: Codable, Equatable, Sendable {
  /// What most of the vCPUs' time and of the handling of exits is; nil without vCPUs.
  public var dominant: DominantReport?
  /// vCPUs by id.
  public var vcpus: [VcpuReport]
  /// Event loops by id.
  public var loops: [LoopReport]
  /// Exits to userspace by reason, direction and device, in the order that `costs` names.
  public var exits: [ExitReport]
  /// What costs of exits are measured with; nil in a report of an early build.
  public var costs: ExitCostsReport?
  /// All exits together; nil in a report of an early build, which did not say it: kinds cannot be added up afterwards.
  public var allExits: ExitTotalReport?
  /// Kicks by device, queue and path.
  public var paths: [PathReport]
  /// Interrupts raised, by device.
  public var interrupts: [InterruptReport]
  /// Requests by device, queue and kind.
  public var requests: [RequestReport]
  /// Locks that were waited for.
  public var locks: [LockReport]
  /// KVM's own counters beside the trace's.
  public var kvm: [KvmReport]
  /// What this KVM counts as an exit, in words; nil: it has no counters, or the trace does not describe it.
  public var counting: String?
  /// Time between the guest's marks.
  public var phases: [PhaseReport]
  /// Marks that the guest wrote; phases are made of the first 256.
  public var marks: UInt64
  /// What the host knew of the main thread; nil: nothing.
  public var mainThread: SchedulingReport?
}

/// A share of a thread's time.
public struct ShareReport: Codable, Equatable, Sendable {
  /// Device, or kind of source.
  public var name: String
  /// ns.
  public var time: Int64
}

/// Where a vCPU's time went: `inKvmRun + dispatch + lockWait + other + unknown + outside` is exactly `span`.
public struct VcpuReport: Codable, Equatable, Sendable {
  /// Its id.
  public var id: Int
  /// Its thread's name.
  public var name: String
  /// Thread id.
  public var tid: UInt32?
  /// The time covered: the duration of the trace.
  public var span: Int64
  /// Between enter and exit.
  public var inKvmRun: Int64
  /// In devices' handlers.
  public var dispatch: Int64
  /// `dispatch` by device, longest first.
  public var devices: [ShareReport]
  /// Waiting for locks.
  public var lockWait: Int64
  /// In userspace for anything else.
  public var other: Int64
  /// Not proven by the trace: something was lost.
  public var unknown: Int64
  /// Before its first and after its last event.
  public var outside: Int64
  /// What the host knew of its thread; nil: nothing.
  public var scheduling: SchedulingReport?
  /// What `inKvmRun` was, as far as counters can tell; nil: they cannot.
  public var kvmRun: KvmRunReport?
  /// Exits by reason.
  public var reasons: [NamedCount]
  /// How well its events could be paired.
  public var pairing: PairingReport
}

/// What could not be paired on a thread.
public struct PairingReport: Codable, Equatable, Sendable {
  /// Exits recorded.
  public var exits: UInt64
  /// Enters recorded.
  public var enters: UInt64
  /// Exits that must have happened, by the sequence numbers, but are not in the trace.
  public var missingExits: UInt64
  /// Exits whose enter is not in the trace.
  public var exitsWithoutEnter: UInt64
  /// Exits whose next enter is not in the trace, apart from a last one.
  public var exitsWithoutReentry: UInt64
  /// Enters whose exit is not in the trace, apart from a last one.
  public var entersWithoutExit: UInt64
  /// Handlers that lost events cut, or out of sequence.
  public var brokenHandlers: UInt64
  /// Requests whose begin or end could not be paired.
  public var unmatchedRequests: UInt64
  /// Events that do not follow from the one before though nothing is known to be lost.
  public var unexplained: UInt64
  /// Sequence numbers that went backwards.
  public var restarts: UInt64
}

/// Where a loop's time went: `asleep + polling + handling + lockWait + other + unknown + outside` is exactly
/// `span`.
public struct LoopReport: Codable, Equatable, Sendable {
  /// Its id.
  public var id: Int
  /// Its thread's name.
  public var name: String
  /// Thread id.
  public var tid: UInt32?
  /// The time covered: the duration of the trace.
  public var span: Int64
  /// Blocked in its wait.
  public var asleep: Int64
  /// Busy polling.
  public var polling: Int64
  /// In handlers.
  public var handling: Int64
  /// `handling` by device or kind of source, longest first.
  public var sources: [ShareReport]
  /// Waiting for locks.
  public var lockWait: Int64
  /// Waking up, between handlers and before waiting again.
  public var other: Int64
  /// Not proven by the trace: something was lost.
  public var unknown: Int64
  /// Before its first and after its last event.
  public var outside: Int64
  /// What the host knew of its thread; nil: nothing.
  public var scheduling: SchedulingReport?
  /// Returns from the wait.
  public var wakeups: UInt64
  /// Those between its first and its last event that are missing by their numbers; nil: polls have numbers too.
  public var missingWakeups: UInt64?
  /// How often it woke up.
  public var rate: RateReport?
  /// Of these with nothing ready.
  public var timeouts: UInt64
  /// Times it polled.
  public var polls: UInt64
  /// Of these that found something ready.
  public var pollsReady: UInt64
  /// Handlers run.
  public var handlers: UInt64
  /// Reads of kicks' eventfds.
  public var signals: UInt64
  /// Kicks that these reads stood for.
  public var kicks: UInt64
  /// Handlers that lost events cut, or out of sequence.
  public var brokenHandlers: UInt64
  /// Requests whose begin or end could not be paired.
  public var unmatchedRequests: UInt64
  /// Events that do not follow from the one before though nothing is known to be lost.
  public var unexplained: UInt64
  /// How long it slept.
  public var sleeps: LatencyReport
}

/// Exits of one kind.
public struct ExitReport: Codable, Equatable, Sendable {
  /// Reason, as KVM_EXIT_*; nil: the exits beyond the number of kinds that are told apart.
  public var reason: String?
  /// `in` or `out`, seen from the guest.
  public var direction: String?
  /// Device at the address.
  public var device: String?
  /// Port or guest physical address, the lowest one if there are several.
  public var address: UInt64?
  /// Number of different addresses.
  public var addresses: Int
  /// vCPU, when exits of vCPUs are kept apart.
  public var vcpu: Int?
  /// Number of exits.
  public var count: UInt64
  /// Time in KVM_RUN before the exit.
  public var inKvmRun: LatencyReport
  /// Time from the exit to the next enter.
  public var handling: LatencyReport
  /// What they cost; nil in a report of an early build.
  public var cost: ExitCostReport?
  /// How often; nil where no time is known.
  public var rate: RateReport?
}

/// All exits together.
public struct ExitTotalReport: Codable, Equatable, Sendable {
  /// Number of exits.
  public var count: UInt64
  /// Time in KVM_RUN before the exits.
  public var inKvmRun: LatencyReport
  /// Time from the exits to the next enter.
  public var handling: LatencyReport
  /// What they cost; nil in a report of an early build.
  public var cost: ExitCostReport?
  /// How often; nil where no time is known.
  public var rate: RateReport?
}

/// Interrupts that a device raised.
public struct InterruptReport: Codable, Equatable, Sendable {
  /// Its name.
  public var device: String
  /// By mechanism.
  public var mechanisms: [NamedCount]
}

/// Requests of one kind.
public struct RequestReport: Codable, Equatable, Sendable {
  /// Device.
  public var device: String
  /// Queue.
  public var queue: Int
  /// Kind.
  public var kind: String
  /// Requests begun.
  public var count: UInt64
  /// Bytes asked for.
  public var bytes: UInt64
  /// Requests that failed.
  public var failed: UInt64
  /// Requests without an end, although nothing is lost since they began; nil: none.
  public var open: UInt64?
  /// Begin to end.
  public var duration: LatencyReport
}

/// A lock that was waited for.
public struct LockReport: Codable, Equatable, Sendable {
  /// Its id.
  public var lock: Int
  /// The device it guards.
  public var device: String?
  /// Waits.
  public var wait: LatencyReport
}

/// The time between two marks of the guest, as far as it is analysed.
public struct PhaseReport: Codable, Equatable, Sendable {
  /// Value of the mark that begins it; nil: the start of the trace.
  public var value: UInt32?
  /// What begins there, as the VMM knows it of its guest; nil: it does not.
  public var name: String?
  /// vCPU that wrote the mark.
  public var vcpu: Int?
  /// When it begins in what is analysed.
  public var begin: Int64
  /// When its mark was written, where that was before the window analysed.
  public var since: Int64?
  /// How long it is.
  public var duration: Int64
  /// Userspace exits of all vCPUs in it.
  public var exits: UInt64
  /// Of these for port I/O.
  public var io: UInt64
  /// Of these for memory-mapped I/O.
  public var mmio: UInt64
  /// Of these for HLT.
  public var hlt: UInt64
  /// Kicks read from eventfds in it.
  public var kicks: UInt64
}

/// KVM's own counters between the first and the last time they were read.
public struct KvmReport: Codable, Equatable, Sendable {
  /// `vm` or `vcpu`.
  public var scope: String
  /// Its id.
  public var id: Int
  /// Time of the first sample.
  public var begin: Int64
  /// Time of the last sample.
  public var end: Int64
  /// Number of samples.
  public var samples: UInt64
  /// By how much each counter that the kernel offers grew; times in ns.
  public var counters: [NamedCount]
  /// What is not a sum, at the last reading; nil in a report of an early build, as `histograms`.
  public var levels: [NamedCount]?
  /// KVM's own histograms.
  public var histograms: [KvmHistogramReport]?
  /// Where KVM and the trace count the same thing.
  public var checks: [KvmCheckReport]
}

/// One counter of KVM beside the same thing counted in the trace.
public struct KvmCheckReport: Codable, Equatable, Sendable {
  /// KVM's counter.
  public var counter: String
  /// What KVM counted between the samples.
  public var kvm: UInt64
  /// What the trace has between the samples.
  public var traced: UInt64
  /// Whether both are equal.
  public var agrees: Bool
  /// Exits of all kinds that are missing from the trace, by their numbers; nil in a report of an early build, which did
  /// not say it: not 0.
  public var missing: UInt64?
  /// Why they differ, in a word of docs/report.md.
  public var cause: String?
  /// Why they differ, or what the difference is.
  public var explanation: String?
}
