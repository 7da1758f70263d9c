import Boot
import Devices
import GuestRAM
import Platform

/// The small devices of a PC that kernels and test programs look for, beside those of `DeviceSet`.
struct FirmwareDevices {
  /// Each device once.
  let devices: [any BusDevice]
  let placements: [DeviceSet.Placement]
  let clock: RealTimeClock

  init(
    _ layout: RAMLayout, vcpus: Int, levels: any InterruptLevels, clockTimer: any DeviceTimer,
    line: (DeviceID, UInt32) throws(MachineError) -> any InterruptLine
  ) throws(MachineError) {
    let low = layout.regions[0].length
    let high = layout.regions.dropFirst().reduce(0) { $0 + $1.length }
    clock = RealTimeClock(
      id: DeviceID(9), ramBelow4GiB: low, ramAbove4GiB: high,
      interrupt: try line(DeviceID(9), DeviceSet.clockLine), timer: clockTimer
    ) { Int64(truncatingIfNeeded: Clock.realtime) }
    let timer = PowerManagementTimer(id: DeviceID(10)) { Clock.monotonic }
    let events = PowerManagementEvents(id: DeviceID(11))
    let edges = EdgeLevelControl(id: DeviceID(12))
    let configuration = FirmwareConfiguration(id: DeviceID(13), ramBelow4GiB: low, vcpus: vcpus)
    let test = TestDevice(id: DeviceID(14), levels: levels)
    devices = [clock, timer, events, edges, configuration, test]

    func ports(
      _ device: any BusDevice, _ start: UInt64, _ length: UInt64, window: Int = 0, line: Int32 = -1
    ) -> DeviceSet.Placement {
      DeviceSet.Placement(
        device: device, isPort: true, start: start, length: length, window: window, line: line)
    }
    let base = UInt64(FirmwareTables.powerManagementPort)
    placements = [
      ports(clock, 0x70, 2, line: Int32(DeviceSet.clockLine)),
      ports(events, base, 4),
      ports(timer, base + 8, 4),
      // Where the PIIX4's is by default: kvm-unit-tests' vmexit does not ask.
      ports(timer, 0xb008, 4),
      ports(edges, 0x4d0, 2),
      ports(configuration, 0x510, 2),
      ports(test, 0xe0, 16),
      ports(test, 0x2000, UInt64(TestDevice.lineCount), window: TestDevice.linesWindow),
    ]
  }
}
