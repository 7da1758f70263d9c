/// A PC's real-time clock and the memory that its battery keeps: Motorola's MC146818 at ports 0x70 and 0x71.
///
/// It tells the host's time as UTC and takes another from the guest. It raises no interrupts: alarms can be set and
/// never come.
public final class RealTimeClock: BusDevice, @unchecked Sendable {
  /// The name in reports.
  public let name = "rtc"
  /// The number in the trace.
  public let id: DeviceID

  private enum Register {
    static let statusA = 0x0a
    static let statusB = 0x0b
    static let statusC = 0x0c
    static let statusD = 0x0d
    static let century = 0x32
    static let time = [0, 2, 4, 6, 7, 8, 9, century]
  }
  private enum StatusB {
    static let binary: UInt8 = 1 << 2
    static let hours24: UInt8 = 1 << 1
  }

  private let now: @Sendable () -> Int64
  private let powerOn: [UInt8]
  // Accessed under the device's lock.
  private var index = 0
  private var memory: [UInt8]
  // What the guest's clock is ahead of the host's, seconds.
  private var offset: Int64 = 0

  /// Makes a clock.
  ///
  /// - Parameters:
  ///   - ramBelow4GiB: bytes of RAM from 0 on and, in `ramAbove4GiB`, from 4 GiB on: firmware leaves both in the memory.
  ///   - now: seconds since 1970 by the host.
  public init(id: DeviceID, ramBelow4GiB: UInt64, ramAbove4GiB: UInt64, now: @escaping @Sendable () -> Int64)
  {
    self.id = id
    self.now = now
    var memory = [UInt8](repeating: 0, count: 128)
    memory[Register.statusA] = 0x26  // 32 768 Hz, and no update under way
    memory[Register.statusB] = StatusB.hours24
    memory[Register.statusD] = 0x80  // the battery is good
    func put(_ value: UInt64, _ place: Int, _ count: Int) {
      for byte in 0..<count { memory[place + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
    }
    let beyond1MiB = ramBelow4GiB - min(ramBelow4GiB, 1 << 20)
    let beyond16MiB = ramBelow4GiB - min(ramBelow4GiB, 16 << 20)
    put(640, 0x15, 2)  // KiB of base memory
    put(min(beyond1MiB >> 10, 0xffff), 0x17, 2)  // KiB above 1 MiB
    put(min(beyond1MiB >> 10, 0xffff), 0x30, 2)
    put(min(beyond16MiB >> 16, 0xffff), 0x34, 2)  // 64 KiB above 16 MiB
    put(min(ramAbove4GiB >> 16, 0xff_ffff), 0x5b, 3)  // 64 KiB above 4 GiB
    powerOn = memory
    self.memory = memory
  }

  /// Reads a register: the index port is write-only.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    guard offset == 1, size == 1 else { return 0xff }
    if Register.time.contains(index) { return UInt64(field(index)) }
    return UInt64(memory[index])
  }

  /// Writes a register.
  public func write(offset: UInt32, size: Int, value: UInt64, window: Int, by thread: ThreadContext) {
    if offset == 0 {
      // Bit 7 masks non-maskable interrupts, of which there are none.
      index = Int(value & 0x7f)
      if size == 1 { return }
    }
    let byte = UInt8(truncatingIfNeeded: offset == 0 ? value >> 8 : value)
    switch index {
    case Register.statusA: memory[index] = byte & 0x7f
    case Register.statusC, Register.statusD: break
    default:
      if Register.time.contains(index) { setField(index, byte) } else { memory[index] = byte }
    }
  }

  /// Puts the registers into their power-on state. Battery and clock go on.
  public func reset() {
    index = 0
    for register in [Register.statusA, Register.statusB] { memory[register] = powerOn[register] }
  }

  // MARK: Time

  private var isBinary: Bool { memory[Register.statusB] & StatusB.binary != 0 }

  /// The guest's time, within the years 0 to 9999 that the registers can tell.
  private var seconds: Int64 { min(max(now() &+ offset, -62_167_219_200), 253_402_300_799) }

  /// A register of the time, as the guest wants numbers written.
  private func field(_ register: Int) -> UInt8 {
    let time = CalendarTime(seconds: seconds)
    switch register {
    case 0: return encoded(time.second)
    case 2: return encoded(time.minute)
    case 4:
      if memory[Register.statusB] & StatusB.hours24 != 0 { return encoded(time.hour) }
      return encoded((time.hour + 11) % 12 + 1) | (time.hour >= 12 ? 0x80 : 0)
    case 6: return encoded(time.weekday + 1)
    case 7: return encoded(time.day)
    case 8: return encoded(time.month)
    case 9: return encoded(time.year % 100)
    default: return encoded(time.year / 100)
    }
  }

  private func setField(_ register: Int, _ byte: UInt8) {
    let current = seconds
    var time = CalendarTime(seconds: current)
    let value = decoded(byte)
    switch register {
    case 0: time.second = min(value, 59)
    case 2: time.minute = min(value, 59)
    case 4:
      if memory[Register.statusB] & StatusB.hours24 != 0 {
        time.hour = min(value, 23)
      } else {
        time.hour = min(decoded(byte & 0x7f), 12) % 12 + (byte & 0x80 != 0 ? 12 : 0)
      }
    case 7: time.day = min(max(value, 1), 31)
    case 8: time.month = min(max(value, 1), 12)
    case 9: time.year = time.year / 100 * 100 + min(value, 99)
    case Register.century: time.year = min(value, 99) * 100 + time.year % 100
    // The day of the week follows from the date.
    default: return
    }
    offset = offset &+ (time.seconds &- current)
  }

  private func encoded(_ value: Int) -> UInt8 {
    isBinary ? UInt8(value) : UInt8((value / 10) << 4 | value % 10)
  }

  private func decoded(_ byte: UInt8) -> Int { isBinary ? Int(byte) : Int(byte >> 4) * 10 + Int(byte & 0xf) }
}

/// A date and a time of day in UTC, by the Gregorian calendar.
struct CalendarTime: Equatable {
  var year: Int
  /// 1 to 12.
  var month: Int
  /// 1 to 31.
  var day: Int
  var hour: Int
  var minute: Int
  var second: Int
  /// 0 is Sunday.
  var weekday: Int

  /// From seconds since 1970. Days are counted from 1 March of the year 0, so that leap days come last.
  init(seconds: Int64) {
    let days = Int(seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400)
    let rest = Int(seconds) - days * 86400
    (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
    weekday = ((days + 4) % 7 + 7) % 7
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// Seconds since 1970; a day beyond the month's end is one of the next month.
  var seconds: Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return Int64(days) * 86400 + Int64(hour * 3600 + minute * 60 + second)
  }
}
