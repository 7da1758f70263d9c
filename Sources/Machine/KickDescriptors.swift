import Devices
import Engine
import Platform

/// The eventfds that the doorbell's kicks arrive by, one for each queue, and their assignments to the kernel.
final class KickDescriptors: @unchecked Sendable {
  /// One assignment, for the state dump.
  struct Assignment {
    let queue: Int
    let loop: Int
    let address: IoEventFd.Address
  }

  private let events: [KickEvent]
  let assignments: [Assignment]

  /// An array cannot hold noncopyable eventfds.
  final class KickEvent: Sendable {
    let event: EventFD
    init() throws(Errno) { event = try EventFD() }
  }

  /// Makes the eventfds, has the kernel signal them for both windows of the doorbell, and adds each to a loop.
  init(
    doorbell: Doorbell, machine: any VirtualMachine, loops: [IOThread], dispatcher: Dispatcher,
    consumed: @escaping @Sendable (ThreadContext, DeviceID, UInt16, UInt64) -> Void
  ) throws(MachineError) {
    var events: [KickEvent] = []
    var assignments: [Assignment] = []
    do {
      for queue in 0..<Doorbell.queueCount {
        let kick = try KickEvent()
        let loop = loops[queue % loops.count]
        let offset = UInt16(Doorbell.kickOffset)
        let addresses: [IoEventFd.Address] = [
          .port(DeviceSet.doorbellPort + offset), .memory(DeviceSet.doorbellMemory + UInt64(offset)),
        ]
        for address in addresses {
          try machine.assign(IoEventFd(address: address, size: 4, value: UInt64(queue), event: kick.event))
          assignments.append(Assignment(queue: queue, loop: loop.index, address: address))
        }
        try loop.add(
          .init(kind: .kick, device: doorbell.id, queue: UInt16(queue), descriptor: kick.event.descriptor.raw)
          {
            context in
            let count = kick.event.consume()
            guard count > 0 else { return }
            consumed(context, doorbell.id, UInt16(queue), count)
            dispatcher.withDevice(doorbell, offset: Doorbell.kickOffset, by: context) {
              doorbell.handleKicks(count, queue: queue, by: context)
            }
          })
        events.append(kick)
      }
    } catch let error as Errno where error == .tooManyOpenFiles {
      throw MachineError("eventfd for the doorbell: \(error); allow this process more of them (ulimit -n)")
    } catch {
      throw MachineError("ioeventfd for the doorbell: \(error); try --ioeventfd off")
    }
    self.events = events
    self.assignments = assignments
  }

  /// Forgets kicks that nobody has consumed. At a reset, with vCPUs and loops at rest.
  func drain() {
    for kick in events { _ = kick.event.consume() }
  }
}
