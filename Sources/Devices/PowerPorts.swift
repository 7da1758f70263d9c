import GuestRAM

/// The port that ends a run with an exit status of the guest's choice, as QEMU's `isa-debug-exit`.
public final class DebugExitPort: BusDevice {
  /// The number in the trace.
  public let id: DeviceID
  private let control: any PowerControl

  /// Makes the port.
  public init(id: DeviceID, control: any PowerControl) {
    self.id = id
    self.control = control
  }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 { 0 }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    control.debugExit(value: UInt32(truncatingIfNeeded: value))
  }

  /// Puts the device into its power-on state.
  public func reset() {}
}

/// ACPI's PM1a control block (ACPI 6.4, section 4.8.3.2.1). SCI_EN reads one: there is no SMI command with which a system could
/// switch to ACPI mode, so the machine is in it from the start. Setting SLP_EN with the sleep type of `\_S3` puts the machine to
/// sleep; with that of `\_S5`, or of QEMU's machines, which small kernels use without asking, it ends the run in good order.
public final class PowerOffPort: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID
  private static let sciEnable: UInt64 = 1 << 0
  private static let sleepEnable: UInt64 = 1 << 13
  /// BM_RLD and SLP_TYP: what reads as it was written. GBL_RLS and SLP_EN are commands and read zero.
  private static let kept: UInt64 = 1 << 1 | 7 << 10
  private static let softOff: [UInt8] = [5, 0]
  // QEMU's, too.
  private static let suspendToRAM: UInt8 = 1
  private let control: any PowerControl
  // Accessed under the device's lock.
  private var register: UInt64 = 0

  /// Makes the port.
  public init(id: DeviceID, control: any PowerControl) {
    self.id = id
    self.control = control
  }

  /// Reads the register, or a part of it.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    (register | PowerOffPort.sciEnable) >> (8 * UInt64(offset & 1))
  }

  /// Writes the register, or a part of it.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    let shift = 8 * UInt64(offset & 1)
    let mask: UInt64 = (size >= 2 ? 0xffff : 0xff) << shift
    let written = value << shift & mask
    register = (register & ~mask | written) & PowerOffPort.kept
    guard written & PowerOffPort.sleepEnable != 0 else { return }
    // The type is in the byte that has SLP_EN.
    let type = UInt8(written >> 10 & 7)
    switch type {
    case PowerOffPort.suspendToRAM: control.suspend()
    case _ where PowerOffPort.softOff.contains(type): control.powerOff()
    default: control.sleep(type: type)
    }
  }

  /// Puts the device into its power-on state.
  public func reset() { register = 0 }
}

/// The port through which a guest leaves marks in the trace.
public final class MarkerPort: BusDevice {
  /// The number in the trace.
  public let id: DeviceID
  private let observer: any DeviceObserver

  /// Makes the port.
  public init(id: DeviceID, observer: any DeviceObserver) {
    self.id = id
    self.observer = observer
  }

  /// Reads a register.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 { 0 }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    observer.mark(UInt32(truncatingIfNeeded: value), by: thread)
  }

  /// Puts the device into its power-on state.
  public func reset() {}
}
