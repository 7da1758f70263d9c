/// Everything that an analysis found, apart from histograms: a plain value.
package struct AnalysisResult: Sendable, Equatable {
  /// Time of the first event, ns since the clock's origin; nil without events.
  package let begin: Int64?
  /// Time of the last event.
  package let end: Int64?
  /// Events by ``EventTag``.
  package let events: [UInt64]
  /// Gaps in any stream.
  package let gaps: UInt64
  /// Events of vCPUs and loops whose ids are beyond what is analysed.
  package let unanalysed: UInt64
  /// vCPUs by id.
  package let vcpus: [VcpuResult]
  /// Loops by id.
  package let loops: [LoopResult]
  /// Paths by kind, device and queue.
  package let paths: [PathResult]
  /// About how many further paths there are.
  package let otherPaths: UInt64
  /// Requests by device, queue and kind.
  package let requests: [RequestResult]
  /// How long the stages of requests took, by device and queue.
  package let requestStages: [RequestStagesResult]
  /// Queues whose devices tell of more than requests, by device and queue.
  package let queues: [QueueResult]
  /// Contended locks by id.
  package let locks: [LockResult]
  /// Queues that the guest broke.
  package let brokenQueues: [BrokenQueueResult]
  /// Interrupts by device.
  package let interrupts: [InterruptResult]
  /// All that was counted.
  package let counts: ExitCounts
  /// Guest marks written.
  package let markCount: UInt64
  /// The earliest guest marks.
  package let marks: [GuestMark]
  /// The latest guest mark before the window analysed; nil: there is none, or all of the trace is analysed.
  package let markBefore: GuestMark?
  /// KVM's own counters.
  package let samples: [KvmScope: KvmSamples]
  /// Values of KVM's other counters.
  package let counters: [KvmScope: CounterReadings]
  /// What the host knew of threads.
  package let threadReadings: [ThreadName: ThreadReadings]
  /// What the trace says about the machine.
  package let dump: StateDump
}

extension SliceAnalysis {
  /// What was found; the slice can go on.
  package func result() -> AnalysisResult {
    let unmatched = state.pointee.requests.unmatched(gapEnd: state.pointee.gapEnd)
    let hasEvents = state.pointee.begin <= state.pointee.end
    return AnalysisResult(
      begin: hasEvents ? state.pointee.begin : nil, end: hasEvents ? state.pointee.end : nil,
      events: (0..<EventTag.allCases.count).map { state.pointee.events[$0] }, gaps: state.pointee.gaps,
      unanalysed: state.pointee.unanalysed,
      vcpus: all(.vcpu, described: state.pointee.dump.vcpus.keys).map {
        vcpu($0, $1, unmatched)
      },
      loops: all(.loop, described: state.pointee.dump.loops.keys).map {
        loop($0, $1, unmatched)
      },
      paths: paths(),
      otherPaths: state.pointee.paths.table.othersEstimate,
      requests: state.pointee.requests.results(gapEnd: state.pointee.gapEnd),
      requestStages: state.pointee.requests.stageResults(),
      queues: state.pointee.queues.results(gapEnd: state.pointee.gapEnd, end: state.pointee.end),
      locks: locks(), brokenQueues: state.pointee.brokenQueues.results(),
      interrupts: state.pointee.interrupts.results(),
      counts: state.pointee.counts, markCount: state.pointee.markCount, marks: state.pointee.marks,
      markBefore: state.pointee.markBefore,
      samples: state.pointee.samples, counters: state.pointee.counters,
      threadReadings: state.pointee.threadReadings, dump: state.pointee.dump)
  }

  /// The threads of a kind that the trace has events of or describes, in order.
  private func all(_ kind: ThreadKind, described: some Collection<Int>)
    -> [(Int, UnsafeMutablePointer<ThreadState>?)]
  {
    let first = kind == .vcpu ? 0 : AnalysisState.loopBase
    let limit = kind == .vcpu ? Limits.vcpus : Limits.loops
    let described = Set(described)
    return (0..<limit).compactMap { id in
      let thread = state.pointee.threads[first + id]
      if let thread, thread.pointee.clock.started { return (id, thread) }
      return described.contains(id) ? (id, nil) : nil
    }
  }
}
