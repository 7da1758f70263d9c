import CTF

extension UnsafeMutablePointer where Pointee == Core {
  /// Applies the rows of a run in order.
  func walk(_ run: EventRun) {
    var row = run.base
    for _ in 0..<run.count {
      let tag = Row.tag(row)
      if let event = EventTag(tag: tag) {
        let timestamp = Row.timestamp(row)
        pointee.events[Int(tag)] &+= 1
        if timestamp < pointee.begin { pointee.begin = timestamp }
        if timestamp > pointee.end { pointee.end = timestamp }
        apply(event, timestamp, row, run)
      } else if tag == Row.gapTag {
        gap(row + Row.firstField)
      }
      row += run.stride
    }
  }

  @inline(__always)
  private func apply(
    _ event: EventTag, _ timestamp: Int64, _ row: UnsafePointer<UInt64>, _ run: EventRun
  ) {
    let location = row[1] >> 16
    let field = row + Row.firstField
    switch event {
    case .vcpuRunEnter: enter(timestamp, location, field)
    case .vcpuRunExit: exit(timestamp, location, field)
    case .dispatchBegin: dispatchBegin(timestamp, location, field)
    case .dispatchEnd: dispatchEnd(timestamp, location, field)
    case .lockWait, .lockAcquired: lock(event, timestamp, location, field)
    case .lockReleased: if let thread = thread(kind: field[1], id: field[2]) { count(thread) }
    case .loopWait: wait(timestamp, location, field)
    case .loopWakeup: wakeup(timestamp, location, field)
    case .pollBegin, .pollEnd: poll(event, timestamp, location, field)
    case .handlerBegin: handlerBegin(timestamp, location, field)
    case .handlerEnd: handlerEnd(timestamp, location, field)
    case .ioeventfdSignal: signal(field)
    case .requestBegin: requestBegin(timestamp, location, field)
    case .requestEnd: requestEnd(timestamp, location, field)
    case .interrupt: interrupt(timestamp, field)
    case .guestKickStamp: kickStamp(timestamp, location, field)
    case .guestMark:
      if let thread = vcpu(field[0]) { count(thread) }
      mark(timestamp, location, field)
    case .kvmStats: statistics(timestamp, field)
    case .vmInfo, .vcpuInfo, .loopInfo, .deviceInfo, .ioeventfdInfo, .clockSync, .kvmCounterInfo:
      describe(event, field, run)
    case .eventTotals: eventTotals(timestamp, field, run: pointee.run(of: run.stream))
    case .threadStats: threadStatistics(timestamp, field)
    case .kvmCounter: counter(field)
    }
  }

  /// Counts an event of a thread that is neither an enter nor an exit.
  @inline(__always)
  private func count(_ thread: UnsafeMutablePointer<ThreadState>) { thread.pointee.otherEvents &+= 1 }

  @inline(__always)
  private func clockRow(
    _ timestamp: Int64, _ location: UInt64, _ operation: ClockOperation, _ seq: UInt32, _ argument: UInt64
  ) -> ClockRow {
    ClockRow(
      timestamp: timestamp, location: location, argument: argument, gapEnd: pointee.gapEnd, seq: seq,
      operation: operation)
  }

  @inline(__always)
  private func pathRow(
    _ timestamp: Int64, _ location: UInt64, _ operation: PathOperation, _ seq: UInt32, _ device: UInt64,
    _ queue: UInt64, _ kind: PathKind
  ) -> PathRow {
    PathRow(
      timestamp: timestamp, location: location, device: device, queue: queue, gapEnd: pointee.gapEnd,
      seq: seq,
      operation: operation, kind: kind)
  }

  /// Events may be missing between the gap's begin and end, on any thread: threads move between CPUs.
  @inline(never)
  private func gap(_ field: UnsafePointer<UInt64>) {
    pointee.gaps &+= 1
    pointee.gapEnd = max(pointee.gapEnd, Int64(bitPattern: field[1]))
  }

  // Each kind of event has a function of its own: what is inlined into one function would be too much for the
  // optimizer, and with a constant operation the machines' steps shrink to what that operation needs.

  @inline(never)
  private func enter(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    guard let thread = vcpu(field[0]) else { return }
    let seq = UInt32(truncatingIfNeeded: field[1])
    clock(thread, clockRow(timestamp, location, .enter, seq, 0))
    exits(
      thread,
      ExitRow(
        timestamp: timestamp, location: location, site: Key(high: 0, low: 0), seq: seq, isExit: false,
        isCounted: false, epoch: pointee.markCount))
    path(thread, pathRow(timestamp, location, .leave, seq, 0, 0, .exitAccess))
  }

  @inline(never)
  private func exit(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    guard let thread = vcpu(field[0]) else { return }
    let seq = UInt32(truncatingIfNeeded: field[1])
    clock(thread, clockRow(timestamp, location, .exit, seq, 0))
    exit(thread, timestamp, location, seq, field)
    path(thread, pathRow(timestamp, location, .arrive, seq, 0, 0, .exitAccess))
  }

