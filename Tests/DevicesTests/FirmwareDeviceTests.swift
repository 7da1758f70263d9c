import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Devices

@Suite("The devices that firmware leaves: clock, power management, configuration, test device")
struct FirmwareDeviceTests {
  /// A clock that a test sets.
  private final class Time: Sendable {
    private let value: Mutex<Int64>
    init(_ seconds: Int64) { value = Mutex(seconds) }
    var now: Int64 {
      get { value.withLock { $0 } }
      set { value.withLock { $0 = newValue } }
    }
  }

  private func clock(_ time: Time, low: UInt64 = 64 << 20, high: UInt64 = 0) -> RealTimeClock {
    RealTimeClock(id: DeviceID(9), ramBelow4GiB: low, ramAbove4GiB: high) { time.now }
  }

  private func get(_ clock: RealTimeClock, _ register: UInt64) -> UInt8 {
    clock.write(register, 0, size: 1)
    return UInt8(clock.read(1, size: 1))
  }

  private func set(_ clock: RealTimeClock, _ register: UInt64, _ value: UInt8) {
    clock.write(register, 0, size: 1)
    clock.write(UInt64(value), 1, size: 1)
  }

  /// Foundation's calendar is the other party.
  @Test("The calendar agrees with Foundation's, back and forth")
  func calendar() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    var random = SeededGenerator(seed: 9)
    let moments =
      [0, -1, 951_782_399, 951_782_400, 4_107_542_399]
      + (0..<3000).map { _ in Int64.random(in: -2_000_000_000...8_000_000_000, using: &random) }
    for seconds in moments {
      let time = CalendarTime(seconds: seconds)
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour, .minute, .second, .weekday],
        from: Date(timeIntervalSince1970: TimeInterval(seconds)))
      #expect(time.year == parts.year && time.month == parts.month && time.day == parts.day, "\(seconds)")
      #expect(
        time.hour == parts.hour && time.minute == parts.minute && time.second == parts.second, "\(seconds)")
      #expect(time.weekday + 1 == parts.weekday, "\(seconds)")
      #expect(time.seconds == seconds)
    }
  }

  @Test("The clock tells the time in both notations, and with twelve hours")
  func tellsTime() {
    // 2026-11-24 13:07:09 UTC, a Tuesday.
    let device = clock(Time(1_795_525_629))
    let registers: [UInt64] = [0, 2, 4, 6, 7, 8, 9, 0x32]
    #expect(registers.map { get(device, $0) } == [0x09, 0x07, 0x13, 3, 0x24, 0x11, 0x26, 0x20])
    set(device, 0x0b, 0b110)
    #expect(registers.map { get(device, $0) } == [9, 7, 13, 3, 24, 11, 26, 20])
    set(device, 0x0b, 0)
    #expect(get(device, 4) == 0x81, "one in the afternoon")
    #expect(get(device, 0x0d) == 0x80)
    #expect(get(device, 0x0a) & 0x80 == 0, "no update under way")
  }

  @Test("A time that the guest sets goes on from there, and outlives a reset")
  func setsTime() {
    let time = Time(1_795_525_629)
    let device = clock(time)
    for (register, value): (UInt64, UInt8) in [
      (0x32, 0x19), (9, 0x99), (8, 0x12), (7, 0x31), (4, 0x23), (2, 0x59), (0, 0x58),
    ] {
      set(device, register, value)
    }
    time.now += 3
    device.reset()
    #expect([0, 2, 4, 7, 8, 9, 0x32].map { get(device, $0) } == [0x01, 0, 0, 1, 1, 0, 0x20])
  }

  @Test("The memory tells how much RAM there is, and keeps what is written")
  func memory() {
    let device = clock(Time(0), low: 3 << 30, high: 2 << 30)
    #expect(UInt16(get(device, 0x34)) | UInt16(get(device, 0x35)) << 8 == UInt16((3 << 30 - 16 << 20) >> 16))
    #expect(get(device, 0x5b) == 0 && get(device, 0x5c) == 0x80)
    set(device, 0x40, 0xa5)
    #expect(get(device, 0x40) == 0xa5)
    device.reset()
    #expect(get(device, 0x40) == 0xa5)
  }

  @Test("Whatever is written, reading returns")
  func clockSurvives() {
    var random = SeededGenerator(seed: 70)
    let device = clock(Time(.max))
    for _ in 0..<20_000 {
      let size = [1, 2].randomElement(using: &random)!
      device.write(
        random.next() & (size == 1 ? 0xff : 0xffff), UInt32.random(in: 0...1, using: &random), size: size)
      _ = device.read(UInt32.random(in: 0...1, using: &random), size: 1)
    }
  }

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

  @Test("Status stays clear, enable bits are kept; edge and level bits are kept where lines may have them")
  func registers() {
    let events = PowerManagementEvents(id: DeviceID(11))
    events.write(0xffff_ffff, 0)
    #expect(events.read(0) == 0xffff_0000)
    events.write(0x12, 2, size: 1)
    #expect(events.read(2, size: 2) == 0xff12)
    events.reset()
    #expect(events.read(0) == 0)
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
}
