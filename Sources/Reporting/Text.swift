import CTF
import Glibc
import InertText

/// Numbers as people read them. Spaces inside them are `Text.space`, so that paragraphs are not broken there.
package enum Text {
  /// A space that paragraphs are not broken at; renderers print it as an ordinary one.
  package static let space = "\u{a0}"

  /// With ``space`` inside of its numbers, where a sentence for scripts has ordinary ones.
  package static func unbroken(_ sentence: String) -> String {
    let units = ["ns", "µs", "ms", "s", "%"]
    let words = sentence.split(separator: " ", omittingEmptySubsequences: false)
    var result = ""
    for (place, word) in words.enumerated() {
      if place > 0 {
        let isUnit = units.contains(String(word.prefix { !",.:;()".contains($0) }))
        let isNumber = word.prefix(3).allSatisfy(\.isNumber) && word.count >= 3
        let follows = words[place - 1].last?.isNumber == true
        result += follows && (isUnit || isNumber) ? space : " "
      }
      result += word
    }
    return result
  }

  /// A text's begin, and a sign that there was more.
  package static func cut(_ text: String, to width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
  }

  /// Texts' begins. Where texts that differ would be the same, their begins and ends, or what there is around the first difference.
  static func cut(_ texts: [String], to width: Int) -> [String] {
    var shown = texts.map { cut($0, to: width) }
    guard width >= 4 else { return shown }
    for group in Dictionary(grouping: texts.indices, by: { shown[$0] }).values {
      let different = Set(group.map { texts[$0] })
      guard different.count > 1 else { continue }
      let start = different.map(Array.init).reduce(Array(texts[group[0]])) { common, text in
        Array(zip(common, text).prefix { $0 == $1 }.map(\.0))
      }.count
      let ways = [{ ends($0, width) }, { around($0, start, width) }]
      let way = ways.max { left, right in Set(different.map(left)).count < Set(different.map(right)).count }
      guard let way, Set(different.map(way)).count > 1 else { continue }
      for index in group { shown[index] = way(texts[index]) }
    }
    return shown
  }

  private static func ends(_ text: String, _ width: Int) -> String {
    guard text.count > width else { return text }
    return String(text.prefix(width / 2)) + "…" + String(text.suffix(width - 1 - width / 2))
  }

  /// - Parameter place: A character's number.
  private static func around(_ text: String, _ place: Int, _ width: Int) -> String {
    guard text.count > width else { return text }
    let rest = text.dropFirst(max(1, min(place - width / 4, text.count - width + 1)))
    return "…" + cut(String(rest), to: width - 1)
  }

  /// A word as a shell reads it back: an option's value, or a path as ``PathText`` has it.
  package static func shellWord(_ word: String) -> String {
    PathText.withBytes(word) { name in
      InertText.shellWord(bytes: UnsafeRawBufferPointer(start: name, count: strlen(name)))
    }
  }

  /// A count with its noun: `1 kick`, `2 kicks`.
  package static func number(_ count: UInt64, _ noun: String) -> String {
    Text.count(count) + space + noun + (count == 1 ? "" : "s")
  }

  /// With a space between thousands: `41 200`.
  package static func count(_ value: UInt64) -> String {
    let digits = String(value)
    var result = ""
    for (place, digit) in digits.enumerated() {
      if place > 0 && (digits.count - place) % 3 == 0 { result += space }
      result.append(digit)
    }
    return result
  }

  /// A duration with three significant digits: `9.12 µs`, `402 ns`, `1.20 s`.
  package static func duration(_ nanoseconds: Int64) -> String {
    if nanoseconds < 0 { return "-" + duration(nanoseconds == .min ? .max : -nanoseconds) }
    let units: [(String, Int64)] = [("ns", 1), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)]
    var chosen = units[0]
    // Chosen after rounding, so that 999 999 ns is 1.00 ms and not 1000 µs.
    for unit in units.dropFirst() where nanoseconds >= unit.1 - unit.1 / 2000 { chosen = unit }
    if chosen.1 == 1 { return "\(nanoseconds)\(space)ns" }
    return significant(Double(nanoseconds) / Double(chosen.1)) + space + chosen.0
  }

  /// Three significant digits, more for numbers from 1000 on.
  package static func significant(_ value: Double) -> String {
    if value > 0, value < 0.0995 { return fixed(value, min(9, 1 - Int(log10(value).rounded(.down)))) }
    if value < 9.995 { return fixed(value, 2) }
    if value < 99.95 { return fixed(value, 1) }
    return fixed(value, 0)
  }

  /// With so many digits after the point.
  package static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value * scale).rounded()
    guard abs(scaled) < 9e18 else { return "\(value)" }
    let whole = Int64(abs(scaled))
    let unit = Int64(scale)
    let sign = scaled < 0 ? "-" : ""
    guard digits > 0 else { return sign + String(whole) }
    let fraction = String(whole % unit)
    return sign + "\(whole / unit)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// A part of a whole: `96.1 %`, `–` for nothing, `<0.1 %` for next to nothing.
  package static func percent(_ part: Int64, of whole: Int64) -> String {
    guard part != 0 else { return "–" }
    guard whole > 0 else { return "?" }
    let share = Double(part) / Double(whole) * 100
    if share < 0.05 { return "<0.1\(space)%" }
    // Never 100 % when something else is there as well.
    if part < whole && share >= 99.95 { return ">99.9\(space)%" }
    return fixed(share, 1) + space + "%"
  }

  /// A number per second; marked where it is by the time that is known.
  static func rate(_ perSecond: Double, isEstimate: Bool) -> String {
    (isEstimate ? "≈" + space : "")
      + (perSecond >= 99.95 ? count(UInt64(min(perSecond.rounded(), 1e18))) : significant(perSecond))
  }

  /// How many per second, three significant digits.
  static func rate(_ count: UInt64, over nanoseconds: Int64) -> String {
    guard nanoseconds > 0 else { return "–" }
    let rate = Double(count) * 1e9 / Double(nanoseconds)
    if rate >= 99.95 { return Text.count(UInt64(min(rate.rounded(), 1e18))) }
    return significant(rate)
  }

  /// A moment as seconds since the start of the recording: `2.113409`. Down to the microsecond before, so that what
  /// begins there holds the event.
  package static func moment(_ timestamp: Int64, since begin: Int64) -> String {
    let (time, overflow) = timestamp.subtractingReportingOverflow(begin)
    guard !overflow else { return fixed(Double(timestamp) / 1e9 - Double(begin) / 1e9, 6) }
    let microseconds = time.quotient(1000)
    let fraction = String(microseconds.magnitude % 1_000_000)
    return (microseconds < 0 ? "-" : "") + String(microseconds.magnitude / 1_000_000) + "."
      + String(repeating: "0", count: 6 - fraction.count) + fraction
  }

  /// Bytes with a binary unit: `64 MiB`.
  package static func bytes(_ bytes: UInt64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024 && unit + 1 < units.count {
      value /= 1024
      unit += 1
    }
    return (value == value.rounded() ? fixed(value, 0) : significant(value)) + space + units[unit]
  }

  /// A Unix time in ns as UTC: `2026-11-22 18:24:10.123 UTC`.
  static func date(_ timestamp: Int64) -> String {
    let milliseconds = timestamp.quotient(1_000_000)
    let days = milliseconds.quotient(86_400_000)
    let time = milliseconds - days * 86_400_000
    // Days to a civil date, by the usual count of 400-year eras that begin on 1 March.
    let shifted = days + 719_468
    let era = shifted.quotient(146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ value: Int64) -> String { (value < 10 ? "0" : "") + String(value) }
    let fraction = String(time % 1000)
    let seconds = "\(two(time / 3_600_000)):\(two(time / 60_000 % 60)):\(two(time / 1000 % 60))"
    return "\(year)-\(two(month))-\(two(day)) \(seconds)."
      + String(repeating: "0", count: 3 - fraction.count) + fraction + " UTC"
  }
}

extension Int64 {
  /// Division that rounds down.
  fileprivate func quotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