  @inline(never)
  private func dispatchBegin(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    dispatch(timestamp, location, true, field)
  }

  @inline(never)
  private func dispatchEnd(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    dispatch(timestamp, location, false, field)
  }

  @inline(never)
  private func handlerBegin(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    handler(timestamp, location, true, field)
  }

  @inline(never)
  private func handlerEnd(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    handler(timestamp, location, false, field)
  }

  @inline(never)
  private func requestBegin(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    request(timestamp, location, true, field)
  }

  @inline(never)
  private func requestEnd(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    request(timestamp, location, false, field)
  }

  @inline(never)
  private func lock(
    _ event: EventTag, _ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>
  ) {
    guard let thread = thread(kind: field[1], id: field[2]) else { return }
    count(thread)
    let operation: ClockOperation = event == .lockWait ? .lockWait : .lockAcquired
    clock(
      thread, clockRow(timestamp, location, operation, UInt32(truncatingIfNeeded: field[3]), field[0]))
  }

  @inline(never)
  private func wait(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    guard let thread = loop(field[0]) else { return }
    count(thread)
    let seq = UInt32(truncatingIfNeeded: field[1])
    clock(thread, clockRow(timestamp, location, .sleep, seq, 0))
    sleeps(thread, SleepRow(timestamp: timestamp, location: location, seq: seq, isWakeup: false))
    path(thread, pathRow(timestamp, location, .leave, seq, 0, 0, .loopKick))
  }

  @inline(never)
  private func wakeup(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    guard let thread = loop(field[0]) else { return }
    count(thread)
    let seq = UInt32(truncatingIfNeeded: field[1])
    clock(thread, clockRow(timestamp, location, .wake, seq, 0))
    sleeps(thread, SleepRow(timestamp: timestamp, location: location, seq: seq, isWakeup: true))
    thread.pointee.loop?.wakeups &+= 1
    thread.pointee.loop?.ready &+= field[2]
    if field[2] == 0 { thread.pointee.loop?.timeouts &+= 1 }
    path(thread, pathRow(timestamp, location, .arrive, seq, 0, 0, .loopKick))
  }

  @inline(never)
  private func poll(
    _ event: EventTag, _ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>
  ) {
    guard let thread = loop(field[0]) else { return }
    count(thread)
    let seq = UInt32(truncatingIfNeeded: field[1])
    guard event == .pollEnd else {
      clock(thread, clockRow(timestamp, location, .pollBegin, seq, 0))
      thread.pointee.loop?.polls &+= 1
      return
    }
    clock(thread, clockRow(timestamp, location, .pollEnd, seq, 0))
    guard field[2] == 0 else { return }
    // Handlers follow at once, without wait and wakeup.
    thread.pointee.loop?.pollsReady &+= 1
    path(thread, pathRow(timestamp, location, .arrive, seq, 0, 0, .loopKick))
  }

  @inline(__always)
  private func exit(
    _ thread: UnsafeMutablePointer<ThreadState>, _ timestamp: Int64, _ location: UInt64, _ seq: UInt32,
    _ field: UnsafePointer<UInt64>
  ) {
    let (reason, address, direction) = (field[2], field[3], field[5])
    thread.pointee.reasons[Int(min(reason, UInt64(ThreadState.reasonCount - 1)))] &+= 1
    pointee.counts.exits &+= 1
    switch reason {
    case ExitReason.io: pointee.counts.io &+= 1
    case ExitReason.mmio: pointee.counts.mmio &+= 1
    case ExitReason.hlt: pointee.counts.hlt &+= 1
    default: break
    }
    let hasAddress = reason == ExitReason.io || reason == ExitReason.mmio || address != 0
    let vcpu = pointee.configuration.separatesVcpus ? field[0] : 0xffff
    let site = ExitSite.key(
      vcpu: vcpu, reason: reason & 0xff, direction: direction & 0xff, address: hasAddress ? address : 0)
    exits(
      thread,
      ExitRow(
        timestamp: timestamp, location: location, site: site, seq: seq, isExit: true,
        isCounted: !pointee.isFiltered || counts(vcpu: field[0], reason: reason, address: address),
        epoch: pointee.markCount))
  }

  @inline(__always)
  private func counts(vcpu: UInt64, reason: UInt64, address: UInt64) -> Bool {
    func allows(_ wanted: Set<UInt64>, _ value: UInt64) -> Bool { wanted.isEmpty || wanted.contains(value) }
    let configuration = pointee.configuration
    return allows(configuration.vcpus, vcpu) && allows(configuration.reasons, reason)
      && allows(configuration.addresses, address)
  }

