import GuestRAM

/// ACPI's power management timer (ACPI 6.4, section 4.8.3.3): 24 bits that count at 3.579545 MHz.
public final class PowerManagementTimer: BusDevice {
  /// The number in the trace.
  public let id: DeviceID
  private let now: @Sendable () -> UInt64

  /// Ticks in a second.
  static let frequency: UInt64 = 3_579_545

  /// Makes a timer.
  ///
  /// - Parameter now: nanoseconds from some moment on.
  public init(id: DeviceID, now: @escaping @Sendable () -> UInt64) {
    self.id = id
    self.now = now
  }

  /// Reads the counter, or a part of it.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    let (high, low) = now().multipliedFullWidth(by: PowerManagementTimer.frequency)
    // 2^64 ns are 584 years: the quotient fits.
    let ticks = high < 1_000_000_000 ? UInt64(1_000_000_000).dividingFullWidth((high, low)).quotient : 0
    return (ticks & 0xff_ffff) >> (8 * UInt64(offset & 3))
  }

  /// The counter cannot be written.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {}

  /// The counter goes on.
  public func reset() {}
}

/// The edge/level control registers of the two 8259s (ports 0x4d0 and 0x4d1). The kernel has its own where it has the
/// controllers, and then no access comes here; else there are no 8259s and what is written changes nothing.
public final class EdgeLevelControl: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID
  // Accessed under the device's lock.
  private var bits: UInt64 = 0
  // Lines 0, 1, 2, 8 and 13 cannot be level-triggered.
  private static let writable: UInt64 = 0xdef8

  /// Makes the registers.
  public init(id: DeviceID) { self.id = id }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    bits >> (8 * UInt64(offset & 1))
  }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    let shift = 8 * UInt64(offset & 1)
    let mask: UInt64 = size >= 2 ? 0xffff : 0xff
    bits = (bits & ~(mask << shift) | (value & mask) << shift) & EdgeLevelControl.writable
  }

  /// Puts the device into its power-on state.
  public func reset() { bits = 0 }
}
