import Board
import Devices
import Platform
import Virtio

extension MachineConfiguration {
  /// Makes the network interfaces, without their registers, and what is behind them.
  func makeNetworks(
    _ layout: BoardLayout, stamps: KickStamps?, observer: any DeviceObserver
  ) throws(MachineError) -> [NetDevice] {
    var devices: [NetDevice] = []
    for (slot, network) in zip(layout.slots(of: .network), networks) {
      let backend = try network.backend()
      do {
        devices.append(
          try NetDevice(
            id: DeviceID(slot.id), backend, address: network.address, stamps: stamps, observer: observer))
      } catch {
        throw MachineError("eventfd for \(slot.name): \(error)")
      }
    }
    return devices
  }
}

extension MachineConfiguration.Network {
  fileprivate func backend() throws(MachineError) -> any PacketBackend {
    switch peer {
    case .tap(let name):
      do {
        return try Tap(name, pairs: pairs)
      } catch {
        throw MachineError(error.description)
      }
    case .user(let options):
      do {
        return try UserNetwork(options)
      } catch {
        throw MachineError(error.description)
      }
    }
  }
}
