import Board
import Devices
import Platform
import Virtio

extension MachineConfiguration {
  /// Attaches to what is behind the network interfaces.
  func makeNetworks(
    _ layout: BoardLayout, stamps: KickStamps?, observer: any DeviceObserver
  ) throws(MachineError) -> [NetDevice] {
    var devices: [NetDevice] = []
    for (slot, network) in zip(layout.slots(of: .network), networks) {
      do {
        devices.append(
          try NetDevice(
            id: DeviceID(slot.id), try Tap(network.tap), address: network.address, stamps: stamps,
            observer: observer))
      } catch let error as TapError {
        throw MachineError(error.description)
      } catch {
        throw MachineError("eventfd for \(slot.name): \(error)")
      }
    }
    return devices
  }
}
