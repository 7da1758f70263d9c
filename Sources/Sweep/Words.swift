import Foundation
import Glibc

/// Numbers as people read them.
package enum Words {
  package static func number(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  /// Of seconds.
  package static func time(_ seconds: Double) -> String {
    if seconds < 99.5 { return String(format: seconds < 9.95 ? "%.1f s" : "%.0f s", seconds) }
    // Of a file that was edited: more than all time there is.
    let minutes = Int((min(seconds, 1e15) / 60).rounded())
    return minutes < 100 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
  }

  package static func bytes(_ bytes: UInt64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
    return unit == 0
      ? "\(bytes) bytes" : String(format: value < 10 ? "%.1f %@" : "%.0f %@", value, units[unit])
  }

  /// What is told of a finished run.
  static func line(_ run: SweepPlan.Run, _ plan: SweepPlan, _ record: SweepDirectory.Record) -> String {
    "\(run.number)/\(plan.runs.count) \(plan.configurations[run.configuration].label) \(time(record.duration))"
      + (record.repeated.map { ", made again \($0 == 1 ? "once" : "\($0) times")" } ?? "")
      + (record.disturbance.map(disturbance) ?? "")
  }

  /// What was seen at a look.
  static func look(_ look: SweepLooks.Look, _ until: SweepUntil) -> String {
    func percent(_ part: Double) -> String { String(format: "%.2g %%", part * 100) }
    let seen = look.widest.map { "known to ±" + percent($0) } ?? "no interval yet"
    return
      "look after \(number(look.blocks, "block")): \(until.metric) \(seen), wanted ±\(percent(until.width))"
      + (look.isNarrow
        ? ": that is enough" : look.blocks == until.looks.last ? ": no more blocks are planned" : "")
  }

  package static func disturbance(_ disturbance: Disturbance) -> String {
    guard disturbance.isDisturbed else { return "" }
    func percent(_ part: Double) -> String { String(format: "%.0f %%", part * 100) }
    return
      ", DISTURBED: \(percent(disturbance.others)) of the processors' time went to others, \(percent(disturbance.stolen)) was stolen"
      + (disturbance.recording.map { ", \(percent($0)) went into recording" } ?? "")
  }

  /// The name of a signal, as kill(1) has it, with its number.
  package static func signal(_ number: CInt) -> String {
    let names: [CInt: String] = [
      SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
      SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGUSR1: "SIGUSR1",
      SIGSEGV: "SIGSEGV", SIGUSR2: "SIGUSR2", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM",
      SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ", SIGSYS: "SIGSYS",
    ]
    guard let name = names[number] else { return "signal \(number)" }
    // What ends a program that did nothing wrong.
    return name + (number == SIGKILL ? " (as the kernel does where memory is short)" : "")
  }
}
