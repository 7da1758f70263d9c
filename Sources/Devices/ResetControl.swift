import GuestRAM

/// The chipset's ways to reset the machine, beside the keyboard controller's: the reset control register at port 0xcf9
/// (Intel 82371AB (PIIX3) datasheet, section 2.5.1) and the fast reset of system control port A, port 0x92.
public final class ResetControl: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID
  /// The window of port 0x92.
  public static let portAWindow = 1

  private static let resetProcessor: UInt64 = 1 << 2
  private static let fastReset: UInt64 = 1 << 0
  // Address line 20 is never masked here.
  private static let line20: UInt64 = 1 << 1

  private let control: any PowerControl
  // Accessed under the device's lock.
  private var register: UInt64 = 0
  private var portA: UInt64 = 0

  /// Makes the registers.
  public init(id: DeviceID, control: any PowerControl) {
    self.id = id
    self.control = control
  }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    window == ResetControl.portAWindow ? portA | ResetControl.line20 : register
  }

  /// Writes a register: where the bit that resets becomes one, the machine is reset. Whether all of it or the processors
  /// alone is asked for (bit 1 of 0xcf9) makes no difference.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    let value = value & 0xff
    let (bit, old) =
      window == ResetControl.portAWindow
      ? (ResetControl.fastReset, portA) : (ResetControl.resetProcessor, register)
    if window == ResetControl.portAWindow { portA = value } else { register = value }
    if value & ~old & bit != 0 { control.reset() }
  }

  /// Puts the device into its power-on state.
  public func reset() {
    register = 0
    portA = 0
  }
}
