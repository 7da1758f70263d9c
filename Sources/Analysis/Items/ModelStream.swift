import CTF

/// Turns the events of a trace, read once and in order, into what the models know of them: what the analysis by slices adds up,
/// one by one. Memory is bounded by what is open at a time (``Limits``), not by the trace.
///
/// Not thread-safe.
final class ModelStream {
  /// What is complete and has not been taken.
  private(set) var items: [ModelItem] = []
  private let threads: UnsafeMutablePointer<UnsafeMutablePointer<ThreadFollower>?>
  private var requests = RequestFollower()
  private let calibration: ClockCalibration?
  private let begin: Int64
  private let doubtFrom: Int64
  private var end = Int64.min
  private var gapEnd: Int64

  /// - Parameters:
  ///   - begin: Time of the trace's first event, ns since the clock's origin.
  ///   - gapEnd: End of the latest gap that began before it.
  ///   - doubtFrom: From here on events may be missing, as ``TraceAnalysis/doubtFrom`` says.
  ///   - calibration: Places guest stamps on the trace's clock.
  init(begin: Int64, gapEnd: Int64, doubtFrom: Int64?, calibration: ClockCalibration?) {
    self.begin = begin
    self.gapEnd = gapEnd
    self.doubtFrom = doubtFrom ?? .max
    self.calibration = calibration
    threads = .allocate(capacity: AnalysisState.threadCount)
    threads.initialize(repeating: nil, count: AnalysisState.threadCount)
  }

  deinit {
    for index in 0..<AnalysisState.threadCount {
      guard let thread = threads[index] else { continue }
      thread.pointee.free()
      thread.deinitialize(count: 1)
      thread.deallocate()
    }
    threads.deallocate()
    requests.free()
  }

  /// Forgets what has been taken.
  func clear() { items.removeAll(keepingCapacity: true) }

  /// Forgets what is not in a part of the trace.
  func keep(_ part: Range<Int64>) { items = items.compactMap { $0.inside(part) } }

  /// Applies rows made with ``EventTag/selection(_:)``.
  func consume(_ run: EventRun) {
    var row = run.base
    for _ in 0..<run.count {
      let tag = Row.tag(row)
      let timestamp = Row.timestamp(row)
      if timestamp >= doubtFrom { gapEnd = .max }
      if let event = EventTag(tag: tag) {
        end = max(end, timestamp)
        route(event, row, timestamp)
      } else if tag == Row.gapTag {
        let gap = StreamGap(row: row)
        gapEnd = max(gapEnd, gap.end)
        items.append(.gap(ModelGap(stream: run.stream, begin: gap.begin, end: gap.end)))
      }
      row += run.stride
    }
  }

  /// There are no more rows: what is open has no end.
  func finish() {
    endThings()
    forEachThread {
      if let rest = $0.pointee.rest(until: end, gapEnd: gapEnd) { items.append(.interval(rest)) }
    }
  }

  /// What began and has no end.
  private func endThings() {
    forEachThread { thread in
      if let exit = thread.pointee.exit { items.append(.exit(exit)) }
      if let wakeup = thread.pointee.wakeup { items.append(.wakeup(wakeup)) }
      forgetPushed(thread)
    }
    requests.forEachOpen { items.append(.request($0)) }
  }

  private func forEachThread(_ body: (UnsafeMutablePointer<ThreadFollower>) -> Void) {
    for index in 0..<AnalysisState.threadCount { if let thread = threads[index] { body(thread) } }
  }

  /// Rows were read up to `moment`: what is open has no end, but what each thread does then its next event tells, as of
  /// ``SliceAnalysis/close(at:_:)``.
  func close(at moment: Int64, _ trace: Trace) {
    endThings()
    let known = gapEnd
    var open: Set<Int> = []
    forEachThread { thread in
      let clock = thread.pointee.clock
      guard clock.started, thread.pointee.index < AnalysisState.main else { return }
      if !clock.waits || gapEnd > clock.last { open.insert(thread.pointee.index) }
    }
    ClockStep.first(of: open, from: moment, in: trace, gapEnd: known) { index, step in
      gapEnd = max(gapEnd, step.gapEnd)
      clock(thread(index), step)
    }
    // What waits goes on where nothing can have ended it; of who has no events any more nothing is known.
    forEachThread {
      if $0.pointee.clock.last < moment, let rest = $0.pointee.rest(until: moment, gapEnd: known) {
        items.append(.interval(rest))
      }
    }
  }

