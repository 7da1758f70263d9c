/// Whose session daemon a recording went through.
public enum SessionDaemonKind: String, Sendable {
  /// One that was running already.
  case found
  /// One of our own that nobody else can reach, started for this recording.
  case `private`
  /// One of our own in the usual place, started for this recording because a private one was not possible.
  case shared
}

/// What became of a recording.
public struct RecordingSummary: Sendable {
  /// The trace's directory, absolute.
  public var directory: String
  /// Events that found no room in the buffers, as LTTng counts them; nil when it could not be asked.
  public var eventsLost: UInt64?
  /// Packets overwritten before they were saved, as LTTng counts them; nil when it could not be asked.
  public var packetsLost: UInt64?
  /// The size of the trace's files.
  public var bytes: UInt64
  /// Everything that was recorded is in the trace. When not, ``warnings`` say why.
  public var isComplete: Bool
  /// What the user has to know, one sentence each.
  public var warnings: [String]
  /// Whose session daemon it was.
  public var daemon: SessionDaemonKind

  mutating func noteDamage(_ warning: String) {
    isComplete = false
    warnings.append(warning)
  }
}
