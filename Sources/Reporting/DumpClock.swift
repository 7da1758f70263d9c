import Glibc

/// Timestamps in babeltrace2's layout: `[HH:MM:SS.nnnnnnnnn] (+S.nnnnnnnnn) `, local time.
struct DumpClock {
  private var last: Int64?
  private var second = Int64.min
  /// `HH:MM:SS` of `second`.
  private var shown: [UInt8] = []

  mutating func write(_ timestamp: Int64, to sink: inout ByteSink) {
    sink.byte(UInt8(ascii: "["))
    time(timestamp, to: &sink)
    // babeltrace2 aborts at a step back.
    sink.text(last.map { timestamp < $0 } ?? false ? "] (-" : "] (+")
    if let last {
      let difference = (timestamp &- last).magnitude
      sink.decimal(difference / 1_000_000_000)
      sink.byte(UInt8(ascii: "."))
      sink.decimal(difference % 1_000_000_000, digits: 9)
    } else {
      sink.text("?.?????????")
    }
    sink.text(") ")
    last = timestamp
  }

  private mutating func time(_ timestamp: Int64, to sink: inout ByteSink) {
    let seconds = timestamp / 1_000_000_000
    let rest = timestamp % 1_000_000_000
    if timestamp < 0 {
      sink.byte(UInt8(ascii: "-"))
      sink.decimal(seconds.magnitude)
    } else {
      if seconds != second {
        second = seconds
        shown = Array(Self.hours(seconds).utf8)
      }
      sink.array(shown)
    }
    sink.byte(UInt8(ascii: "."))
    sink.decimal(rest.magnitude, digits: 9)
  }

  /// The time alone, for messages.
  static func text(_ timestamp: Int64) -> String {
    let rest = "\((timestamp % 1_000_000_000).magnitude)"
    return hours(timestamp / 1_000_000_000) + "." + String(repeating: "0", count: 9 - rest.utf8.count) + rest
  }

  /// `HH:MM:SS` of the local time zone.
  private static func hours(_ seconds: Int64) -> String {
    var time = time_t(seconds)
    var parts = tm()
    localtime_r(&time, &parts)
    let numbers = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { ($0 < 10 ? "0" : "") + "\($0)" }
    return numbers.joined(separator: ":")
  }
}