  // MARK: Routing

  private func route(_ event: EventTag, _ row: UnsafePointer<UInt64>, _ timestamp: Int64) {
    if let (index, step) = ClockStep.read(event, row, gapEnd: gapEnd) { clock(thread(index), step) }
    switch event {
    case .vcpuRunEnter: enter(VcpuRunEnter(row: row), timestamp)
    case .vcpuRunExit: exit(VcpuRunExit(row: row), timestamp, rip: nil)
    case .vcpuRunExitRip:
      let event = VcpuRunExitRip(row: row)
      exit(event.exit, timestamp, rip: event.rip)
    case .dispatchEnd:
      let event = DispatchEnd(row: row)
      if let thread = thread(event.threadKind, event.thread) { forgetPushed(thread) }
    case .handlerEnd:
      let event = HandlerEnd(row: row)
      if let thread = thread(ThreadKind.loop.rawValue, event.loop) { forgetPushed(thread) }
    case .queueKicked: kicked(QueueKicked(row: row))
    case .loopWait: wait(LoopWait(row: row), timestamp)
    case .loopWakeup: wakeup(LoopWakeup(row: row), timestamp)
    case .pollBegin:
      let event = PollBegin(row: row)
      if let thread = thread(ThreadKind.loop.rawValue, event.loop) { closeWakeup(thread, timestamp) }
    case .pollEnd: pollEnd(PollEnd(row: row), timestamp)
    case .handlerBegin:
      let event = HandlerBegin(row: row)
      thread(ThreadKind.loop.rawValue, event.loop)?.pointee.wakeup?.handlers &+= 1
    case .ioeventfdSignal:
      let event = IoeventfdSignal(row: row)
      thread(ThreadKind.loop.rawValue, event.loop)?.pointee.wakeup?.kicks &+= event.counter
    case .requestBegin: requestBegin(RequestBegin(row: row), timestamp)
    case .requestEnd: requestEnd(RequestEnd(row: row), timestamp)
    case .backendSubmit:
      let event = BackendSubmit(row: row)
      note(.submit, event.threadKind, event.thread, event.device, event.queue, event.id, timestamp)
    case .backendComplete:
      let event = BackendComplete(row: row)
      note(.complete, event.threadKind, event.thread, event.device, event.queue, event.id, timestamp)
    case .guestKickStamp: stamp(GuestKickStamp(row: row), timestamp)
    case .interrupt: interrupt(Interrupt(row: row), timestamp)
    case .guestMark:
      let event = GuestMarkEvent(row: row)
      items.append(
        .mark(
          ModelMark(
            vcpu: Int(event.vcpu & 0xffff), seq: event.seq, timestamp: timestamp, value: event.value,
            guestTSC: event.guestTsc)))
    default: break
    }
  }

  private func thread(_ kind: UInt64, _ id: UInt64) -> UnsafeMutablePointer<ThreadFollower>? {
    let index = AnalysisState.index(kind: kind, id: id)
    return index < AnalysisState.threadCount ? thread(index) : nil
  }

  @inline(__always)
  private func thread(_ index: Int) -> UnsafeMutablePointer<ThreadFollower> {
    threads[index] ?? makeThread(index)
  }

  @inline(never)
  private func makeThread(_ index: Int) -> UnsafeMutablePointer<ThreadFollower> {
    let made = UnsafeMutablePointer<ThreadFollower>.allocate(capacity: 1)
    made.initialize(to: ThreadFollower(name: ThreadName(index: index) ?? ThreadName(.main, 0), index: index))
    threads[index] = made
    return made
  }

  // MARK: Time

  @inline(__always)
  private func clock(_ thread: UnsafeMutablePointer<ThreadFollower>, _ step: ClockStep) {
    let before = thread.pointee.clock
    _ = withUnsafeMutablePointer(to: &thread.pointee.totals) { thread.pointee.clock.step(step, totals: $0) }
    guard before.started else { return opened(thread) }
    let category = thread.pointee.totals.lastCategory
    guard thread.pointee.clock.last > before.last else { return }
    items.append(
      .interval(
        StateInterval(
          thread: thread.pointee.name, seq: before.seq, begin: before.last, end: thread.pointee.clock.last,
          category: category, lock: category == TimeCategory.lock ? before.lock : nil)))
  }

