import Foundation
import RingDriver
import TestSupport
import Testing

@testable import Devices

@Suite("The real-time clock's time and memory")
struct ClockTimeTests {
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
    let clock = TestClock(1_795_525_629)
    let registers: [UInt8] = [0, 2, 4, 6, 7, 8, 9, 0x32]
    #expect(registers.map { clock[$0] } == [0x09, 0x07, 0x13, 3, 0x24, 0x11, 0x26, 0x20])
    clock[0x0b] = 0b110
    #expect(registers.map { clock[$0] } == [9, 7, 13, 3, 24, 11, 26, 20])
    clock[0x0b] = 0
    #expect(clock[4] == 0x81, "one in the afternoon")
    #expect(clock[0x0d] == 0x80)
    #expect(clock[0x0a] & 0x80 == 0, "no update under way")
  }

  @Test("A time that the guest sets goes on from there, and outlives a reset")
  func setsTime() {
    let clock = TestClock(1_795_525_629)
    // While the month is February there is no day 31: nothing is made of it before the day is written as well.
    let values: [(UInt8, UInt8)] = [
      (0x32, 0x19), (9, 0x99), (7, 0x31), (8, 0x02), (8, 0x12), (4, 0x23), (2, 0x59), (0, 0x58),
    ]
    for (register, value) in values { clock[register] = value }
    clock.pass(3 * second)
    clock.device.reset()
    #expect([0, 2, 4, 6, 7, 8, 9, 0x32].map { clock[$0] } == [0x01, 0, 0, 7, 1, 1, 0, 0x20])
  }

  @Test("While SET is set the time stands, and what is written reads back as it is")
  func stands() {
    let clock = TestClock(1_795_525_629)
    clock[0x0b] = 0x82
    clock.pass(5 * second)
    #expect(clock[0] == 0x09)
    clock[0] = 0x7f
    clock[6] = 5
    #expect(clock[0] == 0x7f && clock[6] == 5)
    clock.pass(5 * second)
    clock[0] = 0x58
    clock.pass(400 * millisecond)
    clock[0x0b] = 0x02
    // The second goes on where the dividers are.
    clock.pass(599 * millisecond)
    #expect(clock[0] == 0x58)
    clock.pass(millisecond)
    #expect(clock[0] == 0x59)
    clock.pass(second)
    #expect(clock[0] == 0 && clock[2] == 0x08)
  }

  /// What Linux does, with the notation changed as well.
  @Test("Dividers that are let go update half a second later")
  func dividers() {
    let clock = TestClock(1_795_525_629)
    clock.pass(123 * millisecond)
    clock[0x0b] = 0x86
    clock[0x0a] = 0x76
    for (register, value): (UInt8, UInt8) in [
      (0, 59), (2, 59), (4, 23), (7, 28), (8, 2), (9, 28), (0x32, 20),
    ] {
      clock[register] = value
    }
    clock[0x0b] = 0x06
    clock.pass(7 * second)
    #expect(clock[0] == 59, "held in reset")
    clock[0x0a] = 0x26
    clock.pass(499 * millisecond)
    #expect(clock[0] == 59)
    clock.pass(millisecond)
    #expect([0, 2, 4, 6, 7, 8, 9].map { clock[$0] } == [0, 0, 0, 3, 29, 2, 28], "a leap day, a Tuesday")
    clock.pass(second - 1)
    #expect(clock[0] == 0)
    clock.pass(1)
    #expect(clock[0] == 1)
  }

  @Test("An update is announced, except while there are none")
  func updateInProgress() {
    let clock = TestClock(1_795_525_629)
    clock.pass(997 * millisecond)
    #expect(clock[0x0a] == 0x26)
    clock.pass(millisecond)
    #expect(clock[0x0a] == 0xa6)
    clock[0x0b] = 0x82
    #expect(clock[0x0a] == 0x26)
    clock[0x0b] = 0x02
    #expect(clock[0x0a] == 0xa6)
    clock[0x0a] = 0xf6
    #expect(clock[0x0a] == 0x76)
    clock[0x0a] = 0x26
    clock.pass(500 * millisecond)
    #expect(clock[0x0a] == 0x26 && clock[0] == 0x10)
  }

  @Test("The host's clock may be set, forward and back, and the guest's follows")
  func hostIsSet() {
    let clock = TestClock(1_795_525_629)
    clock[2] = 0x17  // ten minutes ahead
    clock.now += 3600 * second
    #expect([0, 2, 4].map { clock[$0] } == [0x09, 0x17, 0x14])
    clock.now -= 2 * 3600 * second + second / 2
    #expect([0, 2, 4].map { clock[$0] } == [0x08, 0x17, 0x12])
  }

  @Test("The memory tells how much RAM there is, and keeps what is written")
  func memory() {
    let clock = TestClock(0, low: 3 << 30, high: 2 << 30)
    #expect(UInt16(clock[0x34]) | UInt16(clock[0x35]) << 8 == UInt16((3 << 30 - 16 << 20) >> 16))
    #expect(clock[0x5b] == 0 && clock[0x5c] == 0x80)
    clock[0x40] = 0xa5
    #expect(clock[0x40] == 0xa5)
    clock.device.reset()
    #expect(clock[0x40] == 0xa5)
  }

  @Test("Whatever is written, and whatever the host's time does, accesses return", arguments: [0, 1, 2, 3])
  func clockSurvives(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let clock = TestClock(0)
    clock.now = [0, .max, .min, 1_795_525_629 * second][Int(seed)]
    for _ in 0..<20_000 {
      let size = [1, 2].randomElement(using: &random)!
      clock.device.write(
        random.next() & (size == 1 ? 0xff : 0xffff), UInt32.random(in: 0...1, using: &random), size: size)
      _ = clock.device.read(UInt32.random(in: 0...1, using: &random), size: 1)
      clock.now &+= Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random)
    }
  }
}
