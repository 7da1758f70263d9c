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
        throw MachineError("eventfd for \(slot.name)", error)
      }
    }
    return devices
  }
}

extension MachineConfiguration {
  /// Checks that no two interfaces want the same of the host, or have one address.
  func checkNetworks() throws(MachineError) {
    var forwards: [UserNetworkOptions.Forward] = []
    for (index, network) in networks.enumerated() {
      if let other = networks[..<index].firstIndex(where: { $0.address == network.address }) {
        let address = network.address.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }
        throw MachineError(
          "net\(other) and net\(index) both have the address \(address.joined(separator: ":")); give another with mac="
        )
      }
      switch network.peer {
      case .tap(let name):
        if let other = networks[..<index].firstIndex(where: { $0.peer == network.peer }) {
          throw MachineError("net\(other) and net\(index) both have the tap \(name); give each its own")
        }
      case .user(let options):
        for forward in options.forwards {
          if forwards.contains(where: forward.clashes) {
            throw MachineError(
              "net\(index): \(forward.isDatagram ? "udp" : "tcp") port \(forward.hostPort) of the host is given to two "
                + "hostfwd; give another port, or another address of the host's")
          }
          forwards.append(forward)
        }
      }
    }
  }
}

extension UserNetworkOptions.Forward {
  /// Whether both listen at the same port, of all addresses or of one.
  fileprivate func clashes(with other: Self) -> Bool {
    isDatagram == other.isDatagram && hostPort == other.hostPort
      && (hostAddress == other.hostAddress || hostAddress.value == 0 || other.hostAddress.value == 0)
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
