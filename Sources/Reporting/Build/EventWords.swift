import Analysis
import Reports

/// Events of exeunt in words.
struct EventWords {
  let dump: StateDump

  /// A thread's name, which users give to those that they make.
  private func loop(_ event: ChainEvent) -> String {
    let id = event.field("loop")
    return dump.loops[Int(clamping: id)]?.name ?? "io\(id)"
  }

  func words(_ event: ChainEvent) -> String {
    let device = dump.deviceName(Int(clamping: event.field("device")))
    switch event.tag {
    case .vcpuRunExit, .vcpuRunExitRip:
      let reason = ValueName.exitReason(UInt8(truncatingIfNeeded: event.field("reason")))
      let address = String(event.field("address"), radix: 16)
      let rip =
        event.tag == .vcpuRunExitRip ? ", rip 0x" + String(event.field("rip"), radix: 16) : ""
      return "vcpu_run_exit vcpu\(event.field("vcpu")) \(reason) 0x\(address)\(rip)"
    case .vcpuRunEnter: return "vcpu_run_enter vcpu\(event.field("vcpu"))"
    case .dispatchBegin, .dispatchEnd, .coalescedBegin, .coalescedEnd:
      return "\(event.tag.schema.name) \(device)"
    case .loopWait: return "loop_wait \(loop(event))"
    case .loopWakeup: return "loop_wakeup \(loop(event)), \(event.field("ready")) ready"
    case .pollBegin, .pollEnd: return "\(event.tag.schema.name) \(loop(event))"
    case .handlerBegin, .handlerEnd:
      let source = Int(min(event.field("source"), 255))
      if source == 0 { return "\(event.tag.schema.name) \(device) queue \(event.field("queue"))" }
      let name =
        ValueName.sourceKind.indices.contains(source) ? ValueName.sourceKind[source] : "source \(source)"
      return "\(event.tag.schema.name) \(name)"
    case .ioeventfdSignal: return "ioeventfd_signal, " + Text.number(event.field("counter"), "kick")
    case .requestBegin, .requestEnd, .guestKickStamp: return "\(event.tag.schema.name) \(event.field("id"))"
    case .backendSubmit:
      let work = Int(min(event.field("work"), 255))
      let name = ValueName.backendWork.indices.contains(work) ? ValueName.backendWork[work] : "work \(work)"
      return "backend_submit \(event.field("id")): \(name)"
    case .backendComplete:
      let status = UInt8(min(event.field("status"), 255))
      return "backend_complete \(event.field("id"))" + (status == 0 ? "" : ": \(HostError.name(status))")
    case .queueKicked: return "queue_kicked \(device) queue \(event.field("queue"))"
    case .queuePublished:
      let isTold = event.field("notification") != 0
      return "queue_published \(device) queue \(event.field("queue")): "
        + Text.number(event.field("requests"), "request") + (isTold ? "" : ", no interrupt wanted")
    case .interrupt:
      let mechanism = Int(min(event.field("mechanism"), 255))
      let name = ValueName.mechanism.indices.contains(mechanism) ? ValueName.mechanism[mechanism] : "?"
      return "interrupt line \(event.field("line")) by \(name)"
    case .queueBroken:
      let fault = Int(min(event.field("fault"), 255))
      let name = ValueName.queueFault.indices.contains(fault) ? ValueName.queueFault[fault] : "fault \(fault)"
      return "queue_broken \(device) queue \(event.field("queue")): \(name)"
    case .lockWait, .lockAcquired, .lockReleased: return "\(event.tag.schema.name) \(event.field("lock"))"
    case .guestMark: return "guest_mark \(event.field("value")) vcpu\(event.field("vcpu"))"
    default: return event.tag.schema.name
    }
  }
}
