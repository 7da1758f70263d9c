import TestSupport
import Testing

@testable import Devices

@Suite("The real-time clock's interrupts")
struct ClockInterruptTests {
  // 2026-11-24 00:00:00 UTC.
  private static let midnight: Int64 = 1_795_478_400

  /// MC146818A, table 5, for a crystal of 32 768 Hz.
  @Test(
    "The periodic interrupt comes at the rate of register A, one for each reading of register C",
    arguments: zip(
      UInt8(0)..<16, [0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2]))
  func periodic(rate: UInt8, frequency: Int) {
    let clock = TestClock(Self.midnight)
    clock[0x0a] = 0x20 | rate
    clock[0x0b] = 0x42
    var flags: Set<UInt8> = []
    clock.pass(second) { flags.insert(clock[0x0c] & 0xe0) }
    #expect(clock.pulses.count == frequency)
    #expect(flags == (frequency > 0 ? [0xc0] : []))
    // Each as long after the one before, to the nanosecond that the crystal does not hit.
    let steps = zip(clock.pulses, clock.pulses.dropFirst()).map { $1 - $0 }
    #expect(steps.allSatisfy { abs($0 - second / Int64(frequency)) <= 1 })
    #expect((clock.timer == nil) == (frequency == 0))
  }

  @Test("Until register C is read there is one interrupt and no more wakeups")
  func coalesced() {
    let clock = TestClock(Self.midnight)
    clock[0x0a] = 0x23
    clock[0x0b] = 0x52
    clock.pass(10 * second)
    #expect(clock.pulses.count == 1)
    #expect(clock.timer == nil)
    #expect(clock[0x0c] == 0xd0)
    #expect(clock[0x0c] == 0)
    #expect(clock.timer != nil)
    clock.pass(second / 8192 + 1)
    #expect(clock.pulses.count == 2)
  }

  @Test("Nothing is enabled: flags all the same, no interrupt, no timer")
  func disabled() {
    let clock = TestClock(Self.midnight)
    for register: UInt8 in [1, 3, 5] { clock[register] = 0xff }
    clock.pass(3 * second)
    #expect(clock.timer == nil)
    #expect(clock.pulses.isEmpty)
    #expect(clock[0x0c] == 0x70)
    #expect(clock[0x0c] == 0)
    // The dividers' output of rate 0 is none.
    clock[0x0a] = 0x20
    clock.pass(second)
    #expect(clock[0x0c] == 0x30)
  }

  @Test(
    "An interrupt that is enabled while its flag is set comes at once",
    arguments: [0x40, 0x20, 0x10] as [UInt8])
  func enabledLate(bit: UInt8) {
    let clock = TestClock(Self.midnight)
    for register: UInt8 in [1, 3, 5] { clock[register] = 0xc0 }
    clock.pass(second)
    clock[0x0b] = 0x02 | bit
    #expect(clock.pulses == [clock.now])
    // One more that is enabled finds the line high; all disabled, it is low again.
    clock[0x0b] = 0x72
    #expect(clock.pulses.count == 1)
    clock[0x0b] = 0x02
    clock[0x0b] = 0x72
    #expect(clock.pulses.count == 2)
    #expect(clock[0x0c] == 0xf0)
  }

  @Test("The update-ended interrupt comes with each second; SET disables it")
  func updateEnded() {
    let clock = TestClock(Self.midnight)
    clock.pass(300 * millisecond)
    clock[0x0a] = 0x20
    _ = clock[0x0c]
    clock[0x0b] = 0x12
    var seen: [UInt8] = []
    clock.pass(3 * second) { seen += [clock[0], clock[0x0c]] }
    #expect(seen == [1, 0x90, 2, 0x90, 3, 0x90])
    #expect(clock.pulses == [1, 2, 3].map { (Self.midnight + $0) * second })
    clock[0x0b] = 0x92
    #expect(clock[0x0b] == 0x82)
    #expect(clock.timer == nil)
    clock.pass(3 * second)
    #expect(clock.pulses.count == 3 && clock[0x0c] == 0)
  }

  struct Alarm: Sendable {
    let control: UInt8
    /// Seconds, minutes, hours as they are written.
    let bytes: [UInt8]
    /// In the 48 hours from midnight on, seconds.
    let first: Int64?
    let count: Int

    init(_ control: UInt8, _ bytes: [UInt8], first: Int64?, count: Int) {
      (self.control, self.bytes, self.first, self.count) = (control, bytes, first, count)
    }
  }

