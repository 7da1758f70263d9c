/// A moment of a recording as users write it; every option and every output means the same by the same text.
package enum Moment: Sendable, Equatable {
  /// ns since the first event.
  case sinceStart(Int64)
  /// ns since the origin of the trace's clock.
  case clock(Int64)
  /// Cycles of the trace's clock.
  case cycles(UInt64)
  /// A time of day, with or without its date.
  case calendar(CalendarReading)
  /// The first guest mark of this value.
  case mark(UInt64)
  /// An exit by its number.
  case exit(vcpu: UInt64, seq: UInt64)
  /// The exit that took longest.
  case slowest
  /// The first event of this name, with or without its provider.
  case event(String)

  /// How the forms of a moment are told to users.
  package static let forms =
    "seconds from the start (1.5, @1.5, 1500ms), a clock time ([DATE ]18:24:10.5, local or with UTC behind it, or as dump "
    + "prints it), seconds since 1970, slowest, mark=VALUE, vcpuN:SEQ or an event's name"

  /// From so many seconds on, a number counts from the clock's origin: no recording takes three years, and clocks that
  /// begin in 1970 are beyond it since 1973.
  private static let longestRecording: Int64 = 100_000_000 * 1_000_000_000

  /// Reads a moment.
  ///
  /// - Returns: nil when the text is none of the forms.
  package init?(_ text: String) {
    let trimmed = Substring(text).trimmingSpaces()
    if trimmed == "slowest" {
      self = .slowest
    } else if trimmed.first == "[" {
      self.init(bracketed: trimmed.dropFirst())
    } else if trimmed.first == "@" {
      guard let time = TimeQuantity.nanoseconds(trimmed.dropFirst()) else { return nil }
      self = .sinceStart(time)
    } else if let moment = Moment(number: trimmed) {
      self = moment
    } else if let reading = CalendarReading(trimmed) {
      self = .calendar(reading)
    } else {
      self.init(named: trimmed)
    }
  }

  /// What stands between the brackets of a dump's line; the rest of the line may follow.
  private init?(bracketed text: Substring) {
    guard let end = text.firstIndex(of: "]") else { return nil }
    let inner = text[..<end]
    if inner.contains(":") {
      guard let reading = CalendarReading(inner) else { return nil }
      self = .calendar(reading)
    } else if !inner.contains("."), let cycles = UInt64(inner) {
      self = .cycles(cycles)
    } else {
      guard let time = TimeQuantity.scaled(inner, by: 1_000_000_000) else { return nil }
      self = .clock(time)
    }
  }

  private init?(number text: Substring) {
    guard let first = text.first, first.isASCII, first.isNumber || "+-.".contains(first) else { return nil }
    // The timestamps of JSON are whole ns.
    if text.utf8.count >= 16, let time = Int64(text) {
      self = .clock(time)
      return
    }
    guard let time = TimeQuantity.nanoseconds(text) else { return nil }
    self = time < Self.longestRecording ? .sinceStart(time) : .clock(time)
  }

  private init?(named text: Substring) {
    if text.hasPrefix("mark=") {
      guard let value = Self.number(text.dropFirst(5)) else { return nil }
      self = .mark(value)
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2, parts[0].hasPrefix("vcpu"), let vcpu = UInt64(parts[0].dropFirst(4)) {
      guard let seq = UInt64(parts[1]) else { return nil }
      self = .exit(vcpu: vcpu, seq: seq)
      return
    }
    guard let first = text.first, first.isLetter || first == "_",
      text.allSatisfy({ !$0.isWhitespace && $0 != "=" })
    else { return nil }
    self = .event(String(text))
  }

  private static func number(_ text: Substring) -> UInt64? {
    text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
  }
}

extension Substring {
  fileprivate func trimmingSpaces() -> Substring {
    var text = drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return text
  }
}
