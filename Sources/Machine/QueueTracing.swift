import Board
import CTracepoints
import Devices
import Synchronization
import Virtio

/// Tells the trace what becomes of queues, and remembers those that the guest broke for the user when the run is over.
final class QueueTracing: QueueObserver {
  /// A guest may break a queue after each reset of its device; more than these say nothing new.
  private static let maximum = 8

  private let names: [UInt16: String]
  private let known = Mutex<[String]>([])

  init(_ layout: BoardLayout) {
    names = Dictionary(uniqueKeysWithValues: layout.slots.map { ($0.id, $0.name) })
  }

  /// One line for each that was broken.
  var texts: [String] { known.withLock { $0 } }

  func queueKicked(_ device: DeviceID, queue: Int, by thread: ThreadContext) {
    exeunt_trace_queue_kicked(
      thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, UInt16(clamping: queue))
  }

  func queuePublished(
    _ device: DeviceID, queue: Int, _ publication: Virtqueue.Publication, by thread: ThreadContext
  ) {
    exeunt_trace_queue_published(
      thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, UInt16(clamping: queue),
      publication.requests, publication.inFlight, publication.wantsInterrupt ? 1 : 0)
  }

  func queueBroke(_ device: DeviceID, queue: Int, _ fault: QueueFault, by thread: ThreadContext) {
    exeunt_trace_queue_broken(
      thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, UInt16(clamping: queue), fault.number
    )
    let name = names[device.rawValue] ?? "device \(device.rawValue)"
    known.withLock {
      guard $0.count < QueueTracing.maximum else { return }
      $0.append("\(name): the guest broke queue \(queue) and has to reset the device: \(fault)")
    }
  }
}
