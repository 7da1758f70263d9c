import Analysis
import CTF
import Dump

/// A moment that was found in a trace.
package struct FoundMoment: Sendable, Equatable {
  /// ns since the clock's origin.
  package var timestamp: Int64
  /// The exit that was asked for by its number or as the slowest one.
  package var exit: ExitMoment?
}

/// Why a moment cannot be told.
package struct MomentError: Error, CustomStringConvertible {
  /// A sentence for users.
  package let description: String
}

/// Finds moments in one trace.
package final class MomentSearch {
  private let trace: Trace
  private let isUTC: Bool
  /// The exit that took longest, when somebody asks.
  private let slowest: () -> Int64?

  /// The first event's time, which seconds from the start count from; nil: there is no event.
  ///
  /// In a trace of exeunt and others it is exeunt's first one, as in reports.
  package private(set) lazy var begin: Int64? = {
    // Others' traces need not be read to the end to see that nothing of exeunt is in them.
    let isOurs = (0..<trace.streamCount).contains { stream in
      trace.streamClass(of: stream).events.contains { $0.name.hasPrefix("exeunt:") }
    }
    if isOurs, let begin = TraceSpan.begin(of: trace) { return begin }
    var events = MergedEvents(trace)
    return events.next()?.timestamp
  }()

  /// Prepares to search.
  ///
  /// - Parameters:
  ///   - isUTC: Whether clock times without a zone are UTC instead of local time.
  ///   - slowest: Gives the time of the exit that took longest; nil: there is none.
  package init(_ trace: Trace, isUTC: Bool = false, slowest: @escaping () -> Int64?) {
    self.trace = trace
    self.isUTC = isUTC
    self.slowest = slowest
  }

  /// Finds a moment.
  ///
  /// - Throws: When there is nothing like it in this trace.
  package func find(_ moment: Moment) throws(MomentError) -> FoundMoment {
    guard let begin else { throw MomentError(description: "there is no event in this trace") }
    switch moment {
    case .sinceStart(let time):
      let (sum, overflow) = begin.addingReportingOverflow(time)
      guard !overflow else { throw beyond }
      return FoundMoment(timestamp: sum)
    case .clock(let time): return FoundMoment(timestamp: time)
    case .cycles(let cycles):
      guard let clock = trace.members.lazy.compactMap(\.clocks.first).first else {
        throw MomentError(description: "this trace has no clock whose cycles could be meant")
      }
      guard let time = clock.nanoseconds(cycles: cycles) else { throw beyond }
      return FoundMoment(timestamp: time)
    case .calendar(let reading):
      guard let time = reading.timestamp(from: begin, isUTC: isUTC) else {
        throw MomentError(description: "there is no such time of day or date")
      }
      return FoundMoment(timestamp: time)
    case .mark(let value):
      guard let time = MomentFinder.find(.mark(value), in: trace) else {
        throw MomentError(description: "the guest made no mark \(value) in this trace")
      }
      return FoundMoment(timestamp: time)
    case .exit(let vcpu, let seq):
      guard let time = MomentFinder.find(.exit(vcpu: vcpu, seq: seq), in: trace) else {
        throw MomentError(description: "exit \(seq) of vCPU \(vcpu) is not in this trace")
      }
      return FoundMoment(
        timestamp: time, exit: MomentFinder.exit(at: time, in: trace) { $0 == vcpu && $1 == seq })
    case .slowest:
      guard let time = slowest() else {
        throw MomentError(description: "no exit with its handling is in this trace")
      }
      return FoundMoment(timestamp: time, exit: MomentFinder.exit(at: time, in: trace) { _, _ in true })
    case .event(let name): return FoundMoment(timestamp: try event(name))
    }
  }

  private var beyond: MomentError {
    MomentError(description: "that is beyond what a trace's clock can tell")
  }

  /// The first event of a name, with or without its provider.
  private func event(_ name: String) throws(MomentError) -> Int64 {
    let isOurs = EventTag.allCases.contains { $0.schema.name == name || $0.qualifiedName == name }
    let short = name.hasPrefix("exeunt:") ? String(name.dropFirst(7)) : name
    if isOurs, trace.streamCount == trace.streams.count,
      let time = MomentFinder.find(.event(short), in: trace)
    {
      return time
    }
    var declared: [[Bool]] = []
    for stream in 0..<trace.streamCount {
      declared.append(trace.streamClass(of: stream).events.map { EventName($0.name).matches(name) })
    }
    if declared.contains(where: { $0.contains(true) }) {
      var events = MergedEvents(trace)
      while let event = events.next() {
        if declared[event.stream][event.event] { return event.timestamp }
      }
      throw MomentError(description: "no event \(name) is in this trace, though it could have some")
    }
    throw MomentError(
      description: "not \(Moment.forms) of this trace, such as guest_mark")
  }
}

extension ClockInfo {
  /// A reading in ns since the clock's origin; nil when that is beyond 292 years.
  func nanoseconds(cycles: UInt64) -> Int64? {
    guard frequency > 0, let offset = Int128(exactly: offsetSeconds) else { return nil }
    let time =
      offset * 1_000_000_000
      + (Int128(offsetCycles) + Int128(cycles)) * 1_000_000_000 / Int128(frequency)
    return Int64(exactly: time)
  }
}
