import Board
import Devices
import Platform
import Synchronization
import Virtio

extension MachineConfiguration {
  /// Opens what is behind the disks.
  func makeDisks() throws(MachineError) -> [BlockWorkers] {
    var workers: [BlockWorkers] = []
    for disk in disks {
      do {
        if let bytes = disk.scratchBytes {
          workers.append(try BlockWorkers(try DiskFile.scratch(bytes: bytes)))
        } else {
          workers.append(
            try BlockWorkers(try DiskFile(path: disk.path, isReadOnly: disk.isReadOnly)))
        }
      } catch let error as DiskError {
        throw MachineError(error.description)
      } catch {
        throw MachineError("eventfd for disk \(disk.path): \(error)")
      }
    }
    return workers
  }
}

extension MachineBuilder {
  /// Has each disk's loop push what was completed. Before the loops' threads start.
  func attach(
    _ disks: [BlockWorkers], of devices: DeviceSet, to loops: [IOThread], dispatcher: Dispatcher
  ) throws(MachineError) {
    var rest = disks[...]
    for (slot, device) in zip(devices.layout.slots, devices.devices) where slot.kind == .disk {
      guard let transport = device as? MMIOTransport, let backend = rest.popFirst() else {
        throw MachineError("\(slot.name) is no disk")
      }
      do {
        try loops[slot.loop].add(
          .init(
            kind: .completion, device: transport.id, queue: 0, descriptor: backend.arrival.descriptor.raw
          ) { context, _ in
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

/// Remembers which queues the guest broke, to tell the user when the run is over.
final class QueueFaults: FaultObserver {
  /// A guest may break a queue after each reset of its device; more than these say nothing new.
  private static let maximum = 8

  private let names: [UInt16: String]
  private let known = Mutex<[String]>([])

  init(_ layout: BoardLayout) {
    names = Dictionary(uniqueKeysWithValues: layout.slots.map { ($0.id, $0.name) })
  }

  /// One line for each.
  var texts: [String] { known.withLock { $0 } }

  func queueBroke(_ device: DeviceID, queue: Int, _ fault: QueueFault, by thread: ThreadContext) {
    let name = names[device.rawValue] ?? "device \(device.rawValue)"
    known.withLock {
      guard $0.count < QueueFaults.maximum else { return }
      $0.append("\(name): the guest broke queue \(queue) and has to reset the device: \(fault)")
    }
  }
}
