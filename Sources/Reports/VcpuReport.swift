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
  /// What recording cost it; nil: the recording does not tell.
  package var recording: RecordingCostReport?
  /// Exits by reason.
  package var reasons: [NamedCount]
  /// How well its events could be paired.
  package var pairing: PairingReport

  package init(
    machine: String? = nil, id: Int, name: String, tid: UInt32? = nil, span: Int64, inKvmRun: Int64,
    dispatch: Int64, devices: [ShareReport], lockWait: Int64, other: Int64, unknown: Int64, outside: Int64,
    scheduling: SchedulingReport? = nil, kvmRun: KvmRunReport? = nil, recording: RecordingCostReport? = nil,
    reasons: [NamedCount],
    pairing: PairingReport
  ) {
    self.machine = machine
    self.id = id
    self.name = name
    self.tid = tid
    self.span = span
    self.inKvmRun = inKvmRun
    self.dispatch = dispatch
    self.devices = devices
    self.lockWait = lockWait
    self.other = other
    self.unknown = unknown
    self.outside = outside
    self.scheduling = scheduling
    self.kvmRun = kvmRun
    self.recording = recording
    self.reasons = reasons
    self.pairing = pairing
  }
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

  package init(
    exits: UInt64, enters: UInt64, missingExits: UInt64, exitsWithoutEnter: UInt64,
    exitsWithoutReentry: UInt64, entersWithoutExit: UInt64, brokenHandlers: UInt64, unmatchedRequests: UInt64,
    unexplained: UInt64, restarts: UInt64
  ) {
    self.exits = exits
    self.enters = enters
    self.missingExits = missingExits
    self.exitsWithoutEnter = exitsWithoutEnter
    self.exitsWithoutReentry = exitsWithoutReentry
    self.entersWithoutExit = entersWithoutExit
    self.brokenHandlers = brokenHandlers
    self.unmatchedRequests = unmatchedRequests
    self.unexplained = unexplained
    self.restarts = restarts
  }
}
