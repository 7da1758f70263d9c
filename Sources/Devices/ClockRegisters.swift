/// The 128 bytes of a real-time clock: time and alarm as the guest has them written, status, and memory.
struct ClockRegisters {
  /// Where the bytes are that mean something to the clock.
  enum Place {
    static let seconds = 0
    static let minutes = 2
    static let hours = 4
    static let weekday = 6
    static let day = 7
    static let month = 8
    static let year = 9
    static let statusA = 0x0a
    static let statusB = 0x0b
    static let statusC = 0x0c
    static let statusD = 0x0d
    /// Where ACPI says that it is; the MC146818A itself has none.
    static let century = 0x32
    static let alarmSeconds = 1
    static let alarmMinutes = 3
    static let alarmHours = 5
  }

  /// Bits of register B.
  struct Control: OptionSet {
    let rawValue: UInt8
    static let set = Control(rawValue: 1 << 7)
    static let updateInterrupt = Control(rawValue: 1 << 4)
    static let binary = Control(rawValue: 1 << 2)
    static let hours24 = Control(rawValue: 1 << 1)
  }

  var bytes = [UInt8](repeating: 0, count: 128)

  /// Register B.
  var control: Control { Control(rawValue: bytes[Place.statusB]) }

  /// Oscillations in a period of the periodic interrupt, as a power of two; nil: there are none.
  ///
  /// Rates 1 and 2 are the same as 8 and 9 with a crystal of 32 768 Hz (MC146818A, table 5).
  var periodShift: Int64? {
    switch bytes[Place.statusA] & 0x0f {
    case 0: nil
    case 1: 7
    case 2: 8
    case let rate: Int64(rate) - 1
    }
  }

  /// Whether the dividers run: not while they are held in reset or tested.
  var isDividing: Bool { bytes[Place.statusA] & 0x70 <= 0x20 }

  /// Whether the time goes on.
  var isUpdating: Bool { isDividing && !control.contains(.set) }

  // MARK: Time

  /// The time as seconds since 1970, within the years 0 to 9999 that the registers can tell.
  ///
  /// The day of the week follows from the date.
  var seconds: Int64 {
    get { time.seconds }
    set {
      let time = CalendarTime(seconds: min(max(newValue, -62_167_219_200), 253_402_300_799))
      bytes[Place.seconds] = encoded(time.second)
      bytes[Place.minutes] = encoded(time.minute)
      bytes[Place.hours] = encoded(hour: time.hour)
      bytes[Place.weekday] = encoded(time.weekday + 1)
      bytes[Place.day] = encoded(time.day)
      bytes[Place.month] = encoded(time.month)
      bytes[Place.year] = encoded(time.year % 100)
      bytes[Place.century] = encoded(time.year / 100)
    }
  }

  /// Date and time of day; numbers that are none count as the nearest that is one.
  private var time: CalendarTime {
    var time = CalendarTime(seconds: 0)
    time.second = min(decoded(bytes[Place.seconds]), 59)
    time.minute = min(decoded(bytes[Place.minutes]), 59)
    let hours = bytes[Place.hours]
    if control.contains(.hours24) {
      time.hour = min(decoded(hours), 23)
    } else {
      time.hour = min(decoded(hours & 0x7f), 12) % 12 + (hours & 0x80 != 0 ? 12 : 0)
    }
    time.day = min(max(decoded(bytes[Place.day]), 1), 31)
    time.month = min(max(decoded(bytes[Place.month]), 1), 12)
    time.year = min(decoded(bytes[Place.century]), 99) * 100 + min(decoded(bytes[Place.year]), 99)
    return time
  }

  /// Sets register B, and writes the time anew where numbers are written otherwise from now on.
  mutating func convertTime(to control: Control) {
    let notation: Control = [.binary, .hours24]
    let isOther = control.intersection(notation) != self.control.intersection(notation)
    let seconds = isOther ? seconds : 0
    bytes[Place.statusB] = control.rawValue
    if isOther { self.seconds = seconds }
  }

  private func encoded(_ value: Int) -> UInt8 {
    control.contains(.binary) ? UInt8(value) : UInt8((value / 10) << 4 | value % 10)
  }

  private func encoded(hour: Int) -> UInt8 {
    if control.contains(.hours24) { return encoded(hour) }
    return encoded((hour + 11) % 12 + 1) | (hour >= 12 ? 0x80 : 0)
  }

  private func decoded(_ byte: UInt8) -> Int {
    control.contains(.binary) ? Int(byte) : Int(byte >> 4) * 10 + Int(byte & 0xf)
  }

  // MARK: Alarm

  /// Seconds from the registers' time to the next at which the alarm goes off, 1 to 86 400; nil: it never does.
  ///
  /// As the hardware does, it compares bytes: an alarm in another notation than the time's never matches.
  var secondsToAlarm: Int64? {
    guard (0..<60).contains(where: { matches(Place.alarmSeconds, encoded($0)) }) else { return nil }
    let now = time
    let start = now.hour * 3600 + now.minute * 60 + now.second
    var moment = start + 1
    while moment <= start + 86_400 {
      let (hour, minute, second) = (moment / 3600 % 24, moment / 60 % 60, moment % 60)
      if !matches(Place.alarmHours, encoded(hour: hour)) {
        moment += 3600 - moment % 3600
      } else if !matches(Place.alarmMinutes, encoded(minute)) {
        moment += 60 - moment % 60
      } else if !matches(Place.alarmSeconds, encoded(second)) {
        moment += 1
      } else {
        return Int64(moment - start)
      }
    }
    return nil
  }

  /// Numbers from 0xc0 on match anything.
  private func matches(_ place: Int, _ byte: UInt8) -> Bool { bytes[place] >= 0xc0 || bytes[place] == byte }
}
