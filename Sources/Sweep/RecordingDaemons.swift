import Foundation
import Platform

/// Processor time of LTTng's daemons, which record runs and are not the run's children.
///
/// They are looked at now and then while a run goes on, and after it: what one took after the last look at it, if it ended with its run, is
/// missing, a quarter of a second at most.
struct RecordingDaemons {
  /// Clock ticks by process and when it started.
  private var seen: [String: UInt64] = [:]
  private let before: [String: UInt64]

  init() { before = Self.look() }

  /// Looks again.
  mutating func look() { seen.merge(Self.look()) { max($0, $1) } }

  /// Ticks since the first look.
  var ticks: UInt64 {
    seen.reduce(0) { sum, entry in
      let earlier = before[entry.key] ?? 0
      return sum &+ (entry.value > earlier ? entry.value - earlier : 0)
    }
  }

  private static func look() -> [String: UInt64] {
    var found: [String: UInt64] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int(name) != nil {
      guard let text = TextFile.read("/proc/\(name)/stat"), let entry = ticks(of: text) else { continue }
      found["\(name) \(entry.started)"] = entry.ticks
    }
    return found
  }

  /// Those of a daemon by its line of /proc/PID/stat (proc(5)); nil: it is none.
  static func ticks(of stat: String) -> (started: UInt64, ticks: UInt64)? {
    guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"), open < close,
      ["lttng-sessiond", "lttng-consumerd"].contains(String(stat[stat.index(after: open)..<close]))
    else { return nil }
    // From the third field on: utime and stime are the 14th and 15th, the start is the 22nd.
    let fields = stat[stat.index(after: close)...].split(separator: " ")
    guard fields.count > 19, let user = UInt64(fields[11]), let system = UInt64(fields[12]),
      let started = UInt64(fields[19])
    else { return nil }
    return (started, user &+ system)
  }
}
