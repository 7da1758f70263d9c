import Devices
import GuestRAM
import Platform

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
  /// What its loops wait for to have it collect.
  var sources: [DeviceSource] { get }
  /// What went wrong on the host's side of it, a line each for whoever runs the machine.
  var troubles: [String] { get }

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

  /// Pushes what a loop was woken up for, such as requests that were completed since they were submitted, each to its queue.
  ///
  /// - Parameters:
  ///   - source: which of its sources is ready.
  ///   - queues: all of the device's, of which it uses the source's; they may not be in use any more.
  func collect(source: Int, _ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext)

  /// What a source's packets are waited for from now on. Asked after each `collect` for it; before the first, nothing is.
  func interest(source: Int) -> Readiness

  /// Returns when guest memory is read and written no more for any request that was taken: their driver takes a queue back.
  func settle()

  /// Forgets what it was told, and what it was doing: it has settled when this returns, and requests that it had taken are
  /// given up.
  func reset(by thread: ThreadContext)
}

extension VirtioDevice {
  /// None, for a device with nothing on the host that could fail.
  package var troubles: [String] { [] }

  /// None, for a device that completes all requests as it takes them.
  package var sources: [DeviceSource] { [] }

  /// Nothing, for a device that completes all requests as it takes them.
  package func collect(
    source: Int, _ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext
  ) {}

  /// Nothing, for a device without packets.
  package func interest(source: Int) -> Readiness { [] }

  /// Nothing, for a device that completes all requests as it takes them.
  package func settle() {}

  /// Nothing, unless a device has something to be written.
  package func writeConfiguration(offset: UInt32, size: Int, value: UInt64) {}
}

/// Told what becomes of devices' queues.
package protocol QueueObserver: AnyObject, Sendable {
  /// The driver kicked a queue, by an access that no ioeventfd took.
  func queueKicked(_ device: DeviceID, queue: Int, by thread: ThreadContext)
  /// The driver can see what was completed.
  func queuePublished(
    _ device: DeviceID, queue: Int, _ publication: Virtqueue.Publication, by thread: ThreadContext)
  /// The guest broke a queue, which is of no use until the driver resets the device.
  func queueBroke(_ device: DeviceID, queue: Int, _ fault: QueueFault, by thread: ThreadContext)
}
