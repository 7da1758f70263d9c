import RingDriver
import Synchronization
import TestSupport
import Testing

@testable import Devices

@Suite("The devices that firmware leaves: power management, configuration, test device")
struct FirmwareDeviceTests {
  @Test("The timer counts at its frequency, and wraps at 24 bits")
  func timer() {
    let now = Mutex<UInt64>(0)
    let device = PowerManagementTimer(id: DeviceID(10)) { now.withLock { $0 } }
    for seconds: UInt64 in [0, 1, 4, 5, 3600, 1_000_000, 18_000_000_000] {
      now.withLock { $0 = seconds * 1_000_000_000 }
      #expect(device.read(0) == seconds * 3_579_545 % (1 << 24))
    }
    now.withLock { $0 = 1_000_000_000 }
    #expect(device.read(1, size: 1) & 0xff == 3_579_545 >> 8 & 0xff)
    device.write(0, 0)
    #expect(device.read(0) == 3_579_545)
  }

  @Test("Ones clear an event's status and nothing else; the line is high while one is there that is enabled")
  func events() {
    let levels = Levels()
    let events = PowerManagementEvents(id: DeviceID(11), line: 9, levels: levels)
    let thread = ThreadContext(kind: .loop, id: 0)
    events.write(0xffff_ffff, 0)
    #expect(events.read(0) == 0xffff_0000 && levels.changes.isEmpty)
    events.write(0x12, 2, size: 1)
    #expect(events.read(2, size: 2) == 0xff12)
    events.write(0, 2, size: 2)
    events.alarmWentOff(by: thread)
    #expect(events.read(0, size: 2) == 0x400 && levels.changes.isEmpty && !events.hasWakeEvent)
    events.write(0x4, 3, size: 1)
    #expect(events.isAlarmEnabled && events.hasWakeEvent && levels.changes == ["9+"])
    events.alarmWentOff(by: thread)
    events.write(0xfbff, 0, size: 2)
    #expect(events.read(0) == 0x400_0400 && levels.changes == ["9+"])
    events.write(0x04, 1, size: 1)
    #expect(events.read(0) == 0x400_0000 && levels.changes == ["9+", "9-"])
    // WAK_STS interrupts nobody, and a line that was high is so again.
    events.wake(by: thread)
    #expect(events.read(0) == 0x400_8000 && !events.hasWakeEvent && levels.changes.count == 2)
    events.alarmWentOff(by: thread)
    events.wake(by: thread)
    #expect(levels.changes == ["9+", "9-", "9+", "9-", "9+"])
    events.write(0x8400, 0, size: 2)
    events.alarmWentOff(by: thread)
    events.reset()
    #expect(events.read(0) == 0 && levels.changes.suffix(3) == ["9-", "9+", "9-"])
  }

  @Test("Edge and level bits are kept where lines may have them")
  func registers() {
    let edges = EdgeLevelControl(id: DeviceID(12))
    edges.write(0xffff, 0, size: 2)
    #expect(edges.read(0, size: 2) == 0xdef8)
    edges.write(0, 1, size: 1)
    #expect(edges.read(0, size: 2) == 0x00f8)
  }

  @Test("The configuration device hands out its items byte by byte, then zeros")
  func configuration() {
    let device = FirmwareConfiguration(id: DeviceID(13), ramBelow4GiB: 0x1234_5678_9a, vcpus: 300)
    func item(_ key: UInt64, _ count: Int) -> [UInt8] {
      device.write(key, 0, size: 2)
      return (0..<count).map { _ in UInt8(device.read(1, size: 1)) }
    }
    #expect(item(0, 5) == Array("QEMU".utf8) + [0])
    #expect(item(5, 3) == [44, 1, 0])
    #expect(item(0x0f, 2) == [44, 1])
    #expect(item(3, 9) == [0x9a, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0])
    #expect(item(0x7777, 2) == [0, 0])
    #expect(item(0x4005, 1) == [44])
  }

  /// Writes down levels.
  private final class Levels: InterruptLevels {
    private let storage = Mutex<[String]>([])
    var changes: [String] { storage.withLock { $0 } }
    func set(line: UInt32, high: Bool, device: DeviceID, by thread: ThreadContext) {
      storage.withLock { $0.append("\(line)\(high ? "+" : "-")") }
    }
  }

  @Test("The test device's register reads back at both places; its lines follow what is written")
  func testDevice() {
    let levels = Levels()
    let device = TestDevice(id: DeviceID(14), levels: levels)
    device.write(0x1122_3344, 0)
    #expect(device.read(8) == 0x1122_3344)
    device.write(0xff, 9, size: 1)
    #expect(device.read(0) == 0x1122_ff44)
    #expect(device.read(2, size: 2) & 0xffff == 0x1122)
    device.write(0, 4)
    #expect(device.read(0) == 0x1122_ff44)
    for (line, value): (UInt32, UInt64) in [(3, 1), (3, 0x80), (23, 1), (3, 0), (0, 0), (24, 1), (3, 1)] {
      device.write(value, line, size: 1, window: TestDevice.linesWindow)
    }
    #expect(levels.changes == ["3+", "23+", "3-", "3+"])
    device.reset()
    #expect(device.read(0) == 0)
  }

  @Test("The test device's memory is 64 KiB, in whatever pieces it is accessed, and nothing beyond them")
  func testDeviceMemory() {
    let device = TestDevice(id: DeviceID(14), levels: Levels())
    var random = SeededGenerator(seed: 5)
    var bytes = [UInt8](repeating: 0, count: TestDevice.memorySize)
    let window = TestDevice.memoryWindow
    for _ in 0..<20_000 {
      let size = [1, 2, 3, 4, 7, 8].randomElement(using: &random)!
      // Mostly where something was written before.
      let offset =
        Bool.random(using: &random)
        ? Int.random(in: 0..<64, using: &random) : Int.random(in: 65_500..<65_540, using: &random)
      if Bool.random(using: &random) {
        let value = random.next()
        device.write(value, UInt32(offset), size: size, window: window)
        for index in 0..<size where offset + index < bytes.count {
          bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
      } else {
        let expected = (0..<size).reduce(UInt64(0)) { value, index in
          offset + index < bytes.count ? value | UInt64(bytes[offset + index]) << UInt64(8 * index) : value
        }
        #expect(device.read(UInt32(offset), size: size, window: window) == expected)
      }
    }
    #expect(device.read(0) == 0, "the register is something else")
    device.write(1, 0xffff, size: 1, window: window)
    device.reset()
    #expect(device.read(0xffff, size: 1, window: window) == 0)
  }
}
