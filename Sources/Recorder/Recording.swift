import Glibc
import Platform

/// A recording of this very process's run, made by a process of its own: this one opens no file and starts no process for it
/// once the guest runs.
package final class Recording: Sendable {
  /// What the user should know from the start, one sentence each.
  package let warnings: [String]

  private let recorder: RecorderClient
  /// The trace's directory when the recording began, absolute.
  private let directory: String
  private let daemon: SessionDaemonKind
  private let isEnabled: @Sendable () -> Bool
  private let lock = Lock()
  private nonisolated(unsafe) var summary: RecordingSummary?

  private static let registrationTimeout = 5_000

  /// Starts recording this process's events, and returns when its tracepoints are enabled.
  ///
  /// Uses the session daemon that the lttng command would use; where none runs, a private one is started. It sets variables of
  /// this process's environment, so it comes before threads, blocked signals and opening /dev/kvm.
  ///
  /// - Parameters:
  ///   - options: what to record and where.
  ///   - register: loads LTTng-UST, which registers this process with the session daemons; says why that is not possible.
  ///   - isEnabled: whether this process's tracepoints are enabled; asked again when the recording is to stop.
  /// - Throws: why there is no recording. Nothing is left running then.
  package static func start(
    _ options: RecordingOptions, register: () -> String?, isEnabled: @escaping @Sendable () -> Bool
  ) throws(RecorderError) -> Recording {
    let recorder = try RecorderClient.launch()
    guard case .ready(let environment) = try recorder.ask(.start(options, process: getpid())) else {
      throw .recorderLost("answers something else than it was asked")
    }
    for (name, value) in environment { setenv(name, value, 1) }
    RegistrationWait.limit()
    if let reason = register() {
      recorder.discard()
      throw .libraryMissing(reason)
    }
    return try Recording(recorder, isEnabled)
  }

  private init(
    _ recorder: consuming RecorderClient, _ isEnabled: @escaping @Sendable () -> Bool
  ) throws(RecorderError) {
    do throws(RecorderError) {
      try Self.wait(for: isEnabled)
    } catch {
      recorder.discard()
      throw error
    }
    guard case .recording(let directory, let daemon, let warnings) = try recorder.ask(.enabled) else {
      throw .recorderLost("answers something else than it was asked")
    }
    self.recorder = recorder
    self.isEnabled = isEnabled
    self.directory = directory
    self.daemon = daemon
    self.warnings = warnings
  }

  private static func wait(for isEnabled: () -> Bool) throws(RecorderError) {
    let deadline = Clock.monotonic + UInt64(registrationTimeout) * 1_000_000
    if isEnabled() { return }
    while !isEnabled() {
      guard Clock.monotonic < deadline else { throw .notRegistered(milliseconds: registrationTimeout) }
      usleep(500)
    }
    // The process is registering right now: the session starts once its events are enabled one by one.
    usleep(5000)
  }

  /// A descriptor that becomes readable when ``isFull()`` may be true, or the recorder process is gone.
  package var descriptor: CInt { recorder.descriptor }

  /// Whether the trace has become as large as it may be. To be called when ``descriptor`` is readable.
  package func isFull() -> Bool { recorder.isFull() }

  /// Has the recording stopped, put on disk, and held against what was emitted: what is in the trace is counted by reading
  /// it. Once stopped, it returns the same summary again.
  ///
  /// A daemon that died, or a recorder process, costs the rest of the trace and no more: that is told in the summary's
  /// warnings.
  ///
  /// - Parameter emitted: how many events this process has emitted while they were recorded.
  package func stop(emitted: UInt64) -> RecordingSummary {
    lock.withLock {
      if let summary { return summary }
      // When a session is stopped, or its daemon dies, LTTng disables the events: what happens then is not emitted at all.
      let result = stop(emitted: emitted, endsWithRun: isEnabled())
      summary = result
      return result
    }
  }

  private func stop(emitted: UInt64, endsWithRun: Bool) -> RecordingSummary {
    do throws(RecorderError) {
      if case .summary(let summary) = try recorder.ask(.stop(emitted: emitted, endsWithRun: endsWithRun)) {
        _ = recorder.end(within: 10)
        return summary
      }
    } catch {
      return unfinished(emitted, "\(error.reason): the trace ends where that happened, and was not verified")
    }
    return unfinished(emitted, "the process that records answers something else than it was asked")
  }

  /// What is known where nobody can be asked.
  private func unfinished(_ emitted: UInt64, _ why: String) -> RecordingSummary {
    RecordingSummary(
      directory: directory, eventsEmitted: emitted, endsWithRun: false, bytes: 0, isComplete: false,
      warnings: [why], daemon: daemon)
  }

  /// Stops recording and removes what was recorded, where nothing was run after all: the next attempt may use the
  /// same directory.
  package func discard() { recorder.discard() }
}
