/// What the models know of a trace, one thing after the other: what exports are made of.
///
/// Each thing comes once, when all is known of it that will be known: things of one thread in the order in which they end, and an
/// interrupt after the requests that it tells of. All moments are ns since the clock's origin; a moment or a duration that the trace does not prove is nil.
package enum ModelItem: Sendable, Equatable {
  // What the types say.
  case interval(StateInterval)
  case exit(ModelExit)
  case wakeup(ModelWakeup)
  case request(ModelRequest)
  case interrupt(ModelInterrupt)
  case mark(ModelMark)
  case gap(ModelGap)
}

/// What a vCPU or a loop did from one event to the next. The intervals of a thread do not overlap; none is of no length.
package struct StateInterval: Sendable, Equatable {
  /// The thread.
  package var thread: ThreadName
  /// The number of its exit or wakeup when it began.
  package var seq: UInt32
  /// From when to when.
  package var begin: Int64
  package var end: Int64
  /// A ``TimeCategory``.
  package var category: Int
  /// The lock waited for.
  package var lock: UInt64?
}

/// An exit to userspace.
package struct ModelExit: Sendable, Equatable {
  /// The vCPU, and which of its exits.
  package var vcpu: Int
  package var seq: UInt32
  /// When KVM_RUN returned.
  package var timestamp: Int64
  /// KVM_EXIT_* of linux/kvm.h.
  package var reason: UInt8
  /// `direction` of the catalogue.
  package var direction: UInt8
  /// Port or guest physical address of an access, or what else the event has there; nil: nothing.
  package var address: UInt64?
  /// Bytes of an access, and how many there were.
  package var size: UInt64
  package var count: UInt64
  /// The guest's instruction pointer; nil: it was not recorded (`--trace-rip`).
  package var rip: UInt64?
  /// Kicks of queues that it brought (`queue_kicked`).
  package var kicks: UInt64 = 0
  /// Time in KVM_RUN before it, ns.
  package var inKvmRun: Int64?
  /// Time until the vCPU entered the guest again, ns.
  package var handling: Int64?

  /// Whether it is an access to memory that a device may be at, rather than to a port.
  package var isMemoryMapped: Bool { reason == ExitReason.mmio }
  /// Whether it is an access.
  package var isAccess: Bool { isMemoryMapped || reason == ExitReason.io }
}

/// A loop's return from its wait, or a poll of it that found something.
package struct ModelWakeup: Sendable, Equatable {
  /// The loop, and which of its wakeups.
  package var loop: Int
  package var seq: UInt32
  /// When it woke up.
  package var timestamp: Int64
  /// It polled, and did not wait.
  package var isPoll: Bool
  /// How long it had waited, ns.
  package var slept: Int64?
  /// Sources that were ready; of a poll nil.
  package var ready: UInt64?
  /// Handlers that it began.
  package var handlers: UInt64 = 0
  /// Kicks that its reads of eventfds stood for.
  package var kicks: UInt64 = 0
  /// How long it took until the loop waited or polled again, ns.
  package var busy: Int64?
}

/// A request from where the device took it.
package struct ModelRequest: Sendable, Equatable {
  /// Device, queue and id.
  package var device: Int
  package var queue: Int
  package var id: UInt64
  /// `request_kind` of the catalogue.
  package var kind: Int
  /// Bytes that it asks for.
  package var bytes: UInt64
  /// The thread that took it; nil: one that is not told apart.
  package var thread: ThreadName?
  /// When the guest kicked, by its own stamp.
  package var kicked: Int64?
  /// `vcpu_run_exit`, `loop_wakeup` or `poll_end` of the round in which it was taken.
  package var arrived: Int64?
  /// When it was taken.
  package var begin: Int64
  /// `backend_submit` and `backend_complete`.
  package var submitted: Int64?
  package var completed: Int64?
  /// When it was pushed, or given up.
  package var end: Int64?
  /// The interrupt that the thread which pushed it raised for the device afterwards.
  package var interrupted: Int64?
  /// 0: success; 255: given up.
  package var status: UInt8?

  /// From its begin until it was pushed, ns, as the summary has it.
  package var duration: Int64? {
    status == RequestResult.givenUpStatus ? nil : end.map { max(0, $0 &- begin) }
  }
}

/// An interrupt that a device raised.
package struct ModelInterrupt: Sendable, Equatable {
  /// Who raised it; nil: a thread that is not told apart.
  package var thread: ThreadName?
  /// Of the exit or wakeup.
  package var seq: UInt32
  /// When.
  package var timestamp: Int64
  /// The device and its line.
  package var device: Int
  package var line: UInt32
  /// `mechanism` of the catalogue.
  package var mechanism: Int
}

/// What a guest wrote to the marker port.
package struct ModelMark: Sendable, Equatable {
  /// The vCPU, and its exit.
  package var vcpu: Int
  package var seq: UInt32
  /// When it was handled.
  package var timestamp: Int64
  /// What was written.
  package var value: UInt32
  /// The guest's time stamp counter.
  package var guestTSC: UInt64
}

/// Events of one stream are missing: from one moment to another those of any thread can be.
package struct ModelGap: Sendable, Equatable {
  /// Index of the stream.
  package var stream: Int
  /// From when to when, as far as the packets tell.
  package var begin: Int64
  package var end: Int64
}
