/// Where the time of a vCPU or a loop went; all times in ns.
public struct ThreadTimes: Sendable, Equatable {
  /// Id of the vCPU or loop.
  public let id: Int
  /// Time of its first event, ns since the clock's origin.
  public let first: Int64
  /// Time of its last event, ns since the clock's origin.
  public let last: Int64
  /// Up to when events before its first one may be missing, ns since the clock's origin; `Int64.min`: none is.
  public let missingBefore: Int64
  /// By ``TimeCategory``; adds up to `last - first`.
  public let times: [Int64]
  /// The category it was in after its last event.
  public let finalCategory: Int
  /// No gap overlaps the time from its last event to the end of the trace.
  public let isFinalCategoryProven: Bool
  /// Events that did not follow from the one before although nothing is known to be lost.
  public let unexplained: UInt64
  /// The trace has events of it, not only a description.
  public let hasEvents: Bool
}

/// What is known of a vCPU.
public struct VcpuResult: Sendable, Equatable {
  /// Where its time went.
  public let times: ThreadTimes
  /// Exits by reason; reasons from 63 on share the last one.
  public let reasons: [UInt64]
  /// Exits recorded.
  public let exits: UInt64
  /// Enters recorded.
  public let enters: UInt64
  /// Exits whose enter is not in the trace.
  public let exitsWithoutEnter: UInt64
  /// Exits whose next enter is not in the trace.
  public let exitsWithoutReentry: UInt64
  /// Enters whose exit is not in the trace.
  public let entersWithoutExit: UInt64
  /// Exits that are missing according to the sequence numbers.
  public let missingExits: UInt64
  /// Sequence numbers that went backwards.
  public let restarts: UInt64
  /// Dispatches cut by lost events or out of sequence.
  public let brokenDispatches: UInt64
  /// Requests on its thread whose begin or end could not be paired.
  public let unmatchedRequests: UInt64
}

/// What is known of a loop.
public struct LoopResult: Sendable, Equatable {
  /// Where its time went.
  public let times: ThreadTimes
  /// Returns from its wait.
  public let wakeups: UInt64
  /// Of these with nothing ready.
  public let timeouts: UInt64
  /// Ready sources in all wakeups.
  public let ready: UInt64
  /// Returns from its wait between its first and its last event that are missing by their numbers; nil: its polls have
  /// numbers too.
  public let missingWakeups: UInt64?
  /// Times it polled before a wait.
  public let polls: UInt64
  /// Of these that found something.
  public let pollsReady: UInt64
  /// Reads of kicks' eventfds.
  public let signals: UInt64
  /// Kicks that these reads stood for.
  public let kicks: UInt64
  /// Handlers started.
  public let handlers: UInt64
  /// Handlers cut by lost events or out of sequence.
  public let brokenHandlers: UInt64
  /// Requests on its thread whose begin or end could not be paired.
  public let unmatchedRequests: UInt64
  /// How long it was asleep.
  public let sleeps: LatencySummary
}

/// Exits of one kind: reason, direction and address, and the vCPU if the analysis separates vCPUs.
public struct ExitResult: Sendable, Equatable {
  /// nil: all vCPUs.
  public let vcpu: Int?
  /// KVM_EXIT_*.
  public let reason: UInt8
  /// `direction` of the catalogue.
  public let direction: UInt8
  /// Port, guest physical address, MSR, or 0.
  public let address: UInt64
}

/// A path to a device.
public struct PathResult: Sendable, Equatable {
  /// How the device was reached.
  public let kind: PathKind
  /// Its id, 65535: none.
  public let device: Int
  /// Queue, 65535: none; for ``PathKind/loopOther`` the source kind.
  public let queue: Int
  /// Handlers that ran.
  public let handlers: UInt64
  /// Requests that they took.
  public let requests: UInt64
  /// Handlers that raised an interrupt.
  public let interrupted: UInt64
  /// Reads of the kick's eventfd.
  public let signals: UInt64
  /// Kicks that these stood for.
  public let kicks: UInt64
  /// The most kicks in one read.
  public let mostKicks: UInt64
  /// Guest stamps.
  public let stamps: UInt64
  /// Guest stamps that could not be placed on the trace's clock.
  public let unmappedStamps: UInt64
  /// Handlers whose first stamp is later than the wakeup.
  public let alreadyAwake: UInt64
  /// By ``PathStage``.
  public let stages: [LatencySummary]

