import Board
import Devices
import Platform
import Virtio

extension MachineBuilder {
  /// Has the loops that serve virtio devices' queues wait for what the devices have to collect. Before the loops' threads
  /// start.
  func attachSources(
    of devices: DeviceSet, to loops: [IOThread], dispatcher: Dispatcher
  ) throws(MachineError) {
    for (slot, device) in zip(devices.layout.slots, devices.devices) {
      guard let transport = device as? MMIOTransport else { continue }
      do {
        for (index, source) in transport.sources.enumerated() {
          let loop = loops[slot.kicks[source.queues.lowerBound].loop]
          try SourceLink(transport, source: index, loop, dispatcher).attach()
        }
      } catch {
        throw MachineError("waiting for \(slot.name)", error)
      }
    }
  }
}

/// What a loop waits for on behalf of a device's source. What it waits for of packets changes: not for those that the guest
/// has no buffers for, and for room only while something waits for it.
private final class SourceLink {
  private let transport: MMIOTransport
  private let index: Int
  // The loop keeps this object.
  private unowned let loop: IOThread
  private let dispatcher: Dispatcher
  private var packets: IOThread.Loop.SourceID?

  init(_ transport: MMIOTransport, source: Int, _ loop: IOThread, _ dispatcher: Dispatcher) {
    self.transport = transport
    index = source
    self.loop = loop
    self.dispatcher = dispatcher
  }

  func attach() throws(Errno) {
    let source = transport.sources[index]
    let first = UInt16(source.queues.lowerBound)
    if let descriptor = source.packets {
      let packets = try add(.packet, queue: first, descriptor)
      try loop.setInterest(of: packets, to: [])
      self.packets = packets
    }
    _ = try add(.completion, queue: first, source.arrival)
  }

  private func add(
    _ kind: SourceKind, queue: UInt16, _ descriptor: CInt
  ) throws(Errno) -> IOThread.Loop.SourceID {
    try loop.add(
      .init(kind: kind, device: transport.id, queue: queue, descriptor: descriptor) { context, _ in
        self.collect(by: context)
      })
  }

  private func collect(by context: ThreadContext) {
    var interest: Readiness = []
    dispatcher.withDevice(transport, offset: 0, by: context) {
      interest = transport.collect(source: index, memory: dispatcher.guestMemory, by: context)
    }
    guard let packets else { return }
    // Fails for a descriptor that is not open, or where the kernel has no memory: the next wake-up tries again.
    try? loop.setInterest(of: packets, to: interest)
  }
}
