import CTF

/// An event of the provider `exeunt` as the analyzer expects it; a test holds it against the tracepoint
/// catalogue.
package struct EventSchema: Sendable, Equatable {
  /// Name without provider.
  package let name: String
  /// Payload fields in the order of the catalogue.
  package let fields: [String]
}

/// The events of `exeunt` by tag. The order of fields is the catalogue's.
package enum EventTag: UInt16, CaseIterable, Sendable {
  // One case for each event, called like it; walkers count on the order of its fields.
  case vcpuRunEnter, vcpuRunExit, dispatchBegin, dispatchEnd, lockWait, lockAcquired, lockReleased, loopWait,
    loopWakeup, pollBegin, pollEnd, handlerBegin, handlerEnd, ioeventfdSignal, requestBegin, requestEnd,
    interrupt,
    guestMark, guestKickStamp, kvmStats, vmInfo, vcpuInfo, loopInfo, deviceInfo, ioeventfdInfo, clockSync,
    kvmCounter, threadStats, eventTotals, kvmCounterInfo, queueBroken, backendSubmit, backendComplete,
    queuePublished, queueKicked, vcpuRunExitRip, emissionTrialInfo, emissionInfo,
    coalescedBegin, coalescedEnd

  /// The event of a row's tag; nil for other tags. Raw values count from 0 without holes, as the order of the
  /// cases does.
  @inline(__always)
  init?(tag: UInt16) {
    guard tag <= EventTag.coalescedEnd.rawValue else { return nil }
    self = unsafeBitCast(UInt8(truncatingIfNeeded: tag), to: EventTag.self)
  }

  /// Events that recordings of earlier builds, such as those in `traces/`, do not have: those that a build added, the oldest
  /// build first.
  private static let additions: [[EventTag]] = [
    [.queueBroken], [.backendSubmit, .backendComplete, .queuePublished], [.queueKicked],
    [.vcpuRunExitRip], [.emissionTrialInfo, .emissionInfo], [.coalescedBegin, .coalescedEnd],
  ]

  /// Whether events of these names are missing because the build that recorded did not have them yet: nobody chose to leave
  /// them out.
  static func areLater(_ names: [String]) -> Bool {
    additions.indices.contains { first in
      Set(additions[first...].joined().map(\.qualifiedName)) == Set(names)
    }
  }

  /// Name and fields.
  package var schema: EventSchema {
    switch self {
    case .vcpuRunEnter: EventSchema(name: "vcpu_run_enter", fields: ["vcpu", "seq"])
    case .vcpuRunExit:
      EventSchema(
        name: "vcpu_run_exit", fields: ["vcpu", "seq", "reason", "address", "size", "direction", "count"])
    case .vcpuRunExitRip:
      EventSchema(
        name: "vcpu_run_exit_rip", fields: EventTag.vcpuRunExit.schema.fields + ["rip"])
    case .dispatchBegin:
      EventSchema(name: "dispatch_begin", fields: ["thread_kind", "thread", "seq", "device", "offset"])
    case .dispatchEnd: EventSchema(name: "dispatch_end", fields: ["thread_kind", "thread", "seq", "device"])
    case .coalescedBegin:
      EventSchema(
        name: "coalesced_begin", fields: ["vcpu", "seq", "device", "offset", "space", "address", "size"])
    case .coalescedEnd: EventSchema(name: "coalesced_end", fields: ["vcpu", "seq", "device"])
    case .lockWait: EventSchema(name: "lock_wait", fields: ["lock", "thread_kind", "thread", "seq"])
    case .lockAcquired: EventSchema(name: "lock_acquired", fields: ["lock", "thread_kind", "thread", "seq"])
    case .lockReleased: EventSchema(name: "lock_released", fields: ["lock", "thread_kind", "thread", "seq"])
    case .loopWait: EventSchema(name: "loop_wait", fields: ["loop", "seq", "timeout"])
    case .loopWakeup: EventSchema(name: "loop_wakeup", fields: ["loop", "seq", "ready"])
    case .pollBegin: EventSchema(name: "poll_begin", fields: ["loop", "seq", "budget"])
    case .pollEnd: EventSchema(name: "poll_end", fields: ["loop", "seq", "outcome"])
    case .handlerBegin:
      EventSchema(name: "handler_begin", fields: ["loop", "seq", "source", "device", "queue"])
    case .handlerEnd: EventSchema(name: "handler_end", fields: ["loop", "seq", "source", "device", "queue"])
    case .ioeventfdSignal:
      EventSchema(name: "ioeventfd_signal", fields: ["loop", "seq", "device", "queue", "counter"])
    case .requestBegin:
      EventSchema(
        name: "request_begin",
        fields: ["thread_kind", "thread", "seq", "device", "queue", "id", "kind", "bytes"])
    case .requestEnd:
      EventSchema(
        name: "request_end", fields: ["thread_kind", "thread", "seq", "device", "queue", "id", "status"])
    case .interrupt:
      EventSchema(
        name: "interrupt", fields: ["thread_kind", "thread", "seq", "device", "line", "mechanism"])
    case .queueBroken:
      EventSchema(
        name: "queue_broken", fields: ["thread_kind", "thread", "seq", "device", "queue", "fault"])
    case .backendSubmit:
      EventSchema(
        name: "backend_submit",
        fields: ["thread_kind", "thread", "seq", "device", "queue", "id", "work", "bytes"])
    case .backendComplete:
      EventSchema(
        name: "backend_complete", fields: ["thread_kind", "thread", "seq", "device", "queue", "id", "status"])
    case .queueKicked:
      EventSchema(name: "queue_kicked", fields: ["thread_kind", "thread", "seq", "device", "queue"])
    case .queuePublished:
      EventSchema(
        name: "queue_published",
        fields: [
          "thread_kind", "thread", "seq", "device", "queue", "requests", "in_flight", "notification",
        ])
    case .guestMark: EventSchema(name: "guest_mark", fields: ["vcpu", "seq", "value", "guest_tsc"])
    case .guestKickStamp:
      EventSchema(
        name: "guest_kick_stamp", fields: ["thread_kind", "thread", "seq", "device", "queue", "id", "tsc"])
    case .kvmStats:
      EventSchema(
        name: "kvm_stats", fields: ["scope", "id", "moment", "known"] + KvmCounter.allCases.map(\.name))
    case .vmInfo:
      EventSchema(
        name: "vm_info",
        fields: [
          "version", "guest", "kvm", "kernel", "configuration", "pid", "ram_bytes", "tsc_khz", "vcpus",
          "loops",
        ])
    case .vcpuInfo:
      EventSchema(
        name: "vcpu_info", fields: ["vcpu", "tid", "name", "cpu", "tsc_offset", "tsc_offset_known"])
    case .loopInfo: EventSchema(name: "loop_info", fields: ["loop", "tid", "name", "cpu", "poll_budget"])
    case .deviceInfo:
      EventSchema(name: "device_info", fields: ["device", "name", "space", "base", "length", "line", "lock"])
    case .ioeventfdInfo:
      EventSchema(
        name: "ioeventfd_info",
        fields: ["device", "queue", "loop", "space", "address", "size", "matched", "value"])
    case .clockSync: EventSchema(name: "clock_sync", fields: ["tsc", "monotonic", "realtime", "window"])
    case .kvmCounter:
      EventSchema(name: "kvm_counter", fields: ["scope", "id", "moment", "counter", "element", "value"])
    case .threadStats:
      EventSchema(
        name: "thread_stats",
        fields: [
          "thread_kind", "thread", "moment", "known", "run_ns", "wait_ns", "voluntary_switches",
          "involuntary_switches",
        ])
    case .eventTotals:
      EventSchema(
        name: "event_totals", fields: ["thread_kind", "thread", "moment", "threads", "emitted"])
    case .emissionTrialInfo:
      EventSchema(name: "emission_trial_info", fields: ["round", "number", "begun", "tsc"])
    case .emissionInfo:
      EventSchema(name: "emission_info", fields: ["rounds", "events", "fastest", "median"])
    case .kvmCounterInfo:
      EventSchema(
        name: "kvm_counter_info",
        fields: [
          "scope", "counter", "name", "type", "unit", "base", "exponent", "size", "bucket_size",
        ])
    }
  }

  /// Exits: the one event or, with `--trace-rip`, the other; the first fields are the same.
  package static let exits: [EventTag] = [.vcpuRunExit, .vcpuRunExitRip]

  /// Name as in a trace's metadata.
  package var qualifiedName: String { "exeunt:\(schema.name)" }

  /// All fields of these events, with the raw values as tags.
  ///
  /// - Parameter tags: The events wanted.
  package static func selection(_ tags: [EventTag] = allCases) -> FieldSelection {
    var selection = FieldSelection()
    for tag in tags {
      selection.select(event: tag.qualifiedName, tag: tag.rawValue, fields: tag.schema.fields)
    }
    return selection
  }
}

