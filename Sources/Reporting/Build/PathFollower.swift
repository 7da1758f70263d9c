import Analysis
import CTF
import Reports

/// Tells step by step what happened in the slowest handler of a path.
struct PathFollower {
  let trace: Trace
  let dump: StateDump
  let calibration: ClockCalibration?

  /// Steps of a long batch that are told one by one.
  private static let shownRequests = 3

  /// The steps of the slowest handler; nil when it cannot be found.
  ///
  /// - Parameters:
  ///   - exemplar: Where its handler begins.
  ///   - before: The longest time from a path's arrival to its handler, ns.
  ///   - after: The longest time from a handler's begin to the re-entry, ns.
  func steps(at exemplar: Exemplar, device: Int, before: Int64, after: Int64) -> [StepReport]? {
    // A little more than the chain; a minute at most, so that a damaged trace is not read from end to end.
    let limit: Int64 = 60_000_000_000
    let chain = ChainReader.read(
      trace, at: exemplar, before: min(before, limit) + 1_000, after: min(after, limit) + 1_000)
    guard !chain.isEmpty else { return nil }
    var steps: [StepReport] = []
    var requests = 0
    var isInside = false
    for event in chain {
      let isBegin = [.dispatchBegin, .handlerBegin, .coalescedBegin].contains(event.tag)
      if isBegin && event.timestamp == exemplar.timestamp { isInside = true }
      // Other handlers of the same wakeup are not part of the story.
      let isAround =
        EventTag.exits.contains(event.tag) || event.tag == .loopWakeup || event.tag == .pollEnd
        || event.tag == .vcpuRunEnter
      guard isInside || isAround else { continue }
      if event.tag == .handlerEnd || event.tag == .coalescedEnd
        || (event.tag == .dispatchEnd && event.field("thread_kind") == 0)
      {
        steps.append(step(event))
        isInside = false
        if event.tag == .handlerEnd { break }
        continue
      }
      if event.tag == .requestBegin { requests += 1 }
      let isRequest = event.tag == .requestBegin || event.tag == .requestEnd || event.tag == .guestKickStamp
      if isRequest && requests > Self.shownRequests { continue }
      if event.tag == .guestKickStamp, let kick = calibration?.timestamp(guestTSC: event.field("tsc")) {
        steps.append(StepReport(timestamp: kick, event: "guest kicks (its time stamp)"))
      }
      steps.append(step(event))
    }
    if requests > Self.shownRequests, let last = steps.last {
      steps.append(
        StepReport(
          timestamp: last.timestamp, event: "… \(requests - Self.shownRequests) more requests in between"))
    }
    // Stable, so that events of one instant stay in their order.
    return steps.enumerated().sorted {
      ($0.element.timestamp, $0.offset) < ($1.element.timestamp, $1.offset)
    }.map(\.element)
  }

  private func step(_ event: ChainEvent) -> StepReport {
    StepReport(timestamp: event.timestamp, event: EventWords(dump: dump).words(event))
  }
}
