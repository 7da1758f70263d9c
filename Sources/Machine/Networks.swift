import Board
import Devices
import Platform
import Virtio

extension MachineConfiguration {
  /// Attaches to what is behind the network interfaces.
  func makeNetworks(
    _ layout: BoardLayout, observer: any DeviceObserver
  ) throws(MachineError) -> [NetDevice] {
    var devices: [NetDevice] = []
    for (slot, network) in zip(layout.slots(of: .network), networks) {
      do {
        devices.append(
          try NetDevice(
            id: DeviceID(slot.id), try Tap(network.tap), address: network.address, observer: observer))
      } catch let error as TapError {
        throw MachineError(error.description)
      } catch {
        throw MachineError("eventfd for \(slot.name): \(error)")
      }
    }
    return devices
  }
}

extension MachineBuilder {
  /// Has each interface's loop move its packets. Before the loops' threads start.
  func attach(
    _ networks: [NetDevice], of devices: DeviceSet, to loops: [IOThread], dispatcher: Dispatcher
  ) throws(MachineError) {
    for network in networks {
      guard
        let (slot, device) = zip(devices.layout.slots, devices.devices).first(where: { $0.1.id == network.id }
        ),
        let transport = device as? MMIOTransport
      else { throw MachineError("device \(network.id.rawValue) is no network interface") }
      let link = NetworkLink(network, transport, loops[slot.loop], dispatcher)
      do {
        try link.attach()
      } catch {
        throw MachineError("waiting for \(slot.name): \(error)")
      }
    }
  }
}

/// What a loop waits for on behalf of a network interface, which changes: not for packets that the guest has no buffers
/// for, and for room only while something waits for it.
private final class NetworkLink {
  private let network: NetDevice
  private let transport: MMIOTransport
  private let loop: IOThread
  private let dispatcher: Dispatcher
  private var packets: IOThread.Loop.SourceID?

  init(_ network: NetDevice, _ transport: MMIOTransport, _ loop: IOThread, _ dispatcher: Dispatcher) {
    self.network = network
    self.transport = transport
    self.loop = loop
    self.dispatcher = dispatcher
  }

  /// The loop keeps this object.
  func attach() throws(Errno) {
    let packets = try add(.packet, queue: UInt16(NetDevice.receiveQueue), network.descriptor)
    self.packets = packets
    try loop.setInterest(of: packets, to: [])
    _ = try add(.completion, queue: UInt16(NetDevice.transmitQueue), network.wakeup.descriptor.raw)
  }

  private func add(
    _ kind: SourceKind, queue: UInt16, _ descriptor: CInt
  ) throws(Errno) -> IOThread.Loop.SourceID {
    try loop.add(
      .init(kind: kind, device: transport.id, queue: queue, descriptor: descriptor) { context, _ in
        self.move(by: context)
      })
  }

  private func move(by context: ThreadContext) {
    var interest: Readiness = []
    dispatcher.withDevice(transport, offset: 0, by: context) {
      transport.collect(memory: dispatcher.guestMemory, by: context)
      interest = network.interest
    }
    guard let packets else { return }
    // Fails for a descriptor that is not open, or where the kernel has no memory: the next wake-up tries again.
    try? loop.setInterest(of: packets, to: interest)
  }
}
