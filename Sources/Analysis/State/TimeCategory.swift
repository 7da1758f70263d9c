/// What a thread's time is spent on: an index into its totals.
package enum TimeCategory {
  /// The trace does not prove what the thread did (events lost, or out of sequence).
  package static let unknown = 0
  /// vCPU: between `vcpu_run_enter` and `vcpu_run_exit`.
  package static let inKvmRun = 1
  /// Userspace outside any device or handler. For a loop: between waking, handlers and the next wait.
  package static let other = 2
  /// Waiting for a lock.
  package static let lock = 3
  /// Loop: blocked in its wait.
  package static let asleep = 4
  /// Loop: busy polling.
  package static let polling = 5
  /// Loop: in the handler of a source that belongs to no device, by source kind.
  package static let sources = 6
  /// In the handler of a device, by device id; ids from `Limits.devices` on share the last one.
  package static let devices = 16
  /// Number of categories.
  package static let count = devices + Limits.devices + 1

  /// The category of a device's handler.
  @inline(__always)
  static func device(_ id: UInt64) -> Int { devices &+ Int(min(id, UInt64(Limits.devices))) }

  /// The category of a loop's handler; device 65535 is no device.
  @inline(__always)
  static func handler(source: UInt64, device id: UInt64) -> Int {
    id < 0xffff ? device(id) : sources &+ Int(min(source, 9))
  }
}
