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
  /// Writes that KVM kept, by device, carried out at exits that are about something else; nil: none.
  package var coalesced: [PathReport]?
  /// Kicks by device, queue and path.
  package var paths: [PathReport]
  /// Queues whose kicks went more than one way, by all of them together, `kind` is `any`; nil: none.
  package var joinedPaths: [PathReport]?
  /// Interrupts raised, by device.
  package var interrupts: [InterruptReport]
  /// Requests by device, queue and kind.
  package var requests: [RequestReport]
  /// What devices did with their queues; nil: they do not tell.
  package var queues: [QueueReport]?
  /// Queues that the guest broke; nil: none.
  package var brokenQueues: [BrokenQueueReport]?
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

  package init(
    dominant: DominantReport? = nil, vcpus: [VcpuReport], loops: [LoopReport], exits: [ExitReport],
    costs: ExitCostsReport? = nil, allExits: ExitTotalReport? = nil,
    coalesced: [PathReport]? = nil, paths: [PathReport],
    joinedPaths: [PathReport]? = nil, interrupts: [InterruptReport], requests: [RequestReport],
    queues: [QueueReport]? = nil,
    brokenQueues: [BrokenQueueReport]? = nil, locks: [LockReport], kvm: [KvmReport],
    counting: String? = nil, phases: [PhaseReport], marks: UInt64, mainThread: SchedulingReport? = nil
  ) {
    self.dominant = dominant
    self.vcpus = vcpus
    self.loops = loops
    self.exits = exits
    self.costs = costs
    self.allExits = allExits
    self.coalesced = coalesced
    self.paths = paths
    self.joinedPaths = joinedPaths
    self.interrupts = interrupts
    self.requests = requests
    self.queues = queues
    self.brokenQueues = brokenQueues
    self.locks = locks
    self.kvm = kvm
    self.counting = counting
    self.phases = phases
    self.marks = marks
    self.mainThread = mainThread
  }
}

/// A share of a thread's time.
package struct ShareReport: Codable, Equatable, Sendable {
  /// Device, or kind of source.
  package var name: String
  /// ns.
  package var time: Int64

  package init(name: String, time: Int64) {
    self.name = name
    self.time = time
  }
}

/// A lock that was waited for.
package struct LockReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Its id.
  package var lock: Int
  /// The device it guards; `all devices` where they share it.
  package var device: String?
  /// Waits.
  package var wait: LatencyReport

  package init(machine: String? = nil, lock: Int, device: String? = nil, wait: LatencyReport) {
    self.machine = machine
    self.lock = lock
    self.device = device
    self.wait = wait
  }
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
  /// Kicks in it that came as exits; nil: the trace cannot tell.
  package var exitKicks: UInt64?
  /// Writes in it that KVM kept and that were carried out; nil: none.
  package var coalesced: UInt64?

  package init(
    machine: String? = nil, value: UInt32? = nil, name: String? = nil, vcpu: Int? = nil, begin: Int64,
    since: Int64? = nil, duration: Int64, exits: UInt64, io: UInt64, mmio: UInt64, hlt: UInt64, kicks: UInt64,
    exitKicks: UInt64? = nil, coalesced: UInt64? = nil
  ) {
    self.machine = machine
    self.value = value
    self.name = name
    self.vcpu = vcpu
    self.begin = begin
    self.since = since
    self.duration = duration
    self.exits = exits
    self.io = io
    self.mmio = mmio
    self.hlt = hlt
    self.kicks = kicks
    self.exitKicks = exitKicks
    self.coalesced = coalesced
  }
}
