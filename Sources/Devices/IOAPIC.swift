import GuestRAM

/// Where an I/O APIC sends its interrupts.
public protocol InterruptMessageSink: AnyObject, Sendable {
  /// The unmasked lines and the messages that they send were changed by the guest.
  func routesChanged(_ routes: [IOAPIC.Route])
  /// The guest ended the interrupt of a level-triggered line.
  func interruptEnded(line: UInt32)
  /// The I/O APIC was reset; its lines are all masked.
  func reset()
}

/// An I/O APIC (Intel 82093AA) for machines whose kernel holds only the local APICs: the guest programs it, and each
/// line becomes a message-signalled interrupt.
///
/// The sink keeps lines' levels; lines of devices that only pulse theirs are delivered once for each pulse, also where the guest makes them
/// level-triggered.
public final class IOAPIC: BusDevice, @unchecked Sendable {
  /// The number of lines.
  public static let lineCount = 24

  /// What a line sends.
  public struct Route: Sendable, Equatable {
    /// The line.
    public let line: UInt32
    /// The message's address (Intel SDM volume 3, section 11.11.1).
    public let address: UInt64
    /// The message's data.
    public let data: UInt32
  }

  /// The number in the trace.
  public let id: DeviceID
  private let sink: any InterruptMessageSink
  // Under the device's lock.
  private var selected: UInt8 = 0
  private var identity: UInt32 = 0
  private var entries = [UInt64](repeating: IOAPIC.masked, count: IOAPIC.lineCount)

  private static let masked: UInt64 = 1 << 16
  private static let levelTriggered: UInt64 = 1 << 15
  private static let remoteIRR: UInt64 = 1 << 14
  private static let readOnly: UInt64 = 1 << 14 | 1 << 12

  /// Makes an I/O APIC with all lines masked.
  public init(id: DeviceID, sink: any InterruptMessageSink) {
    self.id = id
    self.sink = sink
  }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    switch offset {
    case 0x00: return UInt64(selected)
    case 0x10: return UInt64(register(selected))
    default: return 0
    }
  }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    switch offset {
    case 0x00: selected = UInt8(truncatingIfNeeded: value)
    case 0x10: setRegister(selected, UInt32(truncatingIfNeeded: value))
    case 0x40: endOfInterrupt(vector: UInt8(truncatingIfNeeded: value))
    default: break
    }
  }

  /// Puts the device into its power-on state.
  public func reset() {
    selected = 0
    identity = 0
    entries = [UInt64](repeating: IOAPIC.masked, count: IOAPIC.lineCount)
    sink.reset()
    sink.routesChanged([])
  }

  /// The guest ended the interrupt of a vector: level-triggered lines may interrupt again.
  public func endOfInterrupt(vector: UInt8) {
    for index in entries.indices where UInt8(truncatingIfNeeded: entries[index]) == vector {
      entries[index] &= ~IOAPIC.remoteIRR
      if entries[index] & IOAPIC.levelTriggered != 0 { sink.interruptEnded(line: UInt32(index)) }
    }
  }

  private func register(_ index: UInt8) -> UInt32 {
    switch index {
    case 0: return identity
    case 1: return UInt32(IOAPIC.lineCount - 1) << 16 | 0x20
    case 2: return identity
    case 0x10..<(0x10 + 2 * UInt8(IOAPIC.lineCount)):
      let entry = entries[Int(index - 0x10) / 2]
      return UInt32(truncatingIfNeeded: index % 2 == 0 ? entry : entry >> 32)
    default: return 0
    }
  }

  private func setRegister(_ index: UInt8, _ value: UInt32) {
    if index == 0 { identity = value & 0x0f00_0000 }
    guard index >= 0x10, index < 0x10 + 2 * UInt8(IOAPIC.lineCount) else { return }
    let line = Int(index - 0x10) / 2
    let old = entries[line]
    if index % 2 == 0 {
      let writable = UInt64(value) & ~IOAPIC.readOnly
      entries[line] = old & (0xffff_ffff_0000_0000 | IOAPIC.readOnly) | writable
    } else {
      entries[line] = old & 0xffff_ffff | UInt64(value) << 32
    }
    if entries[line] != old { sink.routesChanged(routes()) }
  }

  private func routes() -> [Route] {
    entries.enumerated().compactMap { line, entry in
      guard entry & IOAPIC.masked == 0 else { return nil }
      let destination = entry >> 56
      let logical = entry >> 11 & 1
      let vectorAndMode = UInt32(truncatingIfNeeded: entry & 0x7ff)
      let level: UInt32 = entry & IOAPIC.levelTriggered != 0 ? 1 << 15 | 1 << 14 : 0
      return Route(
        line: UInt32(line), address: 0xfee0_0000 | destination << 12 | logical << 2,
        data: vectorAndMode | level)
    }
  }
}
