import CTF

// What events mean for the clock of their thread. The summary and the timeline both take these steps, so they show the same
// spans.

extension ClockStep {
  @inline(__always)
  private init(
    _ at: EventPlace, _ operation: ClockOperation, _ seq: UInt32, _ argument: UInt64, _ gapEnd: Int64
  ) {
    self.init(
      timestamp: at.timestamp, location: at.location, argument: argument, gapEnd: gapEnd, seq: seq,
      operation: operation)
  }

  @inline(__always)
  init(_ event: VcpuRunEnter, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .enter, event.seq, 0, gapEnd)
  }

  @inline(__always)
  init(_ event: VcpuRunExit, _ at: EventPlace, gapEnd: Int64) { self.init(at, .exit, event.seq, 0, gapEnd) }

  @inline(__always)
  init(_ event: DispatchBegin, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .begin, event.seq, UInt64(TimeCategory.device(event.device)), gapEnd)
  }

  @inline(__always)
  init(_ event: CoalescedBegin, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .begin, event.seq, UInt64(TimeCategory.device(event.device)), gapEnd)
  }

  @inline(__always)
  init(_ event: CoalescedEnd, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .end, event.seq, UInt64(TimeCategory.device(event.device)), gapEnd)
  }

  @inline(__always)
  init(_ event: DispatchEnd, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .end, event.seq, UInt64(TimeCategory.device(event.device)), gapEnd)
  }

  @inline(__always)
  init(_ event: LockWait, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .lockWait, event.seq, event.lock, gapEnd)
  }

  @inline(__always)
  init(_ event: LockAcquired, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .lockAcquired, event.seq, event.lock, gapEnd)
  }

  @inline(__always)
  init(_ event: LoopWait, _ at: EventPlace, gapEnd: Int64) { self.init(at, .sleep, event.seq, 0, gapEnd) }

  @inline(__always)
  init(_ event: LoopWakeup, _ at: EventPlace, gapEnd: Int64) { self.init(at, .wake, event.seq, 0, gapEnd) }

  @inline(__always)
  init(_ event: PollBegin, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .pollBegin, event.seq, 0, gapEnd)
  }

  @inline(__always)
  init(_ event: PollEnd, _ at: EventPlace, gapEnd: Int64) { self.init(at, .pollEnd, event.seq, 0, gapEnd) }

  @inline(__always)
  init(_ event: HandlerBegin, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .begin, event.seq, HandlerTarget(event).category, gapEnd)
  }

  @inline(__always)
  init(_ event: HandlerEnd, _ at: EventPlace, gapEnd: Int64) {
    self.init(at, .end, event.seq, HandlerTarget(event).category, gapEnd)
  }
}

/// What a loop's handler is for.
struct HandlerTarget {
  /// 65535: none. Sources of the loop itself come with device 0, which stands for no device.
  let device: UInt64
  /// Of a kick; otherwise the source kind.
  let queue: UInt64
  let path: PathKind
  private let source: UInt64

  @inline(__always)
  private init(source: UInt64, device: UInt64, queue: UInt64) {
    let isKick = source == 0
    self.device = !isKick && device == 0 ? 0xffff : device
    self.queue = isKick ? queue : source
    self.source = source
    path = isKick ? .loopKick : .loopOther
  }

  @inline(__always)
  init(_ event: HandlerBegin) {
    self.init(source: event.source, device: event.device, queue: event.queue)
  }

  @inline(__always)
  init(_ event: HandlerEnd) {
    self.init(source: event.source, device: event.device, queue: event.queue)
  }

  /// What its time is counted for.
  @inline(__always)
  var category: UInt64 { UInt64(TimeCategory.handler(source: source, device: device)) }
}

extension ClockStep {
  /// Events that `read` understands.
  static let tags: [EventTag] = [
    .vcpuRunEnter, .vcpuRunExit, .vcpuRunExitRip, .dispatchBegin, .dispatchEnd, .lockWait, .lockAcquired,
    .loopWait,
    .loopWakeup, .pollBegin, .pollEnd, .handlerBegin, .handlerEnd, .coalescedBegin, .coalescedEnd,
  ]

  /// The step of a thread's clock that an event is, and the index of the thread; nil: it is none, or of no vCPU or loop that
  /// is analysed.
  static func read(
    _ event: EventTag, _ row: UnsafePointer<UInt64>, gapEnd: Int64
  ) -> (thread: Int, step: ClockStep)? {
    let at = EventPlace(row: row)
    func vcpu(_ id: UInt64, _ step: ClockStep) -> (thread: Int, step: ClockStep)? {
      thread(ThreadKind.vcpu.rawValue, id, step)
    }
    func loop(_ id: UInt64, _ step: ClockStep) -> (thread: Int, step: ClockStep)? {
      thread(ThreadKind.loop.rawValue, id, step)
    }
    func thread(_ kind: UInt64, _ id: UInt64, _ step: ClockStep) -> (thread: Int, step: ClockStep)? {
      let index = AnalysisState.index(kind: kind, id: id)
      return index < AnalysisState.main ? (index, step) : nil
    }
    switch event {
    case .vcpuRunEnter:
      let event = VcpuRunEnter(row: row)
      return vcpu(event.vcpu, ClockStep(event, at, gapEnd: gapEnd))
    case .vcpuRunExit, .vcpuRunExitRip:
      let event = VcpuRunExit(row: row)
      return vcpu(event.vcpu, ClockStep(event, at, gapEnd: gapEnd))
    case .dispatchBegin:
      let event = DispatchBegin(row: row)
      guard event.threadKind == ThreadKind.vcpu.rawValue else { return nil }
      return vcpu(event.thread, ClockStep(event, at, gapEnd: gapEnd))
    case .dispatchEnd:
      let event = DispatchEnd(row: row)
      guard event.threadKind == ThreadKind.vcpu.rawValue else { return nil }
      return vcpu(event.thread, ClockStep(event, at, gapEnd: gapEnd))
    case .coalescedBegin:
      let event = CoalescedBegin(row: row)
      return vcpu(event.vcpu, ClockStep(event, at, gapEnd: gapEnd))
    case .coalescedEnd:
      let event = CoalescedEnd(row: row)
      return vcpu(event.vcpu, ClockStep(event, at, gapEnd: gapEnd))
    case .lockWait:
      let event = LockWait(row: row)
      return thread(event.threadKind, event.thread, ClockStep(event, at, gapEnd: gapEnd))
    case .lockAcquired:
      let event = LockAcquired(row: row)
      return thread(event.threadKind, event.thread, ClockStep(event, at, gapEnd: gapEnd))
    case .loopWait:
      let event = LoopWait(row: row)
      return loop(event.loop, ClockStep(event, at, gapEnd: gapEnd))
    case .loopWakeup:
      let event = LoopWakeup(row: row)
      return loop(event.loop, ClockStep(event, at, gapEnd: gapEnd))
    case .pollBegin:
      let event = PollBegin(row: row)
      return loop(event.loop, ClockStep(event, at, gapEnd: gapEnd))
    case .pollEnd:
      let event = PollEnd(row: row)
      return loop(event.loop, ClockStep(event, at, gapEnd: gapEnd))
    case .handlerBegin:
      let event = HandlerBegin(row: row)
      return loop(event.loop, ClockStep(event, at, gapEnd: gapEnd))
    case .handlerEnd:
      let event = HandlerEnd(row: row)
      return loop(event.loop, ClockStep(event, at, gapEnd: gapEnd))
    default: return nil
    }
  }
}
