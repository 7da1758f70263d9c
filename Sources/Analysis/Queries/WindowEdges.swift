import CTF

/// Where a window of a trace begins and ends in the middle of things. What a thread is doing at an edge is known from
/// its events outside, so the time of a window adds up as that of a whole trace does; what is counted and measured
/// are events inside.
extension SliceAnalysis {
  /// An analysis that goes on at `moment` with the state that this one is in, with nothing counted yet.
  func opened(at moment: Int64) -> SliceAnalysis {
    let opened = SliceAnalysis(state.pointee.configuration, gapEnd: gapEnd)
    opened.state.pointee.dump = state.pointee.dump
    opened.state.pointee.requests.free()
    opened.state.pointee.requests = .opened(state.pointee.requests)
    opened.state.pointee.queues.free()
    opened.state.pointee.queues = state.pointee.queues.opened(at: moment, gapEnd: gapEnd)
    opened.state.pointee.markBefore = state.pointee.lastMark
    for index in 0..<AnalysisState.threadCount {
      guard let from = state.pointee.threads[index] else { continue }
      let into = opened.state.makeThread(index, from.pointee.kind, from.pointee.id)
      into.pointee.open(from.pointee, at: moment, gapEnd: gapEnd)
    }
    return opened
  }

  /// Gives the time up to `moment`, the end of the window, to what each thread's next event says it was spent on, and to
  /// the requests in flight.
  func close(at moment: Int64, _ trace: Trace) {
    var open: Set<Int> = []
    for index in 0..<AnalysisState.main {
      guard let clock = state.pointee.threads[index]?.pointee.clock, clock.started else { continue }
      // What waits goes on where nothing can have ended it.
      if !clock.waits || gapEnd > clock.last { open.insert(index) }
    }
    // Beyond the last event nothing is known.
    if let end = TraceSpan.end(of: trace) { closeQueues(at: min(moment, end)) }
    ClockStep.first(of: open, from: moment, in: trace, gapEnd: gapEnd) { index, step in
      guard let thread = state.pointee.threads[index] else { return }
      _ = withUnsafeMutablePointer(to: &thread.pointee.totals) {
        thread.pointee.clock.step(step, totals: $0)
      }
    }
  }

  /// Counts the requests in flight up to `moment`, the end of the window.
  func closeQueues(at moment: Int64) { state.pointee.queues.close(at: moment, gapEnd: gapEnd) }

  /// Takes the state dump from after the window where there is none before: a session that attaches to a running VMM
  /// gets it a little later than its first events.
  func describe(from moment: Int64, _ trace: Trace) {
    guard state.pointee.dump.machines.isEmpty else { return }
    let later = SliceAnalysis()
    let tags: [EventTag] = [.vmInfo, .vcpuInfo, .loopInfo, .deviceInfo, .ioeventfdInfo, .kvmCounterInfo]
    var rows = MergedRows(trace, selection: EventTag.selection(tags), window: moment..<Int64.max)
    while let run = rows.nextRun() { later.consume(run) }
    state.pointee.dump.add(later.state.pointee.dump)
  }
}

extension ThreadState {
  /// Takes over the state, not the statistics, that a thread has at the beginning of a window.
  mutating func open(_ before: ThreadState, at moment: Int64, gapEnd: Int64) {
    clock = before.clock
    if clock.started {
      // Only the end of a wait tells by its number that nothing else happened.
      if gapEnd > clock.last && !clock.waits { clock.category = TimeCategory.unknown }
      clock.open(at: moment)
    }
    exits = before.exits
    if exits.last.isExit { exits.last.isCounted = false }
    exits.openedAt = moment
    path = before.path
    path.isFinished = false
    arrival = before.arrival.opened()
    sleep = before.sleep
  }
}

extension Trace {
  /// The moment from which on every stream is there. A snapshot, a chunk of a rotated session and a limited number of
  /// files begin in the middle of a recording, each stream at another time; before the last of them has begun, events
  /// can be missing as in a gap. Recordings that follow each other do not make gaps of this kind in one another.
  var completeFrom: Int64 {
    guard members.count == 1 else { return .min }
    return streams.lazy.filter { $0.earlierPackets > 0 }.compactMap(\.begin).max() ?? .min
  }
}

extension ThreadClock {
  /// The state lasts until an event ends it.
  var waits: Bool { category == TimeCategory.inKvmRun || category == TimeCategory.asleep }
}
