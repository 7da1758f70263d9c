import GuestRAM
import Synchronization

/// Somebody who is told when the alarm of the real-time clock goes off.
public protocol AlarmObserver: AnyObject, Sendable {
  /// The alarm's flag is set and its interrupt enabled.
  func alarmWentOff(by thread: ThreadContext)
}

/// ACPI's PM1 event block (ACPI 6.4, section 4.8.3.1): what has happened, and what of it interrupts, or wakes the machine up.
///
/// Two things happen here: the real-time clock's alarm goes off, and the machine wakes up. The line of the system control interrupt is
/// high while one is noted that is enabled; the second has no interrupt.
public final class PowerManagementEvents: BusDevice, AlarmObserver {
  /// Bits of the status register; an enable bit has the place of its status bit.
  struct Bits: OptionSet {
    let rawValue: UInt16
    static let clock = Bits(rawValue: 1 << 10)
    static let wake = Bits(rawValue: 1 << 15)
  }

  private struct Registers {
    var status: Bits = []
    var enable = Bits()
    var isLineHigh = false
    // Of what interrupts.
    var isPending: Bool { status.contains(.clock) && enable.contains(.clock) }
  }

  /// The number in the trace.
  public let id: DeviceID
  private let line: UInt32
  private let levels: any InterruptLevels
  // Not under the device's lock alone: the clock tells of its alarm under its own.
  private let registers = Mutex(Registers())

  /// Makes the block.
  ///
  /// - Parameter line: of the system control interrupt, level-triggered.
  public init(id: DeviceID, line: UInt32, levels: any InterruptLevels) {
    self.id = id
    self.line = line
    self.levels = levels
  }

  /// Reads status (offset 0) or enable (offset 2).
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    let block = registers.withLock { UInt64($0.enable.rawValue) << 16 | UInt64($0.status.rawValue) }
    return block >> (8 * UInt64(offset & 3))
  }

  /// Writes: ones clear status bits; enable keeps what is written.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    let shift = 8 * UInt64(offset & 3)
    let mask: UInt64 = size >= 4 ? 0xffff_ffff : (1 << (8 * UInt64(size))) - 1
    let (bits, written) = (mask << shift, (value & mask) << shift)
    registers.withLock { registers in
      registers.status.subtract(Bits(rawValue: UInt16(truncatingIfNeeded: written)))
      let kept = registers.enable.rawValue & ~UInt16(truncatingIfNeeded: bits >> 16)
      registers.enable = Bits(rawValue: kept | UInt16(truncatingIfNeeded: written >> 16))
      settle(&registers, by: thread)
    }
  }

  /// Puts the device into its power-on state.
  public func reset() {
    let context = ThreadContext(kind: .main, id: 0)
    registers.withLock { registers in
      registers.status = []
      registers.enable = []
      settle(&registers, by: context)
    }
  }

  /// Notes the alarm.
  public func alarmWentOff(by thread: ThreadContext) {
    registers.withLock { registers in
      registers.status.insert(.clock)
      settle(&registers, by: thread)
    }
  }

  // MARK: Sleep

  /// Whether the alarm is to wake the machine up (RTC_EN).
  public var isAlarmEnabled: Bool { registers.withLock { $0.enable.contains(.clock) } }

  /// Whether something has happened that wakes the machine up.
  public var hasWakeEvent: Bool { registers.withLock { $0.isPending } }

  /// The machine wakes up: notes that (WAK_STS), and raises the line anew where it was high, for the interrupt controllers have
  /// forgotten it.
  public func wake(by thread: ThreadContext) {
    registers.withLock { registers in
      registers.status.insert(.wake)
      guard registers.isLineHigh else { return }
      levels.set(line: line, high: false, device: id, by: thread)
      levels.set(line: line, high: true, device: id, by: thread)
    }
  }

  private func settle(_ registers: inout Registers, by thread: ThreadContext) {
    guard registers.isLineHigh != registers.isPending else { return }
    registers.isLineHigh = registers.isPending
    levels.set(line: line, high: registers.isLineHigh, device: id, by: thread)
  }
}
