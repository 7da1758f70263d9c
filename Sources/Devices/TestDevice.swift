import GuestRAM

/// Interrupt lines whose level can be set.
public protocol InterruptLevels: AnyObject, Sendable {
  /// Sets the level of a line of the interrupt controllers.
  func set(line: UInt32, high: Bool, device: DeviceID, by thread: ThreadContext)
}

/// The device that kvm-unit-tests' programs use (QEMU's `pc-testdev`): a register that reads back what was written, at
/// ports 0xe0 and 0xe8, one port for each interrupt line, from 0x2000 on, and 64 KiB that behave like memory and are
/// registers all the same: each access is an exit.
public final class TestDevice: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID
  /// The window of the interrupt lines.
  public static let linesWindow = 1
  /// Interrupt lines.
  public static let lineCount = 24
  /// The window of the memory.
  public static let memoryWindow = 2
  /// Bytes of it.
  public static let memorySize = 64 << 10

  private let levels: any InterruptLevels
  // Accessed under the device's lock.
  private var bytes: UInt64 = 0
  private var high: UInt32 = 0
  // Zeros until the guest first writes there, which hardly any guest does.
  private var contents: [UInt8] = []

  /// Makes the device.
  public init(id: DeviceID, levels: any InterruptLevels) {
    self.id = id
    self.levels = levels
  }

  /// Reads the register, or memory; the ports of lines read as zero.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    if window == TestDevice.memoryWindow {
      return (0..<min(size, 8)).reduce(0) { value, index in
        let place = Int(offset) + index
        return value | (contents.indices.contains(place) ? UInt64(contents[place]) << UInt64(8 * index) : 0)
      }
    }
    guard window == 0, offset & 4 == 0 else { return 0 }
    return bytes >> (8 * UInt64(offset & 3))
  }

  /// Writes the register or memory, or sets a line: any value but zero makes it high.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    if window == TestDevice.linesWindow {
      guard offset < TestDevice.lineCount, size == 1 else { return }
      set(line: offset, high: value & 0xff != 0, by: thread)
      return
    }
    if window == TestDevice.memoryWindow {
      if contents.isEmpty { contents = [UInt8](repeating: 0, count: TestDevice.memorySize) }
      for index in 0..<min(size, 8) where contents.indices.contains(Int(offset) + index) {
        contents[Int(offset) + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
      }
      return
    }
    // The four ports from 0xe4 on flush a page of the host's tables, of which nothing is to be seen.
    guard offset & 4 == 0 else { return }
    let shift = 8 * UInt64(offset & 3)
    let mask: UInt64 = size >= 4 ? 0xffff_ffff : (1 << (8 * UInt64(size))) - 1
    bytes = (bytes & ~(mask << shift) | (value & mask) << shift) & 0xffff_ffff
  }

  private func set(line: UInt32, high isHigh: Bool, by thread: ThreadContext) {
    let bit: UInt32 = 1 << line
    guard (high & bit != 0) != isHigh else { return }
    high ^= bit
    levels.set(line: line, high: isHigh, device: id, by: thread)
  }

  /// Puts the device into its power-on state. The interrupt controllers forget the lines' levels in a reset of their own.
  public func reset() {
    bytes = 0
    high = 0
    contents = []
  }
}
