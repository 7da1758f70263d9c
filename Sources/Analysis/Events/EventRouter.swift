import CTF

/// Routes events to the trackers: the one place that says which event goes where.
extension UnsafeMutablePointer where Pointee == AnalysisState {
  /// Applies the rows of a run in order.
  func consume(_ run: EventRun) {
    var row = run.base
    for _ in 0..<run.count {
      let tag = Row.tag(row)
      if let event = EventTag(tag: tag) {
        let timestamp = Row.timestamp(row)
        pointee.events[Int(tag)] &+= 1
        if timestamp < pointee.begin { pointee.begin = timestamp }
        if timestamp > pointee.end { pointee.end = timestamp }
        route(event, row, run)
      } else if tag == Row.gapTag {
        gap(StreamGap(row: row))
      }
      row += run.stride
    }
  }

  @inline(__always)
  private func route(_ event: EventTag, _ row: UnsafePointer<UInt64>, _ run: EventRun) {
    switch event {
    case .vcpuRunEnter: enter(row)
    case .vcpuRunExit: exit(row)
    case .vcpuRunExitRip: exitWithInstruction(row)
    case .dispatchBegin: dispatchBegin(row)
    case .dispatchEnd: dispatchEnd(row)
    case .coalescedBegin: coalescedBegin(row)
    case .coalescedEnd: coalescedEnd(row)
    case .lockWait: lockWait(row)
    case .lockAcquired: lockAcquired(row)
    case .lockReleased: lockReleased(row)
    case .loopWait: wait(row)
    case .loopWakeup: wakeup(row)
    case .pollBegin: pollBegin(row)
    case .pollEnd: pollEnd(row)
    case .handlerBegin: handlerBegin(row)
    case .handlerEnd: handlerEnd(row)
    case .ioeventfdSignal: signal(row)
    case .requestBegin: requestBegin(row)
    case .requestEnd: requestEnd(row)
    case .backendSubmit: backendSubmit(row)
    case .backendComplete: backendComplete(row)
    case .queuePublished: queuePublished(row)
    case .queueKicked: queueKicked(row)
    case .interrupt: interrupt(row)
    case .queueBroken: queueBroken(row)
    case .guestKickStamp: kickStamp(row)
    case .guestMark: mark(row)
    case .kvmStats: statistics(EventPlace(row: row), KvmStats(row: row))
    case .kvmCounter: counter(KvmCounterEvent(row: row))
    case .threadStats: threadStatistics(EventPlace(row: row), ThreadStats(row: row))
    case .eventTotals:
      eventTotals(EventPlace(row: row), EventTotalsEvent(row: row), run: pointee.run(of: run.stream))
    case .emissionTrialInfo: break
    case .vmInfo, .vcpuInfo, .loopInfo, .deviceInfo, .ioeventfdInfo, .kvmCounterInfo, .emissionInfo:
      describe(event, row, run)
    case .clockSync:
      pointee.clockSyncs &+= 1
      synchronize()
    }
  }

  /// Counts an event of a thread that is neither an enter nor an exit.
  @inline(__always)
  private func count(_ thread: UnsafeMutablePointer<ThreadState>) { thread.pointee.otherEvents &+= 1 }

  @inline(never)
  private func gap(_ gap: StreamGap) {
    pointee.gaps &+= 1
    pointee.gapEnd = Swift.max(pointee.gapEnd, gap.end)
  }

  // Each kind of event has a function of its own: what is inlined into one function would be too much for the
  // optimizer, and with a constant operation the trackers' steps shrink to what that operation needs.

  // MARK: vCPUs

