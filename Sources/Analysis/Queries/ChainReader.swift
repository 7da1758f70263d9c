import CTF

/// An event of one thread, with the words of its fields in the order of its schema.
package struct ChainEvent: Sendable, Equatable {
  /// ns since the clock's origin.
  package let timestamp: Int64
  /// Which event.
  package let tag: EventTag
  /// Its fields; strings are left out.
  package let fields: [UInt64]

  init(_ tag: EventTag, row: UnsafePointer<UInt64>) {
    timestamp = Row.timestamp(row)
    self.tag = tag
    var reader = EventFields(row)
    fields = Array(reader.next(tag.schema.fields.count))
  }

  /// A field by name, 0 when there is none.
  package func field(_ name: String) -> UInt64 {
    tag.schema.fields.firstIndex(of: name).map { fields[$0] } ?? 0
  }
}

/// Reads what one thread did around one handler.
package enum ChainReader {
  static let tags: [EventTag] = [
    .vcpuRunEnter, .vcpuRunExit, .vcpuRunExitRip, .dispatchBegin, .dispatchEnd, .lockWait, .lockAcquired,
    .loopWait,
    .loopWakeup,
    .pollEnd, .handlerBegin, .handlerEnd, .ioeventfdSignal, .requestBegin, .requestEnd, .interrupt,
    .guestKickStamp, .coalescedBegin, .coalescedEnd,
  ]
  /// Events of one chain that are kept.
  package static let maximumEvents = 4096

  /// The events of the thread that began a handler at `exemplar`, with the same sequence number, and the
  /// vCPU's next enter.
  ///
  /// - Parameters:
  ///   - exemplar: Of a `dispatch_begin` or `handler_begin`.
  ///   - before: How long before it to look, ns.
  ///   - after: How long after it to look, ns.
  package static func read(_ trace: Trace, at exemplar: Exemplar, before: Int64, after: Int64) -> [ChainEvent]
  {
    guard let (kind, id, seq) = thread(trace, exemplar) else { return [] }
    let (from, isFromStart) = exemplar.timestamp.subtractingReportingOverflow(before)
    let (to, isToEnd) = exemplar.timestamp.addingReportingOverflow(after)
    let window = (isFromStart ? Int64.min : from)..<(isToEnd ? Int64.max : max(to, from &+ 1))
    var rows = MergedRows(trace, selection: EventTag.selection(tags), window: window)
    var events: [ChainEvent] = []
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        guard let tag = EventTag(rawValue: Row.tag(row)), events.count < maximumEvents else { continue }
        guard let owner = owner(tag, row), owner.kind == kind, owner.id == id else { continue }
        let isReentry = tag == .vcpuRunEnter && owner.seq == seq &+ 1
        guard (owner.seq == seq && tag != .vcpuRunEnter && tag != .loopWait) || isReentry else { continue }
        events.append(ChainEvent(tag, row: row))
        if isReentry { return events }
      }
    }
    return events
  }

  /// The thread of the first event with an exemplar's time and stream; nil: there is none of a vCPU or loop.
  package static func owner(_ trace: Trace, at exemplar: Exemplar) -> ThreadName? {
    var rows = MergedRows(
      trace, selection: EventTag.selection(tags),
      window: exemplar.timestamp..<(exemplar.timestamp == .max ? .max : exemplar.timestamp + 1),
      stream: exemplar.stream)
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        guard let tag = EventTag(rawValue: Row.tag(row)) else { continue }
        if let owner = ownerIndex(tag, row) {
          return Exemplar(timestamp: 0, location: Exemplar.location(packet: 0, thread: owner)).thread
        }
      }
    }
    return nil
  }

  /// The index of the vCPU or loop that an event with one of ``tags`` is of; nil: it is of none.
  static func ownerIndex(_ tag: EventTag, _ row: UnsafePointer<UInt64>) -> Int? {
    guard let owner = owner(tag, row) else { return nil }
    let index = AnalysisState.index(kind: owner.kind, id: owner.id)
    return index < AnalysisState.main ? index : nil
  }

  private static func thread(
    _ trace: Trace, _ exemplar: Exemplar
  ) -> (kind: UInt64, id: UInt64, seq: UInt32)? {
    var rows = MergedRows(
      trace, selection: EventTag.selection([.dispatchBegin, .handlerBegin, .coalescedBegin]),
      window: exemplar.timestamp..<(exemplar.timestamp == .max ? .max : exemplar.timestamp + 1),
      stream: exemplar.stream)
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        guard let tag = EventTag(rawValue: Row.tag(row)) else { continue }
        if let owner = owner(tag, row) { return owner }
      }
    }
    return nil
  }

  private static func owner(
    _ tag: EventTag, _ row: UnsafePointer<UInt64>
  ) -> (kind: UInt64, id: UInt64, seq: UInt32)? {
    if let step = ClockStep.read(tag, row, gapEnd: .min), tag != .pollBegin {
      let isVcpu = step.thread < AnalysisState.loopBase
      return (
        kind: isVcpu ? ThreadKind.vcpu.rawValue : ThreadKind.loop.rawValue,
        id: UInt64(isVcpu ? step.thread : step.thread - AnalysisState.loopBase), seq: step.step.seq
      )
    }
    switch tag {
    case .ioeventfdSignal:
      let event = IoeventfdSignal(row: row)
      return (ThreadKind.loop.rawValue, event.loop, event.seq)
    case .dispatchBegin:
      let event = DispatchBegin(row: row)
      return (event.threadKind, event.thread, event.seq)
    case .dispatchEnd:
      let event = DispatchEnd(row: row)
      return (event.threadKind, event.thread, event.seq)
    case .requestBegin:
      let event = RequestBegin(row: row)
      return (event.threadKind, event.thread, event.seq)
    case .requestEnd:
      let event = RequestEnd(row: row)
      return (event.threadKind, event.thread, event.seq)
    case .interrupt:
      let event = Interrupt(row: row)
      return (event.threadKind, event.thread, event.seq)
    case .guestKickStamp:
      let event = GuestKickStamp(row: row)
      return (event.threadKind, event.thread, event.seq)
    default: return nil
    }
  }
}
