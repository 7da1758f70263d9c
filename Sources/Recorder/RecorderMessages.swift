import Glibc

/// What the VMM asks of the process that records it.
enum RecorderRequest: Codable {
  /// To set up a tracing session for the events of a process, the VMM. Answered by `ready`.
  case start(RecordingOptions, process: pid_t)
  /// The VMM's tracepoints are enabled: is all well? Answered by `recording`.
  case enabled
  /// The run is over. Answered by `summary`.
  ///
  /// - Parameters:
  ///   - emitted: how many events the VMM has emitted.
  ///   - endsWithRun: whether its tracepoints were still enabled then.
  case stop(emitted: UInt64, endsWithRun: Bool)
  /// Nothing was run: what was recorded is to be removed. Answered by the end of the process.
  case discard
}

/// What the process that records says. Those that cannot be done are answered by `failed`, and the process ends.
enum RecorderAnswer: Codable {
  /// The session records whatever process of the right number registers.
  ///
  /// - Parameter environment: what liblttng-ust has to find in the environment when the VMM loads it.
  case ready(environment: [String: String])
  /// Everything is in place.
  ///
  /// - Parameters:
  ///   - directory: the trace's, absolute.
  ///   - warnings: what the user should know, one sentence each.
  case recording(directory: String, daemon: SessionDaemonKind, warnings: [String])
  /// What became of it; the process ends.
  case summary(RecordingSummary)
  /// Why something cannot be done; nothing is left running.
  case failed(String)
  /// The trace is as large as it may be. Sent once, at any time while it is recorded.
  case full
  /// Nothing yet, but somebody is at work: sent each second until the answer.
  case working
}
