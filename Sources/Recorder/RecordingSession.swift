import Glibc
import Platform

/// A tracing session of LTTng around another process's run. The recorder process has one.
struct RecordingSession {
  let directory: TraceDirectory
  /// The trace's directory when the recording began, absolute.
  let place: String
  /// What the user should know from the start, one sentence each.
  let warnings: [String]
  let daemon: SessionDaemon
  /// What its files may have, bytes.
  let limit: UInt64
  /// Lines of the daemon's log that were there before anything was recorded.
  private var earlierComplaints = 0

  private static let channel = "events"
  /// So that a daemon that dies leaves a trace that can be read (the metadata is there) and lacks at most its
  /// last second; in microseconds.
  private static let metadataFlush = 500_000
  private static let eventFlush = 1_000_000

  /// Makes a session and starts it, in the session daemon that the lttng command would use, or in one of its own where none
  /// runs.
  ///
  /// - Parameters:
  ///   - options: what to record and where.
  ///   - process: whose events.
  /// - Throws: why that is not possible. Nothing is left running then.
  init(_ options: RecordingOptions, of process: pid_t) throws(RecorderError) {
    guard ProcessTable.entry(getpid()) != nil else {
      throw .option("/proc is not mounted, and recording needs it; mount it, or run without --trace")
    }
    let buffers = try BufferPlan.fit(
      options, cpus: BufferPlan.possibleCPUs, available: BufferPlan.sharedMemoryAvailable)
    guard !options.events.isEmpty, !options.events.contains(where: { $0.isEmpty || $0.contains(",") }) else {
      throw .option("an event's name is empty or has a comma in it")
    }
    _ = try SessionDaemon.program("lttng")
    directory = try TraceDirectory(making: options.directory)
    place = directory.path
    limit = options.limit(free: directory.free)
    warnings = buffers.warning.map { [$0] } ?? []
    let session = SessionDaemon.newSession(of: process)
    if let found = try SessionDaemon.find(session: session, output: directory) {
      daemon = found
    } else {
      daemon = try SessionDaemon.startOwn(session: session, output: directory)
    }
    do throws(RecorderError) {
      try configure(buffers, options.events, process)
    } catch {
      abandon()
      throw error
    }
  }

  private func configure(
    _ buffers: BufferPlan, _ events: [String], _ process: pid_t
  ) throws(RecorderError) {
    let session = "--session=\(daemon.session)"
    let channel = Self.channel
    try daemon.command(
      ["enable-channel", "--userspace", session, "metadata", "--switch-timer=\(Self.metadataFlush)"])
    try daemon.command([
      "enable-channel", "--userspace", session, channel, "--discard", "--buffers-uid",
      "--subbuf-size=\(buffers.size)", "--num-subbuf=\(buffers.count)", "--switch-timer=\(Self.eventFlush)",
    ])
    try daemon.command(
      ["enable-event", "--userspace", session, "--channel=\(channel)", events.joined(separator: ",")])
    if daemon.kind != .private {
      // Other instances on this machine register with the same daemon and have events of the same names.
      try daemon.command(["track", "--userspace", session, "--vpid=\(process)"])
    }
    try daemon.command(["start", daemon.session])
  }

  /// What has to be in the environment when the recorded process loads liblttng-ust, so that its events come here.
  ///
  /// A process registers with root's daemon in /var/run/lttng, and with the user's in $LTTNG_HOME/.lttng, which is looked up
  /// when the library is loaded. A daemon that is not there then is tried again only after 5 s.
  var registrationEnvironment: [String: String] {
    switch daemon.kind {
    case .found, .shared: [:]
    // Nobody but us records there, and we have no use for the list of the program's files, which its own are read for.
    case .private: ["LTTNG_HOME": daemon.home, "LTTNG_UST_WITHOUT_BADDR_STATEDUMP": "1"]
    }
  }

  /// To be called when the process's tracepoints are enabled: makes sure that the daemon writes where it should.
  mutating func confirm() throws(RecorderError) {
    guard !directory.isEmpty else {
      throw .directory(
        path: directory.path,
        reason: "the session daemon does not write there; does it run in another container?")
    }
    earlierComplaints = daemon.log.count
  }

  /// Gives the session up: the keeper closes it and ends the daemon.
  func abandon() { _ = daemon.end(finished: daemon.kind == .private) }

  /// Stops recording, waits until the trace is on disk, closes the session and ends a daemon that was started for it.
  ///
  /// Each step has a deadline, so a daemon that died or hangs costs the rest of the trace and no more: that is told
  /// in the summary's warnings.
  ///
  /// - Parameter endsWithRun: whether the process's tracepoints were enabled until it wanted this.
  func finish(endsWithRun: Bool) -> RecordingSummary {
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
