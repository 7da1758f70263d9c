import Devices
import GuestRAM
import Platform

/// The devices of a machine, where they appear and which lines they raise (docs/guest-abi.md).
struct DeviceSet {
  /// A range with the line of its device, for the state dump.
  struct Placement {
    let device: any BusDevice
    let isPort: Bool
    let start: UInt64
    let length: UInt64
    var window = 0
    var line: Int32 = -1
  }

  static let doorbellPort: UInt16 = 0xd00
  static let doorbellMemory: UInt64 = 0xd000_0000
  static let serialLine: UInt32 = 4
  static let doorbellLine: UInt32 = 5
  static let clockLine: UInt32 = 8

  let serial: Serial16550A
  let doorbell: Doorbell
  let clock: RealTimeClock
  let placements: [Placement]
  /// Each device once.
  let devices: [any BusDevice]

  /// Makes the devices.
  ///
  /// - Parameters:
  ///   - levels: sets the lines that the test device drives.
  ///   - clockTimer: calls the real-time clock.
  ///   - line: makes the line of a device; called once for each line, for those that a guest asks for while it runs.
  ///   - routes: present where the I/O APIC is one of the devices.
  init(
    memory: GuestMemory, vcpus: Int, observer: any DeviceObserver, control: any PowerControl,
    output: any ByteSink, levels: any InterruptLevels, clockTimer: any DeviceTimer, routes: InterruptRoutes?,
    line: @escaping @Sendable (DeviceID, UInt32) throws(MachineError) -> any InterruptLine
  ) throws(MachineError) {
    serial = Serial16550A(
      id: DeviceID(1), name: "serial0", interrupt: try line(DeviceID(1), DeviceSet.serialLine), output: output
    )
    doorbell = Doorbell(
      id: DeviceID(2), name: "doorbell0", memory: memory,
      interrupt: try line(DeviceID(2), DeviceSet.doorbellLine), observer: observer
    ) { number in
      // Where the process has no descriptors left, the guest finds its register unchanged and an error counted.
      try? line(DeviceID(2), number)
    }
    let scratch = ScratchRegister(id: DeviceID(3), name: "scratch0")
    let marker = MarkerPort(id: DeviceID(4), observer: observer)
    let keyboard = KeyboardController(id: DeviceID(5), control: control)
    let resetControl = ResetControl(id: DeviceID(15), control: control)
    let debugExit = DebugExitPort(id: DeviceID(6), control: control)
    let powerOff = PowerOffPort(id: DeviceID(7), control: control)
    let firmware = try FirmwareDevices(
      memory.layout, vcpus: vcpus, levels: levels, clockTimer: clockTimer, line: line)
    clock = firmware.clock
    var placements =
      [
        Placement(device: serial, isPort: true, start: 0x3f8, length: 8, line: Int32(DeviceSet.serialLine)),
        Placement(
          device: doorbell, isPort: true, start: UInt64(DeviceSet.doorbellPort), length: 0x180,
          line: Int32(DeviceSet.doorbellLine)),
        Placement(
          device: doorbell, isPort: false, start: DeviceSet.doorbellMemory, length: 0x1000, window: 1,
          line: Int32(DeviceSet.doorbellLine)),
        Placement(device: scratch, isPort: true, start: 0x590, length: 8),
        Placement(device: scratch, isPort: false, start: 0xd000_1000, length: 0x1000, window: 1),
        Placement(device: marker, isPort: true, start: 0x580, length: 4),
        Placement(device: keyboard, isPort: true, start: 0x60, length: 1),
        Placement(
          device: keyboard, isPort: true, start: 0x64, length: 1, window: KeyboardController.commandWindow),
        Placement(device: resetControl, isPort: true, start: 0xcf9, length: 1),
        Placement(
          device: resetControl, isPort: true, start: 0x92, length: 1, window: ResetControl.portAWindow),
        Placement(device: debugExit, isPort: true, start: 0xf4, length: 4),
        Placement(device: powerOff, isPort: true, start: 0x604, length: 2),
      ] + firmware.placements
    var devices: [any BusDevice] =
      [serial, doorbell, scratch, marker, keyboard, resetControl, debugExit, powerOff] + firmware.devices
    if let routes {
      let controller = IOAPIC(id: DeviceID(8), sink: routes)
      placements.append(
        Placement(device: controller, isPort: false, start: IOAPIC.address, length: IOAPIC.length))
      devices.append(controller)
    }
    self.placements = placements
    self.devices = devices
  }

  /// The buses on which the devices are found.
  func buses() throws(MachineError) -> (ports: Bus, memory: Bus) {
    func ranges(_ isPort: Bool) -> [Bus.Range] {
      placements.filter { $0.isPort == isPort }.map {
        Bus.Range(start: $0.start, length: $0.length, device: $0.device, window: $0.window)
      }
    }
    do {
      return (
        try Bus(name: "port", limit: 0x1_0000, ranges(true)),
        try Bus(name: "memory", limit: 1 << 52, ranges(false))
      )
    } catch {
      throw MachineError(error.description)
    }
  }
}