  /// Before a thread's first event there may have been others.
  @inline(never)
  private func opened(_ thread: UnsafeMutablePointer<ThreadFollower>) {
    let clock = thread.pointee.clock
    let end = min(clock.first, clock.missingBefore)
    guard end > begin else { return }
    items.append(
      .interval(
        StateInterval(
          thread: thread.pointee.name, seq: clock.seq, begin: begin, end: end, category: TimeCategory.unknown)
      ))
  }

  // MARK: vCPUs

  private func enter(_ event: VcpuRunEnter, _ timestamp: Int64) {
    guard let thread = thread(ThreadKind.vcpu.rawValue, event.vcpu) else { return }
    if var exit = thread.pointee.exit {
      exit.handling = thread.pointee.handling(until: timestamp, event.seq)
      items.append(.exit(exit))
      thread.pointee.exit = nil
    }
    thread.pointee.pass(event.seq, at: timestamp, out: false)
  }

  private func exit(_ event: VcpuRunExit, _ timestamp: Int64, rip: UInt64?) {
    guard let thread = thread(ThreadKind.vcpu.rawValue, event.vcpu) else { return }
    if let exit = thread.pointee.exit { items.append(.exit(exit)) }
    let hasAddress =
      event.reason == ExitReason.io || event.reason == ExitReason.mmio || event.address != 0
    thread.pointee.exit = ModelExit(
      vcpu: Int(event.vcpu), seq: event.seq, timestamp: timestamp,
      reason: UInt8(truncatingIfNeeded: event.reason), direction: UInt8(truncatingIfNeeded: event.direction),
      address: hasAddress ? event.address : nil, size: event.size, count: event.count, rip: rip,
      inKvmRun: thread.pointee.inKvmRun(until: timestamp, event.seq))
    thread.pointee.pass(event.seq, at: timestamp, out: true)
    thread.pointee.arrive(event.seq, at: timestamp)
  }

  private func kicked(_ event: QueueKicked) {
    guard let thread = thread(event.threadKind, event.thread), thread.pointee.exit?.seq == event.seq else {
      return
    }
    thread.pointee.exit?.kicks &+= 1
  }

  // MARK: Loops

  private func wait(_ event: LoopWait, _ timestamp: Int64) {
    guard let thread = thread(ThreadKind.loop.rawValue, event.loop) else { return }
    closeWakeup(thread, timestamp)
    thread.pointee.sleep = SleepStep(timestamp: timestamp, location: 0, seq: event.seq, isWakeup: false)
  }

  private func wakeup(_ event: LoopWakeup, _ timestamp: Int64) {
    guard let thread = thread(ThreadKind.loop.rawValue, event.loop) else { return }
    var slept: Int64?
    if let sleep = thread.pointee.sleep, !sleep.isWakeup, sleep.seq == event.seq {
      slept = max(0, timestamp &- sleep.timestamp)
    }
    thread.pointee.sleep = SleepStep(timestamp: timestamp, location: 0, seq: event.seq, isWakeup: true)
    if let wakeup = thread.pointee.wakeup { items.append(.wakeup(wakeup)) }
    thread.pointee.wakeup = ModelWakeup(
      loop: Int(event.loop), seq: event.seq, timestamp: timestamp, isPoll: false, slept: slept,
      ready: event.ready)
    thread.pointee.arrive(event.seq, at: timestamp)
  }

  private func pollEnd(_ event: PollEnd, _ timestamp: Int64) {
    guard event.outcome == 0, let thread = thread(ThreadKind.loop.rawValue, event.loop) else { return }
    if let wakeup = thread.pointee.wakeup { items.append(.wakeup(wakeup)) }
    thread.pointee.wakeup = ModelWakeup(
      loop: Int(event.loop), seq: event.seq, timestamp: timestamp, isPoll: true)
    thread.pointee.arrive(event.seq, at: timestamp)
  }

