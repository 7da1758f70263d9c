import ArgumentParser
import CTF
import Dump
import Reporting

/// Which events a dump shows.
struct FilterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only events of this name, with or without the provider; * stands for anything. May be repeated.",
      valueName: "name"))
  var event: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only events of this thread: vcpu0, io0, main, or a thread id. May be repeated.", valueName: "thread"))
  var thread: [String] = []

  @Option(help: ArgumentHelp("Only events recorded on this CPU. May be repeated.", valueName: "n"))
  var cpu: [UInt64] = []

  @Option(
    help: ArgumentHelp(
      "Only events with a field that is so: reason=io,mmio, address>=0x3f8, name!=virtio*, with =, !=, <, <=, > or >=. "
        + "If repeated, all must hold.", valueName: "condition"),
    transform: { text in
      guard let condition = FieldCondition(text) else {
        throw ValidationError("'\(text)' is no condition such as reason=io, address>=0x3f8 or name!=virtio*")
      }
      return condition
    })
  var `where`: [FieldCondition] = []

  /// Whether everything is shown.
  var isEmpty: Bool { event.isEmpty && thread.isEmpty && cpu.isEmpty && `where`.isEmpty }

  /// - Throws: When a thread is none of the trace's.
  func filter(of trace: Trace) throws(FilterError) -> DumpFilter {
    let rule = thread.isEmpty ? nil : try ThreadSelection(thread, trace)
    return DumpFilter(events: event, cpus: cpu, conditions: `where`, rule: rule)
  }
}

/// How times are written and read; the names are those of babeltrace2.
struct ClockOptions: ParsableArguments {
  @Flag(help: "Print the clock's cycles.")
  var clockCycles = false

  @Flag(help: "Print dates, too.")
  var clockDate = false

  @Flag(help: "Print and read clock times in UTC instead of the local time zone.")
  var clockGmt = false

  @Flag(help: "Print seconds since the clock's origin, usually 1970.")
  var clockSeconds = false

  var style: ClockStyle {
    ClockStyle(
      layout: clockCycles ? .cycles : clockSeconds ? .seconds : clockDate ? .date : .time, isUTC: clockGmt)
  }
}
