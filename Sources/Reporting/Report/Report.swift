/// What `exeunt-analyze` found in a trace: one plain value for all commands and all output formats.
///
/// Times are integers in ns, either durations or, where called `timestamp`, `begin` or `end`, ns since the
/// origin of the trace's clock (the Unix epoch for LTTng). docs/report.md describes every field. Fields are
/// only added within a version; what changes meaning or goes away makes a new one.
public struct Report: Codable, Equatable, Sendable {
  /// The version that this program writes.
  public static let currentVersion = 2

  /// Always `exeunt-report`.
  public var format = "exeunt-report"
  /// Version of the structure.
  public var version = Report.currentVersion
  /// The command that made it: `summary`, `exits`, `timeline`, `paths`, `compare` or `check`.
  public var command: String
  /// What was read, and what was lost.
  public var trace: TraceReport
  /// The virtual machine, when the trace describes one.
  public var machine: MachineReport?
  /// Of `summary`.
  public var summary: SummaryReport?
  /// Of `exits`.
  public var exits: ExitsReport?
  /// Of `timeline`.
  public var timeline: TimelineReport?
  /// Of `paths`.
  public var paths: PathsReport?
  /// Of `compare`.
  public var compare: CompareReport?
  /// Of `check`.
  public var check: CheckReport?
  /// The limits that were asked for; nil: none.
  public var limits: [ThresholdReport]?
  /// What the user asked to fail on and was found; empty: nothing.
  public var findings: [String] = []

  /// A report without results.
  public init(command: String, trace: TraceReport) {
    self.command = command
    self.trace = trace
  }
}

/// What was read, and what was lost.
public struct TraceReport: Codable, Equatable, Sendable {
  /// Directories as given.
  public var paths: [String]
  /// Time of the first event; nil without events.
  public var begin: Int64?
  /// Time of the last event.
  public var end: Int64?
  /// The time analysed: of the window, or `end - begin`.
  public var duration: Int64
  /// Whether timestamps count from the Unix epoch.
  public var isUnixTime: Bool
  /// The part of the trace that was analysed; nil: all of it.
  public var window: WindowReport?
  /// Events of `exeunt` analysed.
  public var events: UInt64
  /// Events of other providers, not analysed.
  public var otherEvents: UInt64
  /// Events that the tracer had no room for in the whole recording, exact.
  public var discardedEvents: UInt64
  /// Packets that are missing in the whole recording; how many events they held is not known.
  public var lostPackets: UInt64
  /// Events of vCPUs and loops beyond the number that is analysed; nil: none.
  public var unanalysedEvents: UInt64?
  /// Whether anything is lost, damaged or not understood.
  public var isPartial: Bool
  /// Whether the recording is whole, by the totals that it ends with; nil: nobody looked, as for a window.
  public var check: CheckReport?
  /// Streams in the order of the trace.
  public var streams: [StreamReport]
  /// Events by name, most frequent first; of all providers when the trace has no event of `exeunt`.
  public var eventsByName: [NamedCount]
  /// What was wrong in the files, but survivable.
  public var diagnostics: [String]
  /// What a reader of the report should know.
  public var notes: [String]
}

/// A part of a trace.
public struct WindowReport: Codable, Equatable, Sendable {
  /// First instant.
  public var begin: Int64
  /// Last instant.
  public var end: Int64
  /// Gaps, places where events are lost, that begin in it. Losses are counted for the whole recording only. nil
  /// in a report of an early build, which did not say it: not 0.
  public var gaps: UInt64?
}

/// A stream of a trace: for LTTng what one CPU recorded.
public struct StreamReport: Codable, Equatable, Sendable {
  /// File, or `FILE …` for a stream in several.
  public var name: String
  /// The CPU, when the stream says so.
  public var cpu: UInt64?
  /// Events of `exeunt` in it.
  public var events: UInt64
  /// Events of others.
  public var otherEvents: UInt64
  /// Events that the tracer had no room for.
  public var discardedEvents: UInt64
  /// Packets that are missing.
  public var lostPackets: UInt64
  /// Whether some of it could not be read.
  public var isDamaged: Bool
  /// Size in bytes.
  public var bytes: Int
}

/// How many there are of something.
public struct NamedCount: Codable, Equatable, Sendable {
  /// Of what.
  public var name: String
  /// How many.
  public var count: UInt64
}

/// The virtual machine as its trace describes it.
public struct MachineReport: Codable, Equatable, Sendable {
  /// Version of the VMM.
  public var version: String
  /// Built-in guest or image.
  public var guest: String
  /// The KVM module: vmx, svm, pvm, …
  public var kvm: String
  /// Release of the host's kernel.
  public var kernel: String
  /// Guest RAM in bytes.
  public var ramBytes: UInt64
  /// vCPUs.
  public var vcpus: Int
  /// I/O threads.
  public var loops: Int
  /// Process id of the VMM.
  public var pid: UInt32
  /// Rate of the time stamp counter, kHz.
  public var tscKHz: UInt32
  /// The whole configuration, JSON as the VMM wrote it.
  public var configuration: String
}

/// An event that a number can be traced back to.
public struct LocationReport: Codable, Equatable, Sendable {
  /// Time of the event.
  public var timestamp: Int64
  /// Data file.
  public var file: String?
  /// Packet of that file, from 0.
  public var packet: Int?
  /// Bytes from the start of the file to the packet.
  public var packetOffset: Int?
  /// How long the event's thread was runnable but waiting for a CPU between the readings of its times around the event,
  /// where that can explain what the event is longer than the median; nil: it cannot, or is not known.
  public var cpuWait: Int64?
}

/// A set of durations in ns. Percentiles are at most 1/128 (0.8 %) above the exact order statistic and never
/// below it; everything else is exact.
public struct LatencyReport: Codable, Equatable, Sendable {
  /// Number of durations.
  public var count: UInt64
  /// Their sum.
  public var total: Int64
  /// The shortest.
  public var minimum: Int64
  /// Median.
  public var p50: Int64
  /// 90th percentile.
  public var p90: Int64
  /// 99th percentile.
  public var p99: Int64
  /// 99.9th percentile.
  public var p999: Int64
  /// The longest.
  public var maximum: Int64
  /// The earliest event as slow as `p999`.
  public var p999Exemplar: LocationReport?
  /// The earliest of the slowest events.
  public var maximumExemplar: LocationReport?
}

/// A bar of a histogram.
public struct BarReport: Codable, Equatable, Sendable {
  /// Shortest duration counted.
  public var from: Int64
  /// Longest duration counted.
  public var through: Int64
  /// How many.
  public var count: UInt64
}
