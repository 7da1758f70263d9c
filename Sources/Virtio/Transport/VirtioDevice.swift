import Devices
import GuestRAM

/// What is behind a transport: one kind of virtio device (virtio 1.2, chapter 5).
///
/// All calls come one at a time, under the device's lock.
package protocol VirtioDevice: AnyObject, Sendable {
  /// The kind of device (chapter 5), not 0.
  var kind: UInt32 { get }
  /// What it offers, beside what transport and rings have for all devices.
  var features: UInt64 { get }
  /// The most entries of each of its queues; powers of two.
  var queueSizes: [UInt16] { get }
  /// A descriptor that can be read when there is something to collect; nil for a device that tells its loop otherwise, or
  /// never has anything.
  var arrival: CInt? { get }

  /// Reads a field of the configuration, little-endian (section 4.2.2.2); what is not defined reads zero.
  ///
  /// - Parameter size: 1, 2, 4 or 8 bytes.
  func readConfiguration(offset: UInt32, size: Int) -> UInt64

  /// Writes a field of the configuration.
  func writeConfiguration(offset: UInt32, size: Int, value: UInt64)

  /// The driver is ready (DRIVER_OK), and this is what was agreed on.
  func start(features: UInt64)

  /// Handles what is in a queue: takes requests, and pushes those that are completed. The transport publishes them.
  ///
  /// - Parameter index: which queue it is.
  func handle(_ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext)

  /// Pushes what its loop was woken up for (`arrival`), each to its queue.
  func collect(_ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext)

  /// Pushes what a queue's own loop was woken up for: requests that were completed since they were submitted.
  ///
  /// - Parameter index: which queue it is; it may not be in use any more.
  func collect(_ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext)

  /// Returns when guest memory is read and written no more for any request that was taken: their driver takes a queue back.
  func settle()

  /// Forgets what it was told, and what it was doing: it has settled when this returns.
  func reset()
}

extension VirtioDevice {
  /// None.
  package var arrival: CInt? { nil }

  /// Nothing, for a device that completes all requests as it takes them.
  package func collect(_ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext) {}

  /// Nothing, for a device that completes all requests as it takes them.
  package func collect(
    _ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {}

  /// Nothing, for a device that completes all requests as it takes them.
  package func settle() {}

  /// Nothing, unless a device has something to be written.
  package func writeConfiguration(offset: UInt32, size: Int, value: UInt64) {}
}

/// Told when a guest breaks one of its queues.
package protocol FaultObserver: AnyObject, Sendable {
  /// The queue is of no use until the driver resets the device.
  func queueBroke(_ device: DeviceID, queue: Int, _ fault: QueueFault, by thread: ThreadContext)
}
