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
  /// The command that made it: `summary`, `exits`, `timeline`, `paths`, `explain`, `compare` or `check`.
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
  /// Of `explain`.
  package var explain: ExplainReport?
  /// Of `compare`.
  package var compare: CompareReport?
  /// Of `compare` on a sweep.
  package var sweep: SweepReport?
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