  @inline(__always)
  private func dispatch(
    _ timestamp: Int64, _ location: UInt64, _ begins: Bool, _ field: UnsafePointer<UInt64>
  ) {
    // On a loop a dispatch is a part of the handler around it, which the time is counted for.
    guard let thread = thread(kind: field[0], id: field[1]) else { return }
    count(thread)
    guard thread.pointee.kind == .vcpu else { return }
    let seq = UInt32(truncatingIfNeeded: field[2])
    let category = UInt64(TimeCategory.device(field[3]))
    clock(thread, clockRow(timestamp, location, begins ? .begin : .end, seq, category))
    path(thread, pathRow(timestamp, location, begins ? .begin : .end, seq, field[3], 0xffff, .exitAccess))
  }

  @inline(__always)
  private func handler(
    _ timestamp: Int64, _ location: UInt64, _ begins: Bool, _ field: UnsafePointer<UInt64>
  ) {
    guard let thread = loop(field[0]) else { return }
    count(thread)
    let seq = UInt32(truncatingIfNeeded: field[1])
    let (source, queue) = (field[2], field[4])
    let isKick = source == 0
    // Sources of the loop itself come with device 0, which stands for no device.
    let device = !isKick && field[3] == 0 ? 0xffff : field[3]
    let category = UInt64(TimeCategory.handler(source: source, device: device))
    if begins { thread.pointee.loop?.handlers &+= 1 }
    clock(thread, clockRow(timestamp, location, begins ? .begin : .end, seq, category))
    path(
      thread,
      pathRow(
        timestamp, location, begins ? .begin : .end, seq, device, isKick ? queue : source,
        isKick ? .loopKick : .loopOther))
  }

  @inline(never)
  private func signal(_ field: UnsafePointer<UInt64>) {
    pointee.counts.kicks &+= field[4]
    guard let thread = loop(field[0]) else { return }
    count(thread)
    thread.pointee.loop?.signals &+= 1
    thread.pointee.loop?.kicks &+= field[4]
    let path = statistics(thread, PathStatistics.key(kind: .loopKick, device: field[2], queue: field[3]))
    path.pointee.signals &+= 1
    path.pointee.kicks &+= field[4]
    path.pointee.mostKicks = Swift.max(path.pointee.mostKicks, field[4])
  }

  @inline(__always)
  private func request(
    _ timestamp: Int64, _ location: UInt64, _ begins: Bool, _ field: UnsafePointer<UInt64>
  ) {
    guard let thread = thread(kind: field[0], id: field[1]) else { return }
    count(thread)
    let seq = UInt32(truncatingIfNeeded: field[2])
    contents(thread) {
      if begins {
        $0.beginRequest(seq, queue: field[4], at: timestamp)
      } else {
        $0.complete(seq, at: timestamp)
      }
    }
    let index = UInt16(truncatingIfNeeded: thread.pointee.index)
    let kind = min(field[6], 255)
    guard let key = RequestRow.key(device: field[3], queue: field[4], id: field[5]) else {
      let statistics = Key(high: kind, low: field[3] << 16 | field[4])
      pointee.requests.refuse(
        thread: index, begin: begins ? statistics : nil, bytes: begins ? field[7] : 0)
      return
    }
    let row = RequestRow(
      timestamp: timestamp, location: location, gapEnd: pointee.gapEnd, key: key,
      operation: begins ? .begin : .end, thread: index, detail: UInt8(kind))
    if begins {
      pointee.requests.begin(row, bytes: field[7])
    } else {
      pointee.requests.end(row)
    }
  }

  @inline(never)
  private func interrupt(_ timestamp: Int64, _ field: UnsafePointer<UInt64>) {
    let device = Int(min(field[3], UInt64(Limits.devices)))
    let mechanism = Int(min(field[5], UInt64(Core.mechanisms - 1)))
    pointee.interrupts[device &* Core.mechanisms &+ mechanism] &+= 1
    guard let thread = thread(kind: field[0], id: field[1]) else { return }
    count(thread)
    let seq = UInt32(truncatingIfNeeded: field[2])
    contents(thread) { $0.interrupt(seq, at: timestamp) }
  }

  @inline(never)
  private func kickStamp(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    guard let thread = thread(kind: field[0], id: field[1]) else { return }
    count(thread)
    let kind: PathKind = thread.pointee.kind == .vcpu ? .exitKick : .loopKick
    let path = statistics(thread, PathStatistics.key(kind: kind, device: field[3], queue: field[4]))
    path.pointee.stamps &+= 1
    guard let kick = pointee.configuration.calibration?.timestamp(guestTSC: field[6]) else {
      path.pointee.unmappedStamps &+= 1
      return
    }
    path.pointee.record(.kickToPickup, timestamp &- kick, timestamp: timestamp, location: location)
    let seq = UInt32(truncatingIfNeeded: field[2])
    contents(thread) { $0.kick(seq, at: kick) }
  }
}

/// KVM_EXIT_* that are told apart by name.
enum ExitReason {
  static let io: UInt64 = 2
  static let hlt: UInt64 = 5
  static let mmio: UInt64 = 6
  static let intr: UInt64 = 10
}

extension Key {
  /// The reason in the key of an ``ExitSite``.
  @inline(__always)
  var reason: UInt64 { high >> 8 & 0xff }
}
