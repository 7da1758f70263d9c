import Glibc

/// How a dump writes times, as babeltrace2's options of the same names have it.
package struct ClockStyle: Sendable, Equatable {
  /// What stands in the brackets of a line.
  package enum Layout: Sendable {
    /// `HH:MM:SS.nnnnnnnnn`.
    case time
    /// `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`.
    case date
    /// `S.nnnnnnnnn` since the clock's origin.
    case seconds
    /// The clock's reading, 20 digits.
    case cycles
  }

  /// What stands in the brackets.
  package var layout: Layout
  /// Whether times and dates are UTC instead of local time.
  package var isUTC: Bool

  /// Describes a style.
  package init(layout: Layout = .time, isUTC: Bool = false) {
    self.layout = layout
    self.isUTC = isUTC
  }
}

/// Timestamps in babeltrace2's layout: `[HH:MM:SS.nnnnnnnnn] (+S.nnnnnnnnn) `.
struct DumpClock {
  private let style: ClockStyle
  private var last: Int64?
  private var lastCycles: UInt64 = 0
  /// The second that `shown` is of, ns since the clock's origin, which it does not begin before.
  private var begin = Int64.min
  /// The bracket and the time of `begin` without its fraction.
  private var shown: [UInt8] = []

  init(_ style: ClockStyle) { self.style = style }

  /// - Parameters:
  ///   - timestamp: ns since the clock's origin.
  ///   - cycles: What the clock itself said.
  mutating func write(_ timestamp: Int64, cycles: UInt64, to sink: inout ByteSink) {
    if style.layout == .cycles { return write(cycles: cycles, to: &sink) }
    let rest = UInt64(bitPattern: timestamp &- begin)
    if rest < Self.nanoseconds, timestamp >= 0 {
      sink.array(shown)
      sink.fraction(UInt32(truncatingIfNeeded: rest))
    } else {
      time(timestamp, to: &sink)
    }
    guard let last else {
      sink.text("] (+?.?????????) ")
      self.last = timestamp
      return
    }
    let difference = (timestamp &- last).magnitude
    self.last = timestamp
    // babeltrace2 aborts at a step back.
    if timestamp >= last, difference < Self.nanoseconds {
      sink.paddedText("] (+0.          ", 6)
      sink.fraction(UInt32(truncatingIfNeeded: difference))
    } else {
      sink.text(timestamp < last ? "] (-" : "] (+")
      sink.decimal(difference / Self.nanoseconds)
      sink.byte(UInt8(ascii: "."))
      sink.fraction(UInt32(truncatingIfNeeded: difference % Self.nanoseconds))
    }
    sink.paddedText(")               ", 2)
  }

  private static let nanoseconds: UInt64 = 1_000_000_000

  @inline(never)
  private mutating func write(cycles: UInt64, to sink: inout ByteSink) {
    sink.byte(UInt8(ascii: "["))
    sink.decimal(cycles, digits: 20)
    if last == nil {
      sink.text("] (+????????????) ")
    } else {
      sink.text(cycles < lastCycles ? "] (-" : "] (+")
      sink.decimal(cycles < lastCycles ? lastCycles &- cycles : cycles &- lastCycles, digits: 12)
      sink.text(") ")
    }
    (last, lastCycles) = (0, cycles)
  }

  /// A time of another second than the last.
  @inline(never)
  private mutating func time(_ timestamp: Int64, to sink: inout ByteSink) {
    let seconds = timestamp / 1_000_000_000
    let rest = UInt32((timestamp % 1_000_000_000).magnitude)
    if timestamp < 0 {
      sink.text("[-")
      sink.decimal(seconds.magnitude)
      sink.byte(UInt8(ascii: "."))
    } else {
      begin = seconds * 1_000_000_000
      shown = Array("[\(style.text(seconds)).".utf8)
      sink.array(shown)
    }
    sink.fraction(rest)
  }

  /// The time alone, for messages.
  func text(_ timestamp: Int64) -> String {
    let rest = "\((timestamp % 1_000_000_000).magnitude)"
    return style.text(timestamp / 1_000_000_000) + "." + String(repeating: "0", count: 9 - rest.utf8.count)
      + rest
  }
}

extension ClockStyle {
  /// Whole seconds since the clock's origin as they are written.
  fileprivate func text(_ seconds: Int64) -> String {
    if layout == .seconds { return "\(seconds)" }
    var time = time_t(seconds)
    var parts = tm()
    if isUTC { gmtime_r(&time, &parts) } else { localtime_r(&time, &parts) }
    func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + "\(number)" }
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(two).joined(separator: ":")
    guard layout == .date else { return clock }
    let year = String(Int(parts.tm_year) + 1900)
    return String(repeating: "0", count: max(0, 4 - year.count)) + year
      + "-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) " + clock
  }
}
