/// What a thread's time is spent on: an index into its totals.
public enum TimeCategory {
  /// The trace does not prove what the thread did (events lost, or out of sequence).
  public static let unknown = 0
  /// vCPU: between `vcpu_run_enter` and `vcpu_run_exit`.
  public static let inKvmRun = 1
  /// Userspace outside any device or handler. For a loop: between waking, handlers and the next wait.
  public static let other = 2
  /// Waiting for a lock.
  public static let lock = 3
  /// Loop: blocked in its wait.
  public static let asleep = 4
  /// Loop: busy polling.
  public static let polling = 5
  /// Loop: in the handler of a source that belongs to no device, by source kind.
  public static let sources = 6
  /// In the handler of a device, by device id; ids from `Limits.devices` on share the last one.
  public static let devices = 16
  /// Number of categories.
  public static let count = devices + Limits.devices + 1

  /// The category of a device's handler.
  @inline(__always)
  static func device(_ id: UInt64) -> Int { devices &+ Int(min(id, UInt64(Limits.devices))) }

  /// The category of a loop's handler; device 65535 is no device.
  @inline(__always)
  static func handler(source: UInt64, device id: UInt64) -> Int {
    id < 0xffff ? device(id) : sources &+ Int(min(source, 9))
  }
}
