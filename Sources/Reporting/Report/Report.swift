/// What `exeunt-analyze` found in a trace: one plain value for all commands and all output formats.
///
/// Times are integers in ns, either durations or, where called `timestamp`, `begin` or `end`, ns since the
/// origin of the trace's clock (the Unix epoch for LTTng). docs/report.md describes every field. Fields are
/// only added within a version; what changes meaning or goes away makes a new one.
package struct Report: Codable, Equatable, Sendable {
  /// The version that this program writes.
  package static let currentVersion = 2

  /// Always `exeunt-report`.
  package var format = "exeunt-report"
  /// Version of the structure.
  package var version = Report.currentVersion
  /// The command that made it: `summary`, `exits`, `timeline`, `paths`, `compare` or `check`.
  package var command: String
  /// What was read, and what was lost.
  package var trace: TraceReport
  /// The virtual machine, when the trace describes one.
  package var machine: MachineReport?
  /// The virtual machines, where the report is about several; rows name theirs. nil: it is about one.
  package var machines: [NamedMachineReport]?
  /// Of `summary`.
  package var summary: SummaryReport?
  /// Of `exits`.
  package var exits: ExitsReport?
  /// Of `timeline`.
  package var timeline: TimelineReport?
  /// Of `paths`.
  package var paths: PathsReport?
  /// Of `compare`.
  package var compare: CompareReport?
  /// Of `check`.
  package var check: CheckReport?
  /// The limits that were asked for; nil: none.
  package var limits: [ThresholdReport]?
  /// What the user asked to fail on and was found; empty: nothing.
  package var findings: [String] = []

  /// A report without results.
  package init(command: String, trace: TraceReport) {
    self.command = command
    self.trace = trace
  }
}

/// What was read, and what was lost.
package struct TraceReport: Codable, Equatable, Sendable {
  /// Directories as given.
  package var paths: [String]
  /// Time of the first event; nil without events.
  package var begin: Int64?
  /// Time of the last event.
  package var end: Int64?
  /// The time analysed: of the window, or `end - begin`.
  package var duration: Int64
  /// Whether timestamps count from the Unix epoch.
  package var isUnixTime: Bool
  /// The part of the trace that was analysed; nil: all of it.
  package var window: WindowReport?
  /// Events of `exeunt` analysed.
  package var events: UInt64
  /// Events of other providers, not analysed.
  package var otherEvents: UInt64
  /// Events that the tracer had no room for in the whole recording, exact.
  package var discardedEvents: UInt64
  /// Packets that are missing in the whole recording; how many events they held is not known.
  package var lostPackets: UInt64
  /// Events of vCPUs and loops beyond the number that is analysed; nil: none.
  package var unanalysedEvents: UInt64?
  /// Whether anything is lost, damaged or not understood.
  package var isPartial: Bool
  /// Whether the recording is whole, by the totals that it ends with; nil: nobody looked, as for a window.
  package var check: CheckReport?
  /// Streams in the order of the trace.
  package var streams: [StreamReport]
  /// Events by name, most frequent first; of all providers when the trace has no event of `exeunt`.
  package var eventsByName: [NamedCount]
  /// What was wrong in the files, but survivable.
  package var diagnostics: [String]
  /// What a reader of the report should know.
  package var notes: [String]
}

/// A part of a trace.
package struct WindowReport: Codable, Equatable, Sendable {
  /// First instant.
  package var begin: Int64
  /// Last instant.
  package var end: Int64
  /// Gaps, places where events are lost, that begin in it. Losses are counted for the whole recording only. nil
  /// in a report of an early build, which did not say it: not 0.
  package var gaps: UInt64?
}

/// A stream of a trace: for LTTng what one CPU recorded.
package struct StreamReport: Codable, Equatable, Sendable {
  /// File, or `FILE …` for a stream in several.
  package var name: String
  /// The CPU, when the stream says so.
  package var cpu: UInt64?
  /// Events of `exeunt` in it.
  package var events: UInt64
  /// Events of others.
  package var otherEvents: UInt64
  /// Events that the tracer had no room for.
  package var discardedEvents: UInt64
  /// Packets that are missing.
  package var lostPackets: UInt64
  /// Whether some of it could not be read.
  package var isDamaged: Bool
  /// Size in bytes.
  package var bytes: Int
}

/// How many there are of something.
package struct NamedCount: Codable, Equatable, Sendable {
  /// Of what.
  package var name: String
  /// How many.
  package var count: UInt64
}

/// The virtual machine as its trace describes it.
package struct MachineReport: Codable, Equatable, Sendable {
  /// Version of the VMM.
  package var version: String
  /// Built-in guest or image.
  package var guest: String
  /// The KVM module: vmx, svm, pvm, …
  package var kvm: String
  /// Release of the host's kernel.
  package var kernel: String
  /// Guest RAM in bytes.
  package var ramBytes: UInt64
  /// vCPUs.
  package var vcpus: Int
  /// I/O threads.
  package var loops: Int
  /// Process id of the VMM.
  package var pid: UInt32
  /// Rate of the time stamp counter, kHz.
  package var tscKHz: UInt32
  /// The whole configuration, JSON as the VMM wrote it.
  package var configuration: String
}

/// One of several machines that a report is about.
package struct NamedMachineReport: Codable, Equatable, Sendable {
  /// What rows call it.
  package var name: String
  /// What its trace says of it; nil: nothing.
  package var machine: MachineReport?
}

/// An event that a number can be traced back to.
package struct LocationReport: Codable, Equatable, Sendable {
  /// Time of the event.
  package var timestamp: Int64
  /// Data file.
  package var file: String?
  /// Packet of that file, from 0.
  package var packet: Int?
  /// Bytes from the start of the file to the packet.
  package var packetOffset: Int?
  /// How long the event's thread was runnable but waiting for a CPU between the readings of its times around the event,
  /// where that can explain what the event is longer than the median; nil: it cannot, or is not known.
  package var cpuWait: Int64?
}

/// A set of durations in ns. Percentiles are at most 1/128 (0.8 %) above the exact order statistic and never
/// below it; everything else is exact.
package struct LatencyReport: Codable, Equatable, Sendable {
  /// Number of durations.
  package var count: UInt64
  /// Their sum.
  package var total: Int64
  /// The shortest.
  package var minimum: Int64
  /// Median.
  package var p50: Int64
  /// 90th percentile.
  package var p90: Int64
  /// 99th percentile.
  package var p99: Int64
  /// 99.9th percentile.
  package var p999: Int64
  /// The longest.
  package var maximum: Int64
  /// The earliest event as slow as `p999`.
  package var p999Exemplar: LocationReport?
  /// The earliest of the slowest events.
  package var maximumExemplar: LocationReport?
}

/// A bar of a histogram.
package struct BarReport: Codable, Equatable, Sendable {
  /// Shortest duration counted.
  package var from: Int64
  /// Longest duration counted.
  package var through: Int64
  /// How many.
  package var count: UInt64
}