  /// The latencies of a stage.
  public subscript(_ stage: PathStage) -> LatencySummary { stages[stage.rawValue] }
}

/// Contended waits for a lock.
public struct LockResult: Sendable, Equatable {
  /// Its id.
  public let lock: Int
  /// Waits whose begin and end are proven.
  public let wait: LatencySummary
}

/// Interrupts that a device raised.
public struct InterruptResult: Sendable, Equatable {
  /// Device id.
  public let device: Int
  /// By `mechanism` of the catalogue.
  public let byMechanism: [UInt64]
}

/// Everything that an analysis found, apart from histograms: a plain value.
public struct AnalysisResult: Sendable, Equatable {
  /// Time of the first event, ns since the clock's origin; nil without events.
  public let begin: Int64?
  /// Time of the last event.
  public let end: Int64?
  /// Events by ``EventTag``.
  public let events: [UInt64]
  /// Gaps in any stream.
  public let gaps: UInt64
  /// Events of vCPUs and loops whose ids are beyond what is analysed.
  public let strangers: UInt64
  /// vCPUs by id.
  public let vcpus: [VcpuResult]
  /// Loops by id.
  public let loops: [LoopResult]
  /// Paths by kind, device and queue.
  public let paths: [PathResult]
  /// About how many further paths there are.
  public let otherPaths: UInt64
  /// Requests by device, queue and kind.
  public let requests: [RequestResult]
  /// Contended locks by id.
  public let locks: [LockResult]
  /// Interrupts by device.
  public let interrupts: [InterruptResult]
  /// All that was counted.
  public let counts: ExitCounts
  /// Guest marks written.
  public let markCount: UInt64
  /// The earliest guest marks.
  public let marks: [GuestMark]
  /// The latest guest mark before the window analysed; nil: there is none, or all of the trace is analysed.
  public let markBefore: GuestMark?
  /// KVM's own counters.
  public let samples: [KvmScope: KvmSamples]
  /// Values of KVM's other counters.
  public let counters: [KvmScope: CounterReadings]
  /// What the host knew of threads.
  public let threadReadings: [ThreadName: ThreadReadings]
  /// What the trace says about the machine.
  public let dump: StateDump
}

extension SliceAnalysis {
  /// What was found; the slice can go on.
  public func result() -> AnalysisResult {
    let unmatched = core.pointee.requests.unmatched(gapEnd: core.pointee.gapEnd)
    let hasEvents = core.pointee.begin <= core.pointee.end
    return AnalysisResult(
      begin: hasEvents ? core.pointee.begin : nil, end: hasEvents ? core.pointee.end : nil,
      events: (0..<EventTag.allCases.count).map { core.pointee.events[$0] }, gaps: core.pointee.gaps,
      strangers: core.pointee.strangers,
      vcpus: all(.vcpu, described: core.pointee.dump.vcpus.keys).map {
        vcpu($0, $1, unmatched)
      },
      loops: all(.loop, described: core.pointee.dump.loops.keys).map {
        loop($0, $1, unmatched)
      },
      paths: paths(),
      otherPaths: core.pointee.paths.table.othersEstimate,
      requests: core.pointee.requests.results(gapEnd: core.pointee.gapEnd),
      locks: locks(),
      interrupts: (0...Limits.devices).compactMap { device in
        let counts = (0..<Core.mechanisms).map { core.pointee.interrupts[device * Core.mechanisms + $0] }
        return counts.contains { $0 > 0 } ? InterruptResult(device: device, byMechanism: counts) : nil
      },
      counts: core.pointee.counts, markCount: core.pointee.markCount, marks: core.pointee.marks,
      markBefore: core.pointee.markBefore,
      samples: core.pointee.samples, counters: core.pointee.counters,
      threadReadings: core.pointee.threadReadings, dump: core.pointee.dump)
  }

  /// The threads of a kind that the trace has events of or describes, in order.
  private func all(_ kind: ThreadKind, described: some Collection<Int>)
    -> [(Int, UnsafeMutablePointer<ThreadState>?)]
  {
    let first = kind == .vcpu ? 0 : Core.loopBase
    let limit = kind == .vcpu ? Limits.vcpus : Limits.loops
    let described = Set(described)
    return (0..<limit).compactMap { id in
      let thread = core.pointee.threads[first + id]
      if let thread, thread.pointee.clock.started { return (id, thread) }
      return described.contains(id) ? (id, nil) : nil
    }
  }

