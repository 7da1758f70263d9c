import Glibc
import Platform

/// A tracing session of LTTng around a run of this very process.
package final class Recording: Sendable {
  private let directory: TraceDirectory
  /// The trace's directory when the recording began, absolute.
  private let place: String
  /// What the user should know from the start, one sentence each.
  package let warnings: [String]

  private let daemon: SessionDaemon
  private let isEnabled: @Sendable () -> Bool
  /// Lines of the daemon's log that were there before anything was recorded.
  private let earlierComplaints: Int
  private let lock = Lock()
  private nonisolated(unsafe) var summary: RecordingSummary?

  private static let channel = "events"
  private static let registrationTimeout = 5_000
  /// So that a daemon that dies leaves a trace that can be read (the metadata is there) and lacks at most its
  /// last second; in microseconds.
  private static let metadataFlush = 500_000
  private static let eventFlush = 1_000_000

  /// Starts recording this process's events, and returns when its tracepoints are enabled.
  ///
  /// Uses the session daemon that the lttng command would use; where none runs, it starts a private one, and
  /// **executes the program anew**, with the same process id and arguments. So this comes first in a run: before
  /// output, threads, blocked signals, reading standard input, and opening /dev/kvm. The second time it returns.
  ///
  /// - Parameters:
  ///   - options: what to record and where.
  ///   - isEnabled: whether this process's tracepoints are enabled; asked again when the recording is to stop.
  /// - Throws: why there is no recording. Nothing is left running then.
  package static func start(
    _ options: RecordingOptions, isEnabled: @escaping @Sendable () -> Bool
  ) throws(RecorderError) -> Recording {
    guard ProcessTable.entry(getpid()) != nil else {
      throw .option("/proc is not mounted, and recording needs it; mount it, or run without --trace")
    }
    let adopted = try SessionDaemon.adopt()
    do throws(RecorderError) {
      return try start(options, adopted: adopted, isEnabled: isEnabled)
    } catch {
      _ = adopted?.daemon.end(finished: adopted?.daemon.kind == .private)
      throw error
    }
  }

  private static func start(
    _ options: RecordingOptions, adopted: (daemon: SessionDaemon, directory: TraceDirectory)?,
    isEnabled: @escaping @Sendable () -> Bool
  ) throws(RecorderError) -> Recording {
    let buffers = try BufferPlan.fit(
      options, cpus: BufferPlan.possibleCPUs, available: BufferPlan.sharedMemoryAvailable)
    guard !options.events.isEmpty, !options.events.contains(where: { $0.isEmpty || $0.contains(",") }) else {
      throw .option("an event's name is empty or has a comma in it")
    }
    _ = try SessionDaemon.program("lttng")
    let daemon: SessionDaemon
    let directory: TraceDirectory
    if let adopted {
      (daemon, directory) = adopted
      let created = try daemon.create()
      guard created.succeeded else {
        throw .command("lttng create \(daemon.session)", output: SessionDaemon.complaint(created))
      }
    } else {
      directory = try TraceDirectory(making: options.directory)
      let session = SessionDaemon.newSession
      guard let found = try SessionDaemon.find(session: session, output: directory) else {
        try SessionDaemon.startOwn(session: session, output: directory)
      }
      daemon = found
    }

    do throws(RecorderError) {
      try configure(daemon, buffers, options.events)
      try wait(for: isEnabled)
      guard !directory.isEmpty else {
        throw .directory(
          path: directory.path,
          reason: "the session daemon does not write there; does it run in another container?")
      }
    } catch {
      if adopted == nil { _ = daemon.end(finished: false) }
      throw error
    }
    return Recording(
      directory: directory, warnings: buffers.warning.map { [$0] } ?? [], daemon: daemon, isEnabled: isEnabled
    )
  }

  private static func configure(
    _ daemon: SessionDaemon, _ buffers: BufferPlan, _ events: [String]
  ) throws(RecorderError) {
    let session = "--session=\(daemon.session)"
    try daemon.command(
      ["enable-channel", "--userspace", session, "metadata", "--switch-timer=\(metadataFlush)"])
    try daemon.command([
      "enable-channel", "--userspace", session, channel, "--discard", "--buffers-uid",
      "--subbuf-size=\(buffers.size)", "--num-subbuf=\(buffers.count)", "--switch-timer=\(eventFlush)",
    ])
    try daemon.command(
      ["enable-event", "--userspace", session, "--channel=\(channel)", events.joined(separator: ",")])
    if daemon.kind != .private {
      // Other instances on this machine register with the same daemon and have events of the same names.
      try daemon.command(["track", "--userspace", session, "--vpid=\(getpid())"])
    }
    try daemon.command(["start", daemon.session])
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

  private init(
    directory: TraceDirectory, warnings: [String], daemon: SessionDaemon,
    isEnabled: @escaping @Sendable () -> Bool
  ) {
    self.isEnabled = isEnabled
    self.directory = directory
    place = directory.path
    self.warnings = warnings
    self.daemon = daemon
    earlierComplaints = daemon.log.count
  }

  /// Stops recording, waits until the trace is on disk, closes the session and ends a daemon that was started for it.
  ///
  /// Each step has a deadline, so a daemon that died or hangs costs the rest of the trace and no more: that is told
  /// in the summary's warnings. Then the trace is read, and what is in it is held against what should be. Once stopped,
  /// it returns the same summary again.
  ///
  /// - Parameter emitted: how many events this process has emitted while they were recorded.
  package func stop(emitted: UInt64) -> RecordingSummary {
    lock.withLock {
      if let summary { return summary }
      // When a session is stopped, or its daemon dies, LTTng disables the events: what happens then is not emitted at all.
      let endsWithRun = isEnabled()
      var result = finish(endsWithRun: endsWithRun)
      result.eventsEmitted = emitted
      result.verify()
      summary = result
      return result
    }
  }

  /// Stops recording and removes what was recorded, where nothing was run after all: the next attempt may use the
  /// same directory.
  package func discard() {
    lock.withLock { if summary == nil { summary = finish(endsWithRun: true) } }
    directory.empty()
  }

  private func finish(endsWithRun: Bool) -> RecordingSummary {
    var result = RecordingSummary(
      directory: directory.path, endsWithRun: endsWithRun, packetsLost: nil, bytes: 0, isComplete: true,
      warnings: [],
      daemon: daemon.kind)
    if let death = daemon.death {
      result.noteDamage(death)
    } else {
      if !endsWithRun {
        result.noteDamage(
          "the recording ended before the run did: somebody stopped its tracing session, or its daemon died")
      }
      do throws(RecorderError) {
        try close(&result)
      } catch {
        if !directory.isFull { result.noteDamage(daemon.death ?? error.reason) }
        if daemon.kind != .private {
          _ = try? daemon.lttng(["destroy", "--no-wait", daemon.session], timeout: 3_000)
        }
      }
    }
    if directory.isFull {
      result.noteDamage("no space is left on the file system of \(result.directory): the trace is cut off")
    }
    for line in daemon.log.dropFirst(earlierComplaints).prefix(3) { result.noteDamage("LTTng said: \(line)") }
    if !daemon.end(finished: true) {
      result.warnings.append(
        "the session daemon that was started for this run serves other sessions and ends with the last of them"
      )
    }
    result.bytes = directory.size
    if directory.isRemoved {
      result.directory = place
    } else if result.directory != place {
      result.warnings.append(
        "the directory was \(place) when the recording began, and was renamed during the run")
    }
    return result
  }

  /// Stops and closes the session, and asks what was lost.
  private func close(_ result: inout RecordingSummary) throws(RecorderError) {
    // The buffers may hold gigabytes that have yet to reach a slow disk, so this may take its time as long as the
    // trace grows. On a full disk lttng would wait for ever.
    var progress = (bytes: UInt64.max, time: Clock.monotonic)
    do throws(RecorderError) {
      try daemon.command(["stop", daemon.session], timeout: 600_000) {
        let bytes = directory.size
        if bytes != progress.bytes { progress = (bytes, Clock.monotonic) }
        let patience: UInt64 = directory.isFull ? 1 : 10
        return Clock.monotonic - progress.time > patience * 1_000_000_000
      }
    } catch .command(_, let output) where output.contains("already stopped") {
      // By somebody else, which has been told.
    }
    let listed = try daemon.lttng(["--mi=xml", "list", daemon.session], timeout: 10_000)
    result.eventsDiscarded = Self.sum(of: "discarded_events", in: listed.standardOutput)
    result.packetsLost = Self.sum(of: "lost_packets", in: listed.standardOutput)
    if result.eventsDiscarded == nil {
      result.noteDamage("LTTng could not say how much was lost: \(SessionDaemon.complaint(listed))")
    }
    // Nobody else depends on a private daemon: it ends without taking its time over the session.
    if daemon.kind != .private { try daemon.command(["destroy", daemon.session], timeout: 30_000) }
  }

  /// Adds up an element's values in lttng's machine interface output; nil when there is none.
  static func sum(of element: String, in xml: String) -> UInt64? {
    var total: UInt64?
    var rest = Substring(xml)
    while let start = rest.range(of: "<\(element)>") {
      rest = rest[start...].dropFirst(element.utf8.count + 2)
      guard let value = UInt64(rest.prefix { $0 != "<" }) else { return nil }
      total = (total ?? 0) + value
    }
    return total
  }
}

extension Substring {
  /// Where a text begins in this one.
  fileprivate func range(of text: String) -> Index? {
    var start = startIndex
    while let candidate = self[start...].firstIndex(of: text.first!) {
      if self[candidate...].hasPrefix(text) { return candidate }
      start = index(after: candidate)
    }
    return nil
  }
}
