import Glibc

/// Whose session daemon a recording went through.
package enum SessionDaemonKind: String, Sendable, Codable {
  /// One that was running already.
  case found
  /// One of our own that nobody else can reach, started for this recording.
  case `private`
  /// One of our own in the usual place, started for this recording because a private one was not possible.
  case shared
}

/// What became of a recording.
package struct RecordingSummary: Sendable, Codable {
  /// The trace's directory, absolute.
  package var directory: String
  /// Events that the VMM emitted while they were recorded.
  package var eventsEmitted: UInt64 = 0
  /// Events that are in the trace, counted by reading it; nil when it could not be read, and ``warnings`` say why.
  package var eventsRecorded: UInt64?
  /// Events that found no room in the buffers, as LTTng counts them; nil when it could not be asked.
  package var eventsDiscarded: UInt64?
  /// Events that are not in the trace, for whatever reason; nil when it is not known.
  package var eventsLost: UInt64? { endsWithRun ? eventsRecorded.map { eventsEmitted - $0 } : nil }
  /// Whether events were recorded up to the end of the run; when not, what was not emitted has not been counted.
  package var endsWithRun: Bool
  /// Packets overwritten before they were saved, as LTTng counts them; nil when it could not be asked.
  package var packetsLost: UInt64?
  /// The size of the trace's files.
  package var bytes: UInt64
  /// All of the run is in the trace but for events that found no room in the buffers, which the trace itself tells. When
  /// not, ``warnings`` say why.
  package var isComplete: Bool
  /// What the user has to know, one sentence each.
  package var warnings: [String]
  /// Whose session daemon it was.
  package var daemon: SessionDaemonKind

  /// Reads the trace, and says what differs from what was emitted.
  mutating func verify() {
    guard access(directory, F_OK) == 0 else {
      noteDamage("the directory \(directory) was removed during the run, and the trace with it")
      return
    }
    let check: TraceCheck
    do throws(TraceCheck.Failure) {
      check = try TraceCheck(directory)
    } catch {
      noteDamage("the trace was not verified: \(error.reason)")
      return
    }
    guard check.recorded <= eventsEmitted else {
      noteDamage(
        "the trace holds \(check.recorded) events, and this run emitted \(eventsEmitted): somebody else's are among them"
      )
      return
    }
    eventsRecorded = check.recorded
    if let damage = check.damage { noteDamage("the trace is damaged: \(damage)") }
    let missing = eventsEmitted - check.recorded
    if missing > eventsDiscarded ?? 0, isComplete {
      noteDamage(
        "\(missing - (eventsDiscarded ?? 0)) events are neither in the trace nor among those that LTTng says found no "
          + "room: the disk was full, or LTTng's daemon failed, during the run")
    }
  }

  mutating func noteDamage(_ warning: String) {
    isComplete = false
    warnings.append(warning)
  }
}