  /// The loop waits or polls again.
  private func closeWakeup(_ thread: UnsafeMutablePointer<ThreadFollower>, _ timestamp: Int64) {
    guard var wakeup = thread.pointee.wakeup else { return }
    if gapEnd <= wakeup.timestamp { wakeup.busy = max(0, timestamp &- wakeup.timestamp) }
    items.append(.wakeup(wakeup))
    thread.pointee.wakeup = nil
  }

  // MARK: Requests

  private func requestBegin(_ event: RequestBegin, _ timestamp: Int64) {
    guard let thread = thread(event.threadKind, event.thread) else { return }
    let key = RequestStep.key(device: event.device, queue: event.queue, id: event.id)
    let arrived = key == nil ? nil : thread.pointee.take(event.seq, gapEnd: gapEnd)
    let displaced = requests.begin(
      event, key: key, at: timestamp, thread: thread.pointee.index, arrived: arrived, gapEnd: gapEnd)
    if let displaced { items.append(.request(displaced)) }
  }

  private func requestEnd(_ event: RequestEnd, _ timestamp: Int64) {
    guard let thread = thread(event.threadKind, event.thread) else { return }
    let (ended, evicted) = requests.end(event, at: timestamp, gapEnd: gapEnd)
    if let evicted { items.append(.request(evicted)) }
    guard let ended else { return }
    guard ended.end != nil, ended.status != RequestStep.givenUp else {
      items.append(.request(ended))
      return
    }
    if thread.pointee.pushed.count == 2 * RequestArrival.most {
      items += thread.pointee.pushed.prefix(RequestArrival.most).map(ModelItem.request)
      thread.pointee.pushed.removeFirst(RequestArrival.most)
    }
    thread.pointee.pushed.append(ended)
  }

  private func note(
    _ operation: RequestStep.Operation, _ kind: UInt64, _ id: UInt64, _ device: UInt64, _ queue: UInt64,
    _ request: UInt64, _ timestamp: Int64
  ) {
    guard thread(kind, id) != nil else { return }
    let key = RequestStep.key(device: device, queue: queue, id: request)
    if let evicted = requests.note(operation, of: key, at: timestamp, gapEnd: gapEnd) {
      items.append(.request(evicted))
    }
  }

  private func stamp(_ event: GuestKickStamp, _ timestamp: Int64) {
    guard thread(event.threadKind, event.thread) != nil,
      let kick = calibration?.timestamp(guestTSC: event.tsc)
    else { return }
    let key = RequestStep.key(device: event.device, queue: event.queue, id: event.id)
    if let evicted = requests.note(.stamp, of: key, at: timestamp, kick: kick, gapEnd: gapEnd) {
      items.append(.request(evicted))
    }
  }

  private func interrupt(_ event: Interrupt, _ timestamp: Int64) {
    let thread = thread(event.threadKind, event.thread)
    if let thread { tell(thread, event, timestamp) }
    items.append(
      .interrupt(
        ModelInterrupt(
          thread: thread?.pointee.name, seq: event.seq, timestamp: timestamp,
          device: Int(min(event.device, 0xffff)), line: event.line, mechanism: Int(min(event.mechanism, 255)))
      ))
  }

  /// An interrupt tells of what its thread has pushed for the device.
  private func tell(
    _ thread: UnsafeMutablePointer<ThreadFollower>, _ event: Interrupt, _ timestamp: Int64
  ) {
    guard !thread.pointee.pushed.isEmpty else { return }
    let first = max(0, thread.pointee.pushed.count - RequestArrival.most)
    for index in thread.pointee.pushed.indices {
      var request = thread.pointee.pushed[index]
      if index >= first, UInt64(request.device) == event.device, gapEnd <= request.end ?? .min {
        request.interrupted = timestamp
      }
      items.append(.request(request))
    }
    thread.pointee.pushed.removeAll(keepingCapacity: true)
  }

  /// No interrupt tells of what a thread has pushed.
  private func forgetPushed(_ thread: UnsafeMutablePointer<ThreadFollower>) {
    guard !thread.pointee.pushed.isEmpty else { return }
    for request in thread.pointee.pushed { items.append(.request(request)) }
    thread.pointee.pushed.removeAll(keepingCapacity: true)
  }
}