  @Test(
    "The alarm goes off when time and alarm agree",
    arguments: [
      Alarm(0x02, [0x59, 0x30, 0x17], first: 63_059, count: 2),
      Alarm(0x06, [59, 30, 17], first: 63_059, count: 2),
      Alarm(0x00, [0x59, 0x30, 0x85], first: 63_059, count: 2),
      Alarm(0x04, [59, 30, 0x85], first: 63_059, count: 2),
      Alarm(0x00, [0x00, 0x00, 0x12], first: 86_400, count: 2),
      Alarm(0x00, [0x00, 0x00, 0x92], first: 43_200, count: 2),
      Alarm(0x00, [0x01, 0x00, 0x12], first: 1, count: 2),
      Alarm(0x02, [0x05, 0xc0, 0xff], first: 5, count: 2880),
      Alarm(0x02, [0x05, 0x10, 0xc7], first: 605, count: 48),
      Alarm(0x02, [0x05, 0xff, 0x02], first: 7205, count: 120),
      Alarm(0x02, [0xc0, 0x00, 0x00], first: 1, count: 120),
      Alarm(0x06, [0xc0, 0xc0, 0xc0], first: 1, count: 172_800),
      // What no time reads is no alarm.
      Alarm(0x02, [0x0a, 0xc0, 0xc0], first: nil, count: 0),
      Alarm(0x02, [0x00, 0x60, 0xc0], first: nil, count: 0),
      Alarm(0x02, [0x00, 0x00, 0x92], first: nil, count: 0),
      Alarm(0x06, [0x59, 0xc0, 0xc0], first: nil, count: 0),
    ])
  func alarm(_ alarm: Alarm) {
    let clock = TestClock(Self.midnight)
    clock[0x0b] = alarm.control
    for (register, byte) in zip([1, 3, 5] as [UInt8], alarm.bytes) { clock[register] = byte }
    clock[0x0b] = alarm.control | 0x20
    #expect(clock.timer == alarm.first.map { (Self.midnight + $0) * second })
    var flags: Set<UInt8> = []
    clock.pass(172_800 * second) { flags.insert(clock[0x0c] & 0xa0) }
    #expect(clock.pulses.count == alarm.count)
    #expect(clock.pulses.first == alarm.first.map { (Self.midnight + $0) * second })
    #expect(flags == (alarm.count > 0 ? [0xa0] : []))
    #expect(clock.alarms == clock.pulses)
    // Without anybody to look, the flag is there at the end as well, exactly if there was one.
    let sleeper = TestClock(Self.midnight)
    sleeper[0x0b] = alarm.control
    for (register, byte) in zip([1, 3, 5] as [UInt8], alarm.bytes) { sleeper[register] = byte }
    sleeper.pass(until: (Self.midnight + (alarm.first ?? 172_800)) * second - 1)
    #expect(sleeper[0x0c] & 0x20 == 0)
    sleeper.pass(1)
    #expect(sleeper[0x0c] & 0x20 == (alarm.count > 0 ? 0x20 : 0))
  }

  @Test("The alarm follows a time that is set, by the guest or by the host")
  func alarmMoves() {
    let clock = TestClock(Self.midnight)
    for (register, byte): (UInt8, UInt8) in [(1, 0), (3, 0x30), (5, 0x10)] { clock[register] = byte }
    clock[0x0b] = 0x22
    #expect(clock.timer == (Self.midnight + 37_800) * second)
    clock[4] = 0x10
    #expect(clock.timer == (Self.midnight + 1800) * second)
    clock.now += 600 * second
    #expect(clock.timer == (Self.midnight + 1800) * second)
    clock.now -= 1200 * second
    #expect(clock.timer == (Self.midnight + 1800) * second)
    #expect(clock.pulses.isEmpty)
    clock.now += 7200 * second
    #expect(clock.pulses.count == 1, "the host's clock went past it")
  }

  @Test(
    "The alarm is told of when it goes off, whatever the line is, and only while it is enabled and somebody has looked"
  )
  func alarmBesideOthers() {
    let clock = TestClock(Self.midnight)
    for (register, byte): (UInt8, UInt8) in [(1, 3), (3, 0xc0), (5, 0xc0)] { clock[register] = byte }
    clock.pass(until: (Self.midnight + 60) * second)
    #expect(clock.alarms.isEmpty && clock[0x0c] & 0x30 == 0x30)
    clock[0x0b] = 0x32
    #expect(clock.device.alarmMoment() == (Self.midnight + 63) * second)
    clock.pass(until: (Self.midnight + 200) * second)
    #expect(clock.pulses == [(Self.midnight + 61) * second], "the update's")
    #expect(clock.alarms == [(Self.midnight + 63) * second] && clock.device.alarmMoment() == nil)
    #expect(clock[0x0c] & 0xb0 == 0xb0 && clock.device.alarmMoment() == (Self.midnight + 243) * second)
    clock[0x0b] = 0x02
    #expect(clock.device.alarmMoment() == nil)
  }