  @inline(never)
  private func enter(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), VcpuRunEnter(row: row))
    guard let thread = vcpu(event.vcpu) else { return }
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    exits(
      thread,
      ExitStep(
        timestamp: at.timestamp, location: at.location, site: Key(high: 0, low: 0), seq: event.seq,
        isExit: false, isCounted: false, epoch: pointee.markCount))
    leaves(thread, PathRow(at, .leave, event.seq, .exitAccess, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func exit(_ row: UnsafePointer<UInt64>) {
    exit(EventPlace(row: row), VcpuRunExit(row: row), instruction: .noInstruction)
  }

  @inline(never)
  private func exitWithInstruction(_ row: UnsafePointer<UInt64>) {
    let event = VcpuRunExitRip(row: row)
    exit(EventPlace(row: row), event.exit, instruction: instruction(of: event))
  }

  @inline(__always)
  private func exit(_ at: EventPlace, _ event: VcpuRunExit, instruction: Key) {
    guard let thread = vcpu(event.vcpu) else { return }
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    exit(thread, at, event, instruction)
    arrives(thread, PathRow(at, .arrive, event.seq, .exitAccess, gapEnd: pointee.gapEnd))
    thread.pointee.arrival.arrive(event.seq, at: at.timestamp)
  }

  @inline(never)
  private func dispatchBegin(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), DispatchBegin(row: row))
    // On a loop a dispatch is a part of the handler around it, which the time is counted for.
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    guard thread.pointee.kind == .vcpu else { return }
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    begins(
      thread,
      PathRow(at, .begin, event.seq, .exitAccess, device: event.device, queue: 0xffff, gapEnd: pointee.gapEnd)
    )
  }

  @inline(never)
  private func dispatchEnd(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), DispatchEnd(row: row))
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    thread.pointee.arrival.close()
    guard thread.pointee.kind == .vcpu else { return }
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    ends(
      thread,
      PathRow(at, .end, event.seq, .exitAccess, device: event.device, queue: 0xffff, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func coalescedBegin(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), CoalescedBegin(row: row))
    pointee.counts.coalesced &+= 1
    guard let thread = vcpu(event.vcpu) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    coalesced(thread, CoalescedStep(event, at, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func coalescedEnd(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), CoalescedEnd(row: row))
    guard let thread = vcpu(event.vcpu) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    coalesced(thread, CoalescedStep(event, at, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func mark(_ row: UnsafePointer<UInt64>) {
    let event = GuestMarkEvent(row: row)
    if let thread = vcpu(event.vcpu) { count(thread) }
    mark(EventPlace(row: row), event)
  }

  // MARK: Locks

  @inline(never)
  private func lockWait(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), LockWait(row: row))
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func lockAcquired(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), LockAcquired(row: row))
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func lockReleased(_ row: UnsafePointer<UInt64>) {
    let event = LockReleased(row: row)
    if let thread = thread(kind: event.threadKind, id: event.thread) { count(thread) }
  }

  // MARK: Loops

  @inline(never)
  private func wait(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), LoopWait(row: row))
    guard let thread = loop(event.loop) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    sleeps(
      thread,
      SleepStep(timestamp: at.timestamp, location: at.location, seq: event.seq, isWakeup: false))
    leaves(thread, PathRow(at, .leave, event.seq, .loopKick, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func wakeup(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), LoopWakeup(row: row))
    guard let thread = loop(event.loop) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    sleeps(
      thread,
      SleepStep(timestamp: at.timestamp, location: at.location, seq: event.seq, isWakeup: true))
    thread.pointee.loop?.wakeups &+= 1
    thread.pointee.loop?.ready &+= event.ready
    if event.ready == 0 { thread.pointee.loop?.timeouts &+= 1 }
    arrives(thread, PathRow(at, .arrive, event.seq, .loopKick, gapEnd: pointee.gapEnd))
    thread.pointee.arrival.arrive(event.seq, at: at.timestamp)
  }

  @inline(never)
  private func pollBegin(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), PollBegin(row: row))
    guard let thread = loop(event.loop) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    thread.pointee.loop?.poll(budget: event.budget, timestamp: at.timestamp, location: at.location)
    polls(thread, PollStep(timestamp: at.timestamp, seq: event.seq, isEnd: false, isHit: false))
  }

  @inline(never)
  private func pollEnd(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), PollEnd(row: row))
    guard let thread = loop(event.loop) else { return }
    count(thread)
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    polls(
      thread, PollStep(timestamp: at.timestamp, seq: event.seq, isEnd: true, isHit: event.outcome == 0))
    guard event.outcome == 0 else { return }
    // Handlers follow at once, without wait and wakeup.
    thread.pointee.loop?.pollsReady &+= 1
    arrives(thread, PathRow(at, .arrive, event.seq, .loopKick, gapEnd: pointee.gapEnd))
    thread.pointee.arrival.arrive(event.seq, at: at.timestamp)
  }

  @inline(never)
  private func handlerBegin(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), HandlerBegin(row: row))
    guard let thread = loop(event.loop) else { return }
    count(thread)
    thread.pointee.loop?.handlers &+= 1
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    let target = HandlerTarget(event)
    begins(
      thread,
      PathRow(
        at, .begin, event.seq, target.path, device: target.device, queue: target.queue,
        gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func handlerEnd(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), HandlerEnd(row: row))
    guard let thread = loop(event.loop) else { return }
    count(thread)
    thread.pointee.arrival.close()
    clock(thread, ClockStep(event, at, gapEnd: pointee.gapEnd))
    let target = HandlerTarget(event)
    ends(
      thread,
      PathRow(
        at, .end, event.seq, target.path, device: target.device, queue: target.queue, gapEnd: pointee.gapEnd))
  }

  @inline(never)
  private func signal(_ row: UnsafePointer<UInt64>) {
    let event = IoeventfdSignal(row: row)
    pointee.counts.kicks &+= event.counter
    guard let thread = loop(event.loop) else { return }
    count(thread)
    thread.pointee.loop?.signals &+= 1
    thread.pointee.loop?.kicks &+= event.counter
    let path = statistics(
      thread, PathStatistics.key(kind: .loopKick, device: event.device, queue: event.queue))
    path.pointee.signals &+= 1
    path.pointee.kicks &+= event.counter
    path.pointee.mostKicks = Swift.max(path.pointee.mostKicks, event.counter)
  }

  // MARK: Devices

  @inline(never)
  private func requestBegin(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), RequestBegin(row: row))
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    contents(thread) { $0.beginRequest(event.seq, queue: event.queue, at: at.timestamp) }
    pointee.requests.step(event, at, thread: thread.pointee.index, gapEnd: pointee.gapEnd)
    pointee.queues.step(event, at, thread: thread.pointee.index, gapEnd: pointee.gapEnd)
    guard let key = RequestStep.key(device: event.device, queue: event.queue, id: event.id) else { return }
    thread.pointee.arrival.step(
      RequestArrivalStep(
        timestamp: at.timestamp, location: at.location, gapEnd: pointee.gapEnd, request: key, seq: event.seq,
        isLoop: thread.pointee.kind == .loop), &pointee.requests.stages)
  }

  @inline(never)
  private func requestEnd(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), RequestEnd(row: row))
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    let kick = pointee.requests.step(
      event, at, thread: thread.pointee.index, gapEnd: pointee.gapEnd)
    pointee.queues.step(event, at, gapEnd: pointee.gapEnd)
    // Of one that was given up no interrupt tells, and nobody was waiting for it.
    guard event.status != UInt64(RequestStep.givenUp) else { return }
    contents(thread) { $0.complete(event.seq, at: at.timestamp) }
    guard let key = RequestStep.key(device: event.device, queue: event.queue, id: event.id) else { return }
    thread.pointee.arrival.push(
      PushedRequest(timestamp: at.timestamp, location: at.location, queue: key >> 32, kick: kick))
  }

  @inline(never)
  private func backendSubmit(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), BackendSubmit(row: row))
    pointee.queues.step(event)
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    pointee.requests.step(
      .submit, of: RequestStep.key(device: event.device, queue: event.queue, id: event.id), at,
      thread: thread.pointee.index, gapEnd: pointee.gapEnd)
  }

  @inline(never)
  private func backendComplete(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), BackendComplete(row: row))
    pointee.queues.step(event)
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    pointee.requests.step(
      .complete, of: RequestStep.key(device: event.device, queue: event.queue, id: event.id), at,
      thread: thread.pointee.index, gapEnd: pointee.gapEnd)
  }

  @inline(never)
  private func queueKicked(_ row: UnsafePointer<UInt64>) {
    let event = QueueKicked(row: row)
    pointee.counts.exitKicks &+= 1
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    contents(thread) { $0.kicked(event.seq, queue: event.queue) }
  }

  @inline(never)
  private func queuePublished(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), QueuePublished(row: row))
    pointee.queues.step(event, at, gapEnd: pointee.gapEnd)
    if let thread = thread(kind: event.threadKind, id: event.thread) { count(thread) }
  }

  @inline(never)
  private func interrupt(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), Interrupt(row: row))
    pointee.interrupts.step(event)
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    contents(thread) { $0.interrupt(event.seq, at: at.timestamp) }
    thread.pointee.arrival.interrupt(
      RequestInterruptStep(timestamp: at.timestamp, gapEnd: pointee.gapEnd, device: event.device),
      &pointee.requests)
  }

  @inline(never)
  private func queueBroken(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), QueueBroken(row: row))
    pointee.brokenQueues.step(event, at)
    if let thread = thread(kind: event.threadKind, id: event.thread) { count(thread) }
  }

  @inline(never)
  private func kickStamp(_ row: UnsafePointer<UInt64>) {
    let (at, event) = (EventPlace(row: row), GuestKickStamp(row: row))
    guard let thread = thread(kind: event.threadKind, id: event.thread) else { return }
    count(thread)
    let kind: PathKind = thread.pointee.kind == .vcpu ? .exitKick : .loopKick
    let path = statistics(
      thread, PathStatistics.key(kind: kind, device: event.device, queue: event.queue))
    path.pointee.stamps &+= 1
    // One that is centuries away is no guest's.
    guard let kick = pointee.configuration.calibration?.timestamp(guestTSC: event.tsc),
      (-StateCoder.longest...StateCoder.longest).contains(kick)
    else {
      path.pointee.unmappedStamps &+= 1
      return
    }
    path.pointee.record(
      .kickToPickup, at.timestamp &- kick, timestamp: at.timestamp, location: at.location)
    contents(thread) { $0.kick(event.seq, at: kick) }
    let index = thread.pointee.index
    pointee.requests.step(event, kick: kick, at, thread: index, gapEnd: pointee.gapEnd)
    guard let key = RequestStep.key(device: event.device, queue: event.queue, id: event.id) else { return }
    thread.pointee.arrival.step(
      RequestArrivalStep(
        timestamp: at.timestamp, location: at.location, gapEnd: pointee.gapEnd, request: key, seq: event.seq,
        isLoop: thread.pointee.kind == .loop, stamp: kick), &pointee.requests.stages)
  }
}
