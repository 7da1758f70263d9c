import Board
import Devices
import GuestRAM
import Platform
import Virtio

/// What devices are made of beside their slots.
struct DeviceParts {
  let memory: GuestMemory
  let observer: any DeviceObserver
  /// Told what becomes of queues.
  let queues: any QueueObserver
  /// What is behind the disks, in their order.
  let disks: [any BlockBackend]
  /// How they are described.
  let diskOptions: [MachineConfiguration.Disk]
  /// Ports of the virtio console, and what they lead to.
  let ports: [(ConsolePortDescription, CharacterPeer)]
  /// Where the guest leaves time stamps of its requests.
  let stamps: KickStamps?
  /// The network interfaces, without their registers.
  let networks: [NetDevice]
  let control: any PowerControl
  /// Where the serial port's output goes.
  let output: any ByteSink
  /// Where the debug console's goes.
  let debugOutput: any ByteSink
  /// Sets the lines that the test device drives.
  let levels: any InterruptLevels
  /// ACPI's events, of which the real-time clock's alarm is one.
  let powerEvents: PowerManagementEvents
  /// Calls the real-time clock.
  let clockTimer: any DeviceTimer
  /// Present where the I/O APIC is one of the devices.
  let routes: InterruptRoutes?
  /// Makes a line of a device; also while the guest runs, for those that it asks for.
  let line: @Sendable (DeviceID, UInt32) throws(MachineError) -> any InterruptLine
}

/// The devices of a machine: one for each slot of the board, in the same order.
struct DeviceSet {
  let layout: BoardLayout
  let devices: [any BusDevice]

  /// Makes the devices.
  init(_ layout: BoardLayout, _ parts: DeviceParts) throws(MachineError) {
    self.layout = layout
    var devices: [any BusDevice] = []
    for slot in layout.slots { devices.append(try DeviceSet.make(slot, layout, parts)) }
    self.devices = devices
  }

  private static func make(
    _ slot: Slot, _ layout: BoardLayout, _ parts: DeviceParts
  ) throws(MachineError) -> any BusDevice {
    let id = DeviceID(slot.id)
    switch slot.kind {
    case .serial:
      return Serial16550A(id: id, interrupt: try interrupt(of: slot, parts), output: parts.output)
    case .doorbell:
      let (lines, line) = (slot.queueLines, parts.line)
      return Doorbell(
        id: id, interrupt: try interrupt(of: slot, parts), observer: parts.observer
      ) { number in
        guard lines?.contains(number) == true else { return nil }
        // Where the process has no descriptors left, the guest finds its register unchanged and an error counted.
        return try? line(id, number)
      }
    case .disk:
      guard let index = layout.slots(of: .disk).firstIndex(of: slot), index < parts.disks.count else {
        throw MachineError("\(slot.name): nothing is behind it")
      }
      let disk = BlockDevice(
        id: id, parts.disks[index], queues: slot.kicks.count, cache: parts.diskOptions[index].cache,
        serial: parts.diskOptions[index].serial ?? "exeunt-\(slot.name)", stamps: parts.stamps,
        observer: parts.observer)
      return MMIOTransport(id: id, disk, interrupt: try interrupt(of: slot, parts), observer: parts.queues)
    case .network:
      guard let network = parts.networks.first(where: { $0.id == id }) else {
        throw MachineError("\(slot.name): nothing is behind it")
      }
      return MMIOTransport(
        id: id, network, interrupt: try interrupt(of: slot, parts), observer: parts.queues)
    case .entropy:
      let entropy: EntropyDevice
      do {
        entropy = try EntropyDevice(id: id, stamps: parts.stamps, observer: parts.observer)
      } catch {
        throw MachineError("eventfd for \(slot.name)", error)
      }
      return MMIOTransport(id: id, entropy, interrupt: try interrupt(of: slot, parts), observer: parts.queues)
    case .console:
      let console: ConsoleDevice
      do {
        console = try ConsoleDevice(id: id, parts.ports, stamps: parts.stamps, observer: parts.observer)
      } catch {
        throw MachineError("preparing \(slot.name)", error)
      }
      return MMIOTransport(id: id, console, interrupt: try interrupt(of: slot, parts), observer: parts.queues)
    case .scratch: return ScratchRegister(id: id)
    case .marker: return MarkerPort(id: id, observer: parts.observer)
    case .keyboard:
      return KeyboardController(
        id: id, control: parts.control, interrupt: slot.line == nil ? nil : try interrupt(of: slot, parts))
    case .resetControl: return ResetControl(id: id, control: parts.control)
    case .debugConsole: return DebugConsole(id: id, output: parts.debugOutput)
    case .debugExit: return DebugExitPort(id: id, control: parts.control)
    case .powerOff: return PowerOffPort(id: id, control: parts.control)
    case .clock:
      let ram = sizes(of: parts.memory)
      return RealTimeClock(
        id: id, ramBelow4GiB: ram.low, ramAbove4GiB: ram.high, interrupt: try interrupt(of: slot, parts),
        alarm: parts.powerEvents, timer: parts.clockTimer
      ) { Int64(truncatingIfNeeded: Clock.realtime) }
    case .powerTimer: return PowerManagementTimer(id: id) { Clock.monotonic }
    case .powerEvents: return parts.powerEvents
    case .edgeLevels: return EdgeLevelControl(id: id)
    case .firmwareConfiguration:
      return FirmwareConfiguration(
        id: id, ramBelow4GiB: sizes(of: parts.memory).low, vcpus: layout.options.vcpus)
    case .testDevice: return TestDevice(id: id, levels: parts.levels)
    case .ioapic:
      guard let routes = parts.routes else { throw MachineError("\(slot.name): the kernel has one already") }
      return IOAPIC(id: id, sink: routes)
    }
  }

  /// The line of a device; one that leads nowhere on boards without interrupts.
  private static func interrupt(
    of slot: Slot, _ parts: DeviceParts
  ) throws(MachineError) -> any InterruptLine {
    guard let line = slot.line else { return UnconnectedLine() }
    return try parts.line(DeviceID(slot.id), line)
  }

  private static func sizes(of memory: GuestMemory) -> (low: UInt64, high: UInt64) {
    let regions = memory.layout.regions
    return (regions[0].length, regions.dropFirst().reduce(0) { $0 + $1.length })
  }

  /// The device of a slot that every board has, and its slot.
  func device<Device: BusDevice>(_ kind: Slot.Kind, as type: Device.Type) -> (device: Device, slot: Slot) {
    let slot = layout.slot(kind)
    for device in devices where device.id.rawValue == slot.id {
      if let device = device as? Device { return (device, slot) }
    }
    preconditionFailure("\(slot.name) is no \(type)")
  }

  /// The buses on which the devices are found.
  func buses() throws(MachineError) -> (ports: Bus, memory: Bus) {
    func bus(_ space: AddressSpace) throws(BusError) -> Bus {
      var ranges: [Bus.Range] = []
      for (slot, device) in zip(layout.slots, devices) {
        ranges += slot.ranges.filter { $0.space == space }.map {
          Bus.Range(start: $0.start, length: $0.length, device: device, window: $0.window)
        }
      }
      return try Bus(name: "\(space)", limit: space.limit, ranges)
    }
    do {
      return (try bus(.port), try bus(.memory))
    } catch {
      throw MachineError(error.description)
    }
  }
}
