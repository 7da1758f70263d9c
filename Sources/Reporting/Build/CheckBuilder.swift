import Analysis
import CTF
import Reports

extension ReportBuilder {
  /// The report of `check`.
  package func check() -> Report {
    var report = base("check")
    report.check = report.trace.check
    return report
  }

  /// Whether the recording is whole; nil for a window: only a reading of everything can tell.
  ///
  /// - Parameter problems: What was wrong in the files.
  func checkReport(_ streams: [StreamReport], problems: Int) -> CheckReport? {
    guard let known = wholeness else { return nil }
    let discarded = streams.reduce(0) { $0 &+ $1.discardedEvents }
    let lostPackets = streams.reduce(0) { $0 &+ $1.lostPackets }
    var reasons: [String] = []
    switch known.end {
    case .present: break
    case .missing:
      reasons.append(
        "the totals that end a run are missing: the recording ended before the run did, or is cut; how many events "
          + "are missing is not known")
    case .notRecorded:
      reasons.append(
        "the recording has no totals of the events (event_totals): the program that was recorded did not write them, or the "
          + "session did not enable them; whether events are missing is not known")
    }
    if known.end == .present, known.emitted == nil {
      reasons.append(
        facts.unknownEvents.isEmpty
          ? "how many events there should be is not known: the readings at the beginning are not all there, or those of several "
            + "programs are mixed"
          : "only some of the program's events were recorded, so how many are missing of these is not known")
    }
    if let missing = known.missing, missing > 0, let emitted = known.emitted {
      reasons.append(
        "\(Text.count(missing)) of \(Text.number(emitted, "event")) that were emitted are not in the trace"
          + missingByThread(known))
    }
    if known.excess > 0 {
      reasons.append("\(Text.number(known.excess, "event")) more than were emitted: something was read twice")
    }
    if discarded > 0 {
      reasons.append("\(Text.number(discarded, "event")) discarded for want of room in the buffers")
    }
    if lostPackets > 0 { reasons.append("\(Text.number(lostPackets, "packet")) missing by their numbers") }
    let begun = facts.continuedStreams
    if begun > 0 {
      reasons.append("\(begun) of \(facts.streams.count) streams begin in the middle of a recording")
    }
    if problems > 0 || streams.contains(where: \.isDamaged) {
      let places = Text.number(UInt64(max(1, problems)), "damaged place")
      reasons.append("\(places): not all of the files can be read")
    }
    if result.unanalysed > 0 {
      let events = Text.number(result.unanalysed, "event")
      reasons.append("\(events) of vCPUs or loops beyond the number that is analysed")
    }
    return CheckReport(
      end: known.end.rawValue, isWhole: known.isComplete && reasons.isEmpty, emitted: known.emitted,
      recorded: known.recorded, discarded: discarded, lostPackets: lostPackets, missing: known.missing,
      unaccounted: known.unaccounted > 0 ? known.unaccounted : nil,
      excess: known.excess > 0 ? known.excess : nil,
      since: known.since, isLimited: known.isLimited ? true : nil, threads: known.threads.map(threadCheck),
      // Scripts read them too.
      reasons: reasons.map { $0.replacing(Text.space, with: " ") })
  }

  /// The threads that most is missing of.
  private func missingByThread(_ known: Wholeness) -> String {
    let missing = known.threads.compactMap { thread -> (name: String, count: UInt64)? in
      guard let emitted = thread.emitted, emitted > thread.recorded else { return nil }
      return (threadCheck(thread).name, emitted - thread.recorded)
    }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    guard !missing.isEmpty else { return "" }
    let words = missing.prefix(4).map { "\($0.name) \(Text.count($0.count))" }
    return " (" + words.joined(separator: ", ") + (missing.count > 4 ? ", …" : "") + ")"
  }

  private func threadCheck(_ thread: Wholeness.Thread) -> ThreadCheckReport {
    let kind: String
    let name: String
    switch thread.kind {
    case 0: (kind, name) = ("vcpu", vcpuName(thread.id))
    case 1: (kind, name) = ("loop", loopName(thread.id))
    case 2: (kind, name) = ("main", "main")
    default: (kind, name) = ("other", "other threads")
    }
    return ThreadCheckReport(
      kind: kind, id: thread.id, name: name, emitted: thread.emitted, recorded: thread.recorded)
  }
}