  /// - Parameter thread: nil: the trace describes it only.
  private func times(_ id: Int, _ thread: UnsafeMutablePointer<ThreadState>?) -> ThreadTimes {
    guard let thread else {
      let begin = core.pointee.begin
      return ThreadTimes(
        id: id, first: begin, last: begin, missingBefore: .min,
        times: [Int64](repeating: 0, count: TimeCategory.count), finalCategory: TimeCategory.unknown,
        isFinalCategoryProven: core.pointee.gapEnd <= begin, unexplained: 0, hasEvents: false)
    }
    let clock = thread.pointee.clock
    return ThreadTimes(
      id: id, first: clock.first, last: clock.last, missingBefore: clock.missingBefore,
      times: (0..<TimeCategory.count).map { thread.pointee.totals.times[$0] }, finalCategory: clock.category,
      isFinalCategoryProven: core.pointee.gapEnd <= clock.last,
      unexplained: thread.pointee.totals.unexplained, hasEvents: true)
  }

  private func vcpu(
    _ id: Int, _ thread: UnsafeMutablePointer<ThreadState>?, _ unmatched: [Int: UInt64]
  ) -> VcpuResult {
    let totals = thread?.pointee.exitTotals ?? ExitTotals()
    return VcpuResult(
      times: times(id, thread),
      reasons: (0..<ThreadState.reasonCount).map { thread?.pointee.reasons[$0] ?? 0 },
      exits: totals.exits, enters: totals.enters, exitsWithoutEnter: totals.exitsWithoutEnter,
      exitsWithoutReentry: totals.exitsWithoutReentry, entersWithoutExit: totals.entersWithoutExit,
      missingExits: totals.missingExits, restarts: totals.restarts,
      brokenDispatches: thread?.pointee.brokenHandlers ?? 0,
      unmatchedRequests: thread.flatMap { unmatched[$0.pointee.index] } ?? 0)
  }

  /// Of one process's recording only: another one counts from 0.
  private func missingWakeups(_ thread: UnsafeMutablePointer<ThreadState>?) -> UInt64? {
    guard let thread, let loop = thread.pointee.loop, loop.polls == 0, core.pointee.dump.machines.count < 2
    else { return nil }
    let all = thread.pointee.clock.wakeups
    return all >> 31 > 0 ? nil : all &- min(all, loop.wakeups)
  }

  private func loop(
    _ id: Int, _ thread: UnsafeMutablePointer<ThreadState>?, _ unmatched: [Int: UInt64]
  ) -> LoopResult {
    let loop = thread?.pointee.loop
    return LoopResult(
      times: times(id, thread), wakeups: loop?.wakeups ?? 0, timeouts: loop?.timeouts ?? 0,
      ready: loop?.ready ?? 0, missingWakeups: missingWakeups(thread),
      polls: loop?.polls ?? 0, pollsReady: loop?.pollsReady ?? 0, signals: loop?.signals ?? 0,
      kicks: loop?.kicks ?? 0, handlers: loop?.handlers ?? 0,
      brokenHandlers: thread?.pointee.brokenHandlers ?? 0,
      unmatchedRequests: thread.flatMap { unmatched[$0.pointee.index] } ?? 0,
      sleeps: loop.map { LatencySummary($0.sleeps) } ?? LatencySummary())
  }

  private func paths() -> [PathResult] {
    var results: [PathResult] = []
    core.pointee.paths.forEach { key, row in
      results.append(
        PathResult(
          kind: PathKind(rawValue: Int(key.high)) ?? .loopOther, device: Int(key.low >> 16),
          queue: Int(key.low & 0xffff), handlers: row.handlers, requests: row.requests,
          interrupted: row.interrupted, signals: row.signals, kicks: row.kicks, mostKicks: row.mostKicks,
          stamps: row.stamps, unmappedStamps: row.unmappedStamps, alreadyAwake: row.alreadyAwake,
          stages: (0..<PathStage.allCases.count).map {
            row.stages[$0].map { LatencySummary($0) } ?? LatencySummary()
          }))
    }
    return results.sorted {
      ($0.device, $0.queue, $0.kind.rawValue) < ($1.device, $1.queue, $1.kind.rawValue)
    }
  }

  private func locks() -> [LockResult] {
    var results: [LockResult] = []
    core.pointee.locks.forEach { key, row in
      results.append(LockResult(lock: Int(clamping: key.low), wait: LatencySummary(row.wait)))
    }
    return results.sorted { $0.lock < $1.lock }
  }
}
