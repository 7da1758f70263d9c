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
  /// The lock's number in the trace; of no meaning without one.
  let lockID: UInt16
  /// What a handler leaves to be done when the lock is free again.
  let backlog: (any Backlog)?

  /// Describes a device.
  ///
  /// - Parameter lock: what is held around its code, and its number in the trace; nil where accesses may overlap.
  init(_ device: any BusDevice, lock: (lock: Lock, id: UInt16)?) {
    self.device = device
    id = device.id.rawValue
    self.lock = lock?.lock
    lockID = lock?.id ?? .max
    backlog = device.backlog
  }
}
