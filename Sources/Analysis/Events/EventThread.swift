/// Which thread of the VMM an event of exeunt belongs to, by its fields; see docs/events.md.
package enum EventThread: Sendable, Equatable {
  /// The field of this index is the number of a vCPU.
  case vcpu(Int)
  /// The field of this index is the number of a loop.
  case loop(Int)
  /// The fields of these indices are the kind of thread and its number.
  case named(kind: Int, id: Int)
  /// The main thread.
  case main

  /// The rule for an event.
  package init(_ tag: EventTag) {
    let fields = tag.schema.fields
    if let kind = fields.firstIndex(of: "thread_kind"), let id = fields.firstIndex(of: "thread"),
      tag != .threadStats, tag != .eventTotals
    {
      self = .named(kind: kind, id: id)
      return
    }
    switch tag {
    case .vcpuRunEnter, .vcpuRunExit, .vcpuRunExitRip, .guestMark, .coalescedBegin, .coalescedEnd:
      self = .vcpu(0)
    case .loopWait, .loopWakeup, .pollBegin, .pollEnd, .handlerBegin, .handlerEnd, .ioeventfdSignal:
      self = .loop(0)
    default: self = .main
    }
  }
}