  @Test("A reset disables every interrupt and clears every flag")
  func reset() {
    let clock = TestClock(Self.midnight)
    clock[0x0b] = 0x72
    clock.device.reset()
    #expect(clock.timer == nil)
    #expect(clock[0x0b] == 0x02)
    clock[0x0b] = 0x12
    clock.pass(second)
    clock.device.reset()
    #expect(clock[0x0c] == 0)
    clock[0x0b] = 0x12
    clock.pass(second)
    #expect(clock.pulses.count == 2, "the line was low again")
    clock[0x0b] = 0x86
    clock[0x0a] = 0x70
    clock.device.reset()
    clock.pass(second)
    #expect(clock[0] == 0x03, "the time goes on, in the notation of power-on")
  }

  /// The chip as the data sheet has it, one oscillation after the other, in BCD and 24 hours.
  private struct Reference {
    var statusA: UInt8 = 0x26
    var statusB: UInt8 = 0x02
    var flags: UInt8 = 0
    var alarm: [UInt8] = [0, 0, 0]
    var time: [UInt8] = [0, 0, 0]
    var dividers = 0
    var pulses = 0
    private var isHigh = false
    private static let digits = (0..<60).map { UInt8("\($0)", radix: 16)! }

    mutating func settle() {
      let high = flags & statusB & 0x70 != 0
      if high && !isHigh { pulses += 1 }
      isHigh = high
    }

    mutating func oscillate() {
      dividers += 1
      let rate = Int(statusA & 15)
      if rate > 0, dividers % (1 << ((rate < 3 ? rate + 7 : rate) - 1)) == 0 { flags |= 0x40 }
      if dividers % 32_768 == 0, statusB & 0x80 == 0 {
        flags |= 0x10
        for (place, limit) in [60, 60, 24].enumerated() {
          let next = (Self.digits.firstIndex(of: time[place])! + 1) % limit
          time[place] = Self.digits[next]
          if next != 0 { break }
        }
        if zip(alarm, time).allSatisfy({ $0 >= 0xc0 || $0 == $1 }) { flags |= 0x20 }
      }
      settle()
    }

    mutating func readFlags() -> UInt8 {
      defer {
        flags = 0
        settle()
      }
      return flags | (flags & statusB & 0x70 != 0 ? 0x80 : 0)
    }
  }

  @Test(
    "It is the same chip as one that does something at each oscillation", arguments: 0..<8 as Range<UInt64>)
  func reference(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let clock = TestClock(Self.midnight)
    var chip = Reference()
    for step in 0..<60 {
      let register = ([0x0a, 0x0b, 0x0c, 0x0c, 1, 3, 0, 4, 2] as [UInt8]).randomElement(using: &random)!
      let digits = UInt8("\(Int.random(in: 0..<24, using: &random))", radix: 16)!
      switch register {
      case 0x0a:
        chip.statusA = 0x20 | UInt8.random(in: 0..<16, using: &random)
        clock[0x0a] = chip.statusA
      case 0x0b:
        let isStanding = Int.random(in: 0..<6, using: &random) == 0
        let enables = UInt8.random(in: 0..<8, using: &random) << 4
        chip.statusB = 0x02 | (isStanding ? 0x80 | enables & 0x60 : enables)
        clock[0x0b] = chip.statusB | enables
        chip.settle()
      case 0x0c: #expect(clock[0x0c] == chip.readFlags(), "step \(step)")
      case 1, 3:
        let byte = Bool.random(using: &random) ? digits : UInt8.random(in: 0xc0...0xff, using: &random)
        chip.alarm[Int(register) / 2] = byte
        chip.alarm[2] = 0xc0
        clock[register] = byte
        clock[5] = 0xc0
      default:
        chip.time[Int(register) / 2] = digits
        clock[register] = digits
      }
      #expect([0, 2, 4].map { clock[$0] } == chip.time, "step \(step)")
      for _ in 0..<Int.random(in: 0..<(1 << Int.random(in: 0...17, using: &random)), using: &random) {
        chip.oscillate()
      }
      let passed = Int64(chip.dividers)
      clock.pass(
        until: Self.midnight * second + passed / 32_768 * second + (passed % 32_768 * second + 32_767)
          / 32_768)
      #expect(clock.pulses.count == chip.pulses, "step \(step)")
    }
    #expect(chip.pulses > 0)
  }
}
