import Glibc

/// A clock time as users write it: a time of day, or with its date, in the local time zone or a named one.
package struct CalendarReading: Sendable, Equatable {
  /// A day of the calendar.
  struct Day: Sendable, Equatable {
    var year: Int
    /// 1 to 12.
    var month: Int
    var day: Int
  }

  /// The day; nil: it is to be found.
  var date: Day?
  /// Seconds since midnight; a leap second is the next minute.
  var secondOfDay: Int
  /// ns of the second.
  var nanosecond: Int64
  /// Seconds east of Greenwich; nil: the local time zone.
  var offset: Int?

  /// Reads `HH:MM[:SS[.n]]`, `YYYY-MM-DD`, or both with a space or `T` between them, and behind it `UTC`, `GMT`, `Z` or
  /// `+HH:MM`.
  ///
  /// - Returns: nil when the text is no such time.
  init?(_ text: Substring) {
    var rest = text
    for zone in [" UTC", " GMT", "UTC", "GMT", "Z"] where offset == nil && rest.hasSuffix(zone) {
      offset = 0
      rest = rest.dropLast(zone.count)
    }
    if offset == nil, let sign = rest.lastIndex(where: { $0 == "+" || $0 == "-" }),
      rest[..<sign].contains(":")
    {
      let zone = rest[rest.index(after: sign)...].split(separator: ":", omittingEmptySubsequences: false)
      let digits = zone.joined()
      guard zone.count <= 2, digits.count == 4, let value = Self.number(Substring(digits), 0...2359),
        value % 100 < 60
      else { return nil }
      offset = (value / 100 * 3600 + value % 100 * 60) * (rest[sign] == "-" ? -1 : 1)
      rest = rest[..<sign]
      if rest.last == " " { rest.removeLast() }
    }
    let parts = rest.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == " " || $0 == "T" }
    var time = parts[0]
    if parts[0].contains("-") {
      let numbers = parts[0].split(separator: "-", omittingEmptySubsequences: false)
      guard numbers.count == 3, let year = Self.number(numbers[0], 1...9999),
        let month = Self.number(numbers[1], 1...12), let day = Self.number(numbers[2], 1...31)
      else { return nil }
      date = Day(year: year, month: month, day: day)
      time = parts.count > 1 ? parts[1] : "00:00"
    } else if parts.count > 1 {
      return nil
    }
    let numbers = time.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(numbers.count), let hour = Self.number(numbers[0], 0...23),
      let minute = Self.number(numbers[1], 0...59)
    else { return nil }
    secondOfDay = hour * 3600 + minute * 60
    nanosecond = 0
    guard numbers.count == 3 else { return }
    let second = numbers[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = Self.number(second[0], 0...60) else { return nil }
    secondOfDay += whole
    guard second.count == 2 else { return }
    let fraction = second[1]
    guard (1...9).contains(fraction.count), let value = Self.number(fraction, 0...999_999_999) else {
      return nil
    }
    nanosecond = Int64(value)
    for _ in fraction.count..<9 { nanosecond *= 10 }
  }

  private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
    guard let first = text.first, first.isASCII, first.isNumber, let value = Int(text), range.contains(value)
    else {
      return nil
    }
    return value
  }

  /// The ns since the Unix epoch that are meant.
  ///
  /// - Parameters:
  ///   - recording: Where it has no date, the first such time of day from the recording's begin on.
  ///   - isUTC: Whether a time without a zone is UTC instead of local time.
  /// - Returns: nil when there is no such day, or it is beyond what ns can count.
  func timestamp(from begin: Int64, isUTC: Bool) -> Int64? {
    let offset = offset ?? (isUTC ? 0 : nil)
    if let date { return timestamp(date, offset) }
    // A time that was copied can be a little before the first event: days begin a minute earlier.
    let floor = begin.subtractingReportingOverflow(60_000_000_000).partialValue
    for days in -1...2 {
      let (noon, overflow) = begin.addingReportingOverflow(Int64(days) * 86_400_000_000_000)
      guard !overflow, let day = Self.day(of: noon, offset), let found = timestamp(day, offset) else {
        continue
      }
      if found >= floor { return found }
    }
    return nil
  }

  private func timestamp(_ date: Day, _ offset: Int?) -> Int64? {
    var parts = tm()
    parts.tm_year = Int32(date.year - 1900)
    parts.tm_mon = Int32(date.month - 1)
    parts.tm_mday = Int32(date.day)
    parts.tm_hour = Int32(secondOfDay / 3600)
    parts.tm_min = Int32(secondOfDay / 60 % 60)
    parts.tm_sec = Int32(secondOfDay % 60)
    parts.tm_isdst = -1
    let seconds = offset != nil ? timegm(&parts) : mktime(&parts)
    // The 31st of June would be the 1st of July.
    guard parts.tm_mday == Int32(date.day) || secondOfDay >= 86_400 else { return nil }
    let (shifted, overflow) = Int64(seconds).subtractingReportingOverflow(Int64(offset ?? 0))
    let (product, tooLarge) = shifted.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, beyond) = product.addingReportingOverflow(nanosecond)
    return overflow || tooLarge || beyond ? nil : sum
  }

  private static func day(of timestamp: Int64, _ offset: Int?) -> Day? {
    var seconds = time_t(timestamp / 1_000_000_000 - (timestamp % 1_000_000_000 < 0 ? 1 : 0))
    var parts = tm()
    if let offset {
      seconds += offset
      guard gmtime_r(&seconds, &parts) != nil else { return nil }
    } else {
      guard localtime_r(&seconds, &parts) != nil else { return nil }
    }
    return Day(year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday))
  }
}
