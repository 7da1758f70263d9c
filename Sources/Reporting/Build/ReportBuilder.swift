import Analysis
import CTF
import Reports

/// Turns what the models found into a ``Report``.
package struct ReportBuilder {
  /// What was analysed, to look up what the analysis does not have; nil: only the analysis is there.
  let trace: Trace?
  private let saved: SavedRecording?
  let paths: [String]
  /// What is known of the files.
  let facts: TraceFacts
  let models: SliceAnalysis
  /// How guest stamps were placed on the trace's clock; nil: they were not.
  let calibration: ClockCalibration?
  /// See ``TraceAnalysis/doubtFrom``.
  let doubtFrom: Int64?
  let result: AnalysisResult
  let window: TraceWindow?
  private let waits: CpuWaits
  /// What leaving the guest and entering it costs at least; nil: there is no exit.
  let exitFloor: ExitFloor?
  /// Time that all vCPUs' threads were runnable but waiting for a CPU, as far as it is known, ns.
  let vcpuWaiting: Int64
  /// The first and the last instant that the report is about; nil when there is no event.
  let span: ClosedRange<Int64>?
  /// Whether all events are there; nil: not looked at.
  let wholeness: Wholeness?

  /// Prepares to report.
  ///
  /// - Parameters:
  ///   - trace: The trace that was analysed.
  ///   - paths: As the user gave them.
  ///   - analysis: What was found.
  ///   - window: The part analysed; nil: all.
  ///   - whole: The analysis of all of the trace where the other is that of a part, and it is to be told whether
  ///     anything is missing.
  package init(
    _ trace: Trace, paths: [String], analysis: TraceAnalysis, window: TraceWindow? = nil,
    whole: TraceAnalysis? = nil
  ) {
    let whole = window == nil ? analysis : whole
    var facts = TraceFacts(trace, analysis)
    facts.add(problems: whole?.diagnostics ?? [])
    self.init(
      trace, nil, paths, facts, analysis.models, analysis.calibration, analysis.doubtFrom, window,
      whole?.wholeness(of: trace))
  }

  /// Prepares to report what was kept of a recording.
  ///
  /// - Parameter trace: Its files, for what is about single events; nil: these are left out.
  package init(_ saved: SavedRecording, trace: Trace? = nil) throws(StateError) {
    let models = try saved.models()
    self.init(
      trace, saved, saved.paths, saved.facts, models, saved.calibration, saved.doubtFrom, nil,
      saved.isWhole ? models.wholeness(saved.facts) : nil)
  }

  private init(
    _ trace: Trace?, _ saved: SavedRecording?, _ paths: [String], _ facts: TraceFacts,
    _ models: SliceAnalysis,
    _ calibration: ClockCalibration?, _ doubtFrom: Int64?, _ window: TraceWindow?, _ wholeness: Wholeness?
  ) {
    self.trace = trace
    self.saved = saved
    self.paths = paths.map(PathText.shown)
    self.facts = facts
    self.models = models
    self.calibration = calibration
    self.doubtFrom = doubtFrom
    self.window = window
    self.wholeness = wholeness
    result = models.result()
    exitFloor = models.exitFloor()
    waits = CpuWaits(trace, result.threadReadings)
    var waiting: Int64 = 0
    for vcpu in result.vcpus {
      let growth = result.threadReadings[ThreadName(.vcpu, vcpu.times.id)]?.growth(\.waiting) ?? nil
      waiting = waiting.addingReportingOverflow(Int64(clamping: growth ?? 0)).partialValue
    }
    vcpuWaiting = waiting
    if let window {
      span = window.span
    } else if let begin = result.begin, let end = result.end {
      span = begin...end
    } else {
      span = nil
    }
  }

  /// The report of `summary`.
  ///
  /// - Parameter order: What exits are ordered by.
  package func summary(sortedBy order: ExitOrder = .cost) -> Report {
    var report = base("summary")
    if report.trace.events == 0 && window == nil {
      report.trace.eventsByName =
        trace.map { EventCensus.read($0).counts.map { NamedCount(name: $0.name, count: $0.count) } }
        ?? facts.census.map { NamedCount(name: $0.name, count: $0.count) }
    }
    let vcpus = result.vcpus.map(vcpu)
    let exits = summaryExits(sortedBy: order)
    let allExits = totalExits()
    report.summary = SummaryReport(
      dominant: DominantReport(vcpus: vcpus, exits: exits, all: allExits), vcpus: vcpus,
      loops: result.loops.map(loop), exits: exits, costs: costs(sortedBy: order), allExits: allExits,
      coalesced: coalesced(), paths: pathReports(kinds: [.exitKick, .loopKick]), joinedPaths: joinedPaths(),
      interrupts: result.interrupts.map(interrupts),
      requests: result.requests.map(request), queues: queueReports(), brokenQueues: brokenQueues(),
      locks: result.locks.map(lock),
      kvm: kvm(), counting: counting(),
      phases: phases(),
      marks: result.markCount, mainThread: scheduling(ThreadName(.main, 0)))
    return report
  }

  /// Writes that KVM kept, by device.
  private func coalesced() -> [PathReport]? {
    let writes = pathReports(kinds: [.coalesced])
    return writes.isEmpty ? nil : writes
  }

  /// What exits can go to: the devices that the trace describes, or none of them.
  package var exitDeviceNames: [String] { distinct(result.dump.devices.map(\.name) + [Self.unclaimed]) }

  /// The devices that the trace describes, and what else paths lead to.
  package var pathDeviceNames: [String] {
    distinct(result.dump.devices.map(\.name) + pathReports(kinds: PathKind.allCases).map(\.device))
  }

  /// The queues that `paths` can be narrowed down to, in order.
  package var pathQueues: [Int] {
    let paths = result.paths.filter { $0.kind == .exitKick || $0.kind == .loopKick }.map(\.queue)
    return Set(paths + result.queues.map(\.queue) + result.requests.map(\.queue)).filter { $0 != 0xffff }
      .sorted()
  }

  /// The device of an access that no device claims.
  static let unclaimed = StateDump.unclaimed

  private func distinct(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  /// The vCPUs that the trace describes or has events of, in order.
  package var vcpuIDs: [Int] { Set(result.dump.vcpus.keys).union(result.vcpus.map(\.times.id)).sorted() }

  /// Names of the vCPUs and loops that the trace has events of.
  package var threadNames: [String] {
    result.vcpus.filter(\.times.hasEvents).map { vcpuName($0.times.id) }
      + result.loops.filter(\.times.hasEvents).map { loopName($0.times.id) }
  }

  /// What all commands report.
  func base(_ command: String) -> Report {
    var report = Report(command: command, trace: traceReport())
    if let machine = result.dump.machines.first {
      report.machine = MachineReport(
        version: machine.version, guest: machine.guest, kvm: machine.kvm, kernel: machine.kernel,
        ramBytes: machine.ramBytes, vcpus: Int(machine.vcpus), loops: Int(machine.loops), pid: machine.pid,
        tscKHz: machine.tscKHz, configuration: machine.configuration)
    }
    return report
  }

  var duration: Int64 {
    guard let span else { return 0 }
    return span.upperBound.subtractingReportingOverflow(span.lowerBound).partialValue
  }

  // MARK: Latencies

  func location(_ exemplar: Exemplar?) -> LocationReport? {
    guard let exemplar else { return nil }
    let place =
      trace.map { $0.location(stream: exemplar.stream, packet: exemplar.packet) } ?? saved?.location(exemplar)
    return LocationReport(
      timestamp: exemplar.timestamp, file: place?.file, packet: place?.packet, packetOffset: place?.byteOffset
    )
  }

  /// Where a long event is, and how long its thread waited for a CPU around it if that can be why.
  private func location(
    _ exemplar: Exemplar?, _ duration: Int64, _ summary: LatencySummary, of owners: [ThreadName]?
  ) -> LocationReport? {
    guard let exemplar, var location = location(exemplar) else { return nil }
    // One event is not longer than usual.
    let usual = summary.count > 1 ? summary.p50 : 0
    if duration / 2 >= usual {
      location.cpuWait = waits.wait(at: exemplar, duration, excess: duration &- usual, of: owners)
    }
    return location
  }

  /// - Parameter owners: The threads that it can be of; nil: any.
  func latency(_ summary: LatencySummary, of owners: [ThreadName]? = nil) -> LatencyReport {
    LatencyReport(
      count: summary.count, total: summary.sum, minimum: summary.minimum, p50: summary.p50, p90: summary.p90,
      p99: summary.p99, p999: summary.p999, maximum: summary.maximum,
      p999Exemplar: location(summary.p999Exemplar, summary.p999, summary, of: owners),
      maximumExemplar: location(summary.maximumExemplar, summary.maximum, summary, of: owners))
  }

  // MARK: Trace

  private func traceReport() -> TraceReport {
    let streams = facts.streams.enumerated().map { index, stream in
      StreamReport(
        name: (stream.files.first ?? "stream \(index)") + (stream.files.count > 1 ? " …" : ""),
        cpu: stream.cpu, events: stream.events, otherEvents: stream.otherEvents,
        discardedEvents: stream.discardedEvents, lostPackets: stream.lostPackets, isDamaged: stream.isDamaged,
        bytes: stream.byteCount)
    }
    let problems = facts.problems
    let events = result.events.reduce(0, &+)
    let named = EventTag.allCases.map {
      NamedCount(name: $0.qualifiedName, count: result.events[Int($0.rawValue)])
    }
    let discarded = streams.reduce(0) { $0 &+ $1.discardedEvents }
    let packets = streams.reduce(0) { $0 &+ $1.lostPackets }
    let check = checkReport(streams, problems: problems.count)
    return TraceReport(
      paths: paths, begin: window?.recording.lowerBound ?? result.begin,
      end: window?.recording.upperBound ?? result.end, duration: duration,
      isUnixTime: facts.isUnixTime,
      window: window.map {
        WindowReport(begin: $0.span.lowerBound, end: $0.span.upperBound, gaps: result.gaps)
      }, events: events,
      otherEvents: streams.reduce(0) { $0 &+ $1.otherEvents }, discardedEvents: discarded,
      lostPackets: packets,
      unanalysedEvents: result.unanalysed > 0 ? result.unanalysed : nil,
      isPartial: discarded > 0 || packets > 0 || !problems.isEmpty || result.unanalysed > 0
        || streams.contains { $0.isDamaged } || check?.missing ?? 0 > 0 || check?.excess ?? 0 > 0,
      check: check, streams: streams,
      eventsByName: named.filter { $0.count > 0 }.sorted { ($1.count, $0.name) < ($0.count, $1.name) },
      diagnostics: problems, notes: notes())
  }

  /// Warnings of the reader beyond this number are left out.
  private static let maximumWarnings = 8

  private func notes() -> [String] {
    var notes = Array(facts.warnings.prefix(Self.maximumWarnings))
    if result.dump.machines.count > 1 {
      notes.append(
        SeveralRuns.note(
          processes: result.dump.machines.map { String($0.pid) }, recordings: facts.recordings))
    }
    let begun = facts.continuedStreams
    if begun > 0 {
      notes.append(
        "\(begun) of \(facts.streams.count) streams begin in the middle of a recording (snapshot, rotation, "
          + "overwritten files): before the last of them begins, events can be missing")
    }
    if doubtFrom == .min {
      notes.append(
        "events are missing and nothing in the trace tells where (a file that is gone or cannot be read): only what numbers "
          + "prove is counted as known time")
    }
    if result.unanalysed > 0 {
      notes.append(
        "\(Text.count(result.unanalysed)) events name vCPUs or loops beyond the number that is analysed")
    }
    if !facts.missingFields.isEmpty {
      notes.append(
        "this trace was recorded by another version of exeunt; missing fields read as 0: "
          + facts.missingFields.prefix(8).joined(separator: ", "))
    }
    let newer = facts.newerEvents
    if !newer.isEmpty {
      notes.append(
        Text.number(newer.reduce(0) { $0 &+ $1.count }, "event").replacing(Text.space, with: " ")
          + " of kinds that this exeunt-analyze does not know ("
          + newer.prefix(4).map(\.name).joined(separator: ", ") + (newer.count > 4 ? ", …" : "")
          + "), recorded by a newer exeunt: nothing here tells of them")
    }
    if result.events.reduce(0, &+) > 0, result.dump.machines.isEmpty {
      notes.append("no state dump in this trace: names of devices, vCPUs and loops are not known")
    }
    let stamps = result.paths.reduce(0) { $0 &+ $1.unmappedStamps }
    if stamps > 0 {
      notes.append(
        "\(Text.count(stamps)) guest time stamps could not be placed on the trace's clock: it has no clock_sync, or the TSC "
          + "offset of the vCPUs is unknown or not the same for all")
    }
    if let saved, !saved.isWhole {
      notes.append(
        saved.part.lowerBound == .min
          ? "this is the beginning of a recording: what came after it is not known"
          : "this is a part of a recording: what was going on when it begins is not known, nor what came after it"
      )
    }
    return notes + facts.notes
  }
}
