import GuestRAM

/// Two 32-bit registers that read back what was written: the plainest possible target for measuring exits.
public final class ScratchRegister: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID
  // Accessed under the device's lock.
  private var bytes: UInt64 = 0

  /// Makes the registers, zero.
  public init(id: DeviceID) {
    self.id = id
  }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    guard offset < 8 else { return 0 }
    return bytes >> (8 * UInt64(offset))
  }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    guard offset < 8 else { return }
    let shift = 8 * UInt64(offset)
    let mask: UInt64 = size >= 8 ? .max : (1 << (8 * UInt64(size))) - 1
    bytes = (bytes & ~(mask << shift)) | ((value & mask) << shift)
  }

  /// Puts the device into its power-on state.
  public func reset() { bytes = 0 }
}
