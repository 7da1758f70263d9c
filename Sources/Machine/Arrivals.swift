import Board
import Devices
import Platform
import Virtio

extension MachineBuilder {
  /// Has each virtio device's loop collect when the device has something. Before the loops' threads start.
  func attachArrivals(
    of devices: DeviceSet, to loops: [IOThread], dispatcher: Dispatcher
  ) throws(MachineError) {
    for (slot, device) in zip(devices.layout.slots, devices.devices) {
      guard let transport = device as? MMIOTransport, let descriptor = transport.arrival else { continue }
      do {
        try loops[slot.loop].add(
          .init(kind: .completion, device: transport.id, queue: 0, descriptor: descriptor) { context, _ in
            dispatcher.withDevice(transport, offset: 0, by: context) {
              transport.collect(memory: dispatcher.guestMemory, by: context)
            }
          })
      } catch {
        throw MachineError("waiting for \(slot.name): \(error)")
      }
    }
  }
}
