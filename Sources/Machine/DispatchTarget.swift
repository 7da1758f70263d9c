import Devices
import Platform

/// A device as the dispatcher knows it: what an access needs of it, asked once.
///
/// An object that never changes, so that a dispatch borrows all of it: no reference is counted up and down for an exit, which
/// would be two atomic operations each.
final class DispatchTarget: Sendable {
  let device: any BusDevice
  /// The device's number in the trace.
  let id: UInt16
  /// Nil where accesses may overlap.
  let lock: Lock?
  /// Only of a device that has a lock.
  let backlog: (any Backlog)?

  /// Describes a device.
  init(_ device: any BusDevice, hasLock: Bool) {
    self.device = device
    id = device.id.rawValue
    lock = hasLock ? Lock() : nil
    backlog = hasLock ? device.backlog : nil
  }
}