/// KVM's own counters (KVM_GET_STATS_FD) in the order of the fields of `kvm_stats` and of the bits of
/// `known`.
package enum KvmCounter: Int, CaseIterable, Sendable {
  // One case for each counter, called like it.
  case exits, ioExits, mmioExits, haltExits, haltSuccessfulPoll, haltAttemptedPoll, haltWakeup, haltWaitNs,
    irqExits,
    irqWindowExits, irqInjections, nmiInjections, signalExits, requestIrqExits, hypercalls, insnEmulation,
    insnEmulationFail, tlbFlush

  /// KVM's name for it.
  package var name: String {
    var name = ""
    for character in "\(self)" {
      if character.isUppercase { name += "_" }
      name += character.lowercased()
    }
    return name
  }
}

/// Names of the values of enumerations, as in the catalogue.
package enum ValueName {
  /// `thread_kind`.
  package static let threadKind = ["vcpu", "loop", "main"]
  /// `exit_reason`: KVM_EXIT_* of linux/kvm.h.
  package static let exitReason = [
    "unknown", "exception", "io", "hypercall", "debug", "hlt", "mmio", "irq_window_open", "shutdown",
    "fail_entry",
    "intr", "set_tpr", "tpr_access", "s390_sieic", "s390_reset", "dcr", "nmi", "internal_error", "osi",
    "papr_hcall", "s390_ucontrol", "watchdog", "s390_tsch", "epr", "system_event", "s390_stsi", "ioapic_eoi",
    "hyperv", "arm_nisv", "x86_rdmsr", "x86_wrmsr", "dirty_ring_full", "ap_reset_hold", "x86_bus_lock", "xen",
    "riscv_sbi", "riscv_csr", "notify", "loongarch_iocsr", "memory_fault",
  ]
  /// `direction`.
  package static let direction = ["none", "in", "out"]
  /// `source_kind`.
  package static let sourceKind = [
    "kick", "timer", "serial_input", "signal", "statistics", "control", "completion",
    "packet",
  ]
  /// `poll_outcome`.
  package static let pollOutcome = ["ready", "budget_spent"]
  /// `mechanism`.
  package static let mechanism = ["irqfd", "irq_line", "signal_msi"]
  /// `address_space`.
  package static let addressSpace = ["pio", "mmio"]
  /// `request_kind`.
  package static let requestKind = [
    "doorbell", "read", "write", "flush", "transmit", "receive", "other", "entropy",
  ]
  /// `queue_fault`.
  package static let queueFault = [
    "size", "misaligned", "outside", "overlapping", "too_many_available", "head", "next", "chain_too_long",
    "indirect_not_negotiated", "indirect_length", "indirect_outside", "indirect_nested", "indirect_continued",
    "buffer", "empty_buffer", "total_too_long", "readable_after_writable", "request",
  ]
  /// `backend_work`.
  package static let backendWork = [
    "read", "write", "durable_write", "flush", "send", "receive", "random", "discard", "zero",
    "bounced_read", "bounced_write", "bounced_durable_write",
  ]
  /// `notification`.
  package static let notification = ["suppressed", "interrupt"]
  /// `stats_scope`.
  package static let statsScope = ["vm", "vcpu"]
  /// `stats_moment`.
  package static let statsMoment = ["start", "periodic", "end", "limit"]
  /// `counter_type`.
  package static let counterType = [
    "cumulative", "instant", "peak", "linear_histogram", "logarithmic_histogram",
  ]
  /// `counter_unit`.
  package static let counterUnit = ["none", "bytes", "seconds", "cycles", "boolean"]

  /// The name of an exit reason, or its number.
  package static func exitReason(_ value: UInt8) -> String {
    Int(value) < exitReason.count ? exitReason[Int(value)] : "reason \(value)"
  }
}
