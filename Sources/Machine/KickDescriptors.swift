import Board
import Devices
import Engine
import Platform

/// The eventfds that kicks arrive by, one for each queue of each device, and their assignments to the kernel.
final class KickDescriptors: @unchecked Sendable {
  private let events: [KickEvent]

  /// An array cannot hold noncopyable eventfds.
  final class KickEvent: Sendable {
    let event: EventFD
    init() throws(Errno) { event = try EventFD() }
  }

  /// Makes the eventfds, has the kernel signal them for all places at which a queue is kicked, and adds each to its loop.
  init(
    of set: DeviceSet, machine: any VirtualMachine, loops: [IOThread], dispatcher: Dispatcher,
    consumed: @escaping @Sendable (ThreadContext, DeviceID, UInt16, UInt64) -> Void
  ) throws(MachineError) {
    var events: [KickEvent] = []
    for (slot, device) in zip(set.layout.slots, set.devices)
    where !slot.kicks.isEmpty && !slot.kicksExit {
      guard let handler = device as? any KickHandler else {
        throw MachineError("\(slot.name) has queues on the board, and answers no kicks")
      }
      do {
        for kick in slot.kicks {
          let event = try KickEvent()
          for place in kick.addresses {
            try machine.assign(
              IoEventFd(address: .init(place), size: kick.size, value: kick.value, event: event.event))
          }
          try loops[kick.loop].add(
            KickDescriptors.source(kick, of: handler, event, dispatcher: dispatcher, consumed: consumed))
          events.append(event)
        }
      } catch {
        throw MachineError("ioeventfd for \(slot.name)", error, advice: "try --ioeventfd off")
      }
    }
    self.events = events
  }

  private static func source<Handler: KickHandler>(
    _ kick: Kick, of handler: Handler, _ event: KickEvent, dispatcher: Dispatcher,
    consumed: @escaping @Sendable (ThreadContext, DeviceID, UInt16, UInt64) -> Void
  ) -> IOThread.Source {
    let (id, queue, offset) = (handler.id, kick.queue, kick.offset)
    return IOThread.Source(kind: .kick, device: id, queue: queue, descriptor: event.event.descriptor.raw) {
      context, _ in
      let count = event.event.consume()
      guard count > 0 else { return }
      consumed(context, id, queue, count)
      dispatcher.withDevice(handler, offset: offset, by: context) {
        handler.handleKicks(count, queue: Int(queue), memory: dispatcher.guestMemory, by: context)
      }
    }
  }

  /// Forgets kicks that nobody has consumed. At a reset, with vCPUs and loops at rest.
  func drain() {
    for kick in events { _ = kick.event.consume() }
  }
}

extension IoEventFd.Address {
  /// A place as the board's layout has it.
  fileprivate init(_ place: Kick.Address) {
    switch place.space {
    case .port: self = .port(UInt16(place.address))
    case .memory: self = .memory(place.address)
    }
  }
}
