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

/// ACPI's PM1a control block as far as powering off goes (ACPI 6.4, section 4.8.3.2.1): setting SLP_EN ends the run, in good
/// order with the sleep type of `\_S5`, or with that of QEMU's machines, which small kernels use without asking.
public final class PowerOffPort: BusDevice {
  /// The number in the trace.
  public let id: DeviceID
  private static let sleepEnable: UInt64 = 1 << 13
  private static let softOff: [UInt8] = [5, 0]
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
    let register = value << (8 * UInt64(offset))
    guard register & PowerOffPort.sleepEnable != 0 else { return }
    let type = UInt8(register >> 10 & 7)
    if PowerOffPort.softOff.contains(type) { control.powerOff() } else { control.sleep(type: type) }
  }

  /// Puts the device into its power-on state.
  public func reset() {}
}

/// An 8042 keyboard controller as far as resetting the machine goes: command 0xfe pulses the reset line.
public final class KeyboardController: BusDevice {
  /// The number in the trace.
  public let id: DeviceID
  private let control: any PowerControl

  /// The window of the command and status port, 0x64.
  public static let commandWindow = 1

  /// Makes the controller.
  public init(id: DeviceID, control: any PowerControl) {
    self.id = id
    self.control = control
  }

  /// The status says that both buffers are empty, so that a driver neither waits for input nor for room.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 { 0 }

  /// Writes a register.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    if window == KeyboardController.commandWindow, value & 0xff == 0xfe { control.reset() }
  }

  /// Puts the device into its power-on state.
  public func reset() {}
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
