import CTF
import Glibc
import Synchronization

/// The analysis of whole traces, on all processors.
package struct TraceAnalysis: Sendable {
  /// What the models found.
  package let models: SliceAnalysis
  /// How guest stamps were placed on the trace's clock; nil: they could not be.
  package let calibration: ClockCalibration?
  /// Events of other providers, by stream.
  package let otherEvents: [UInt64]
  /// Events of `exeunt`, by stream.
  package let deliveredEvents: [UInt64]
  /// What was wrong in the packets, but survivable.
  package let diagnostics: [Diagnostic]
  /// Fields that this trace's events lack, as `event.field`.
  package let missingFields: [String]
  /// Events that this trace does not declare.
  package let unknownEvents: [String]
  /// Events of `exeunt` that this build does not know, in what was read; those without any are left out.
  let newerEvents: [TraceFacts.Census]
  /// Threads that read.
  package let workers: Int
  /// From here on events may be missing although no packet tells of it, ns since the clock's origin: `Int64.min` where they may
  /// be missing anywhere, the end of the stream that ends first where the totals that end a run are missing; nil: nowhere.
  package let doubtFrom: Int64?
  /// Whether time ran backwards somewhere.
  let isUnordered: Bool

  /// With more streams than this only one thread reads.
  private static let maximumShared = 4096

  /// Reads a trace.
  ///
  /// - Parameters:
  ///   - trace: The trace.
  ///   - configuration: What to look at; its calibration is replaced by the trace's own.
  ///   - window: Only events inside are counted; those before and after it tell what was going on at its edges. In
  ///     ns since the clock's origin.
  ///   - workers: Threads to read with; nil: one for each processor.
  ///   - isContinuable: Whether what comes before the trace can be added; until then the analysis is none of a whole trace.
  ///   - progress: Called now and then, from one thread at a time, with the part done, 0 to 1.
  package static func read(
    _ trace: Trace, configuration: Configuration = Configuration(), window: Range<Int64>? = nil,
    workers: Int? = nil, isContinuable: Bool = false, progress: (@Sendable (Double) -> Void)? = nil
  ) -> TraceAnalysis {
    // Each worker has all streams open that overlap in time: with very many the memory matters more than the time.
    let isMany = trace.streamCount > maximumShared
    let workers = isMany ? 1 : max(1, min(workers ?? Workers.processors, 64))
    func read(doubtFrom: Int64?) -> TraceAnalysis {
      var configuration = configuration
      configuration.doubtFrom = doubtFrom
      return self.read(
        trace, configuration: configuration, window: window, workers: workers,
        after: isContinuable ? trace.completeFrom : nil, progress: progress)
    }
    let result = read(doubtFrom: trace.hasUnreadFiles ? .min : nil)
    guard window == nil else { return result }
    let doubtFrom = result.doubt(trace)
    return doubtFrom == result.doubtFrom ? result : read(doubtFrom: doubtFrom)
  }

  /// From when on events may be missing, now that the totals were read: a file that is gone, or cut between two packets, shows
  /// in these only; and a file that is none of the trace's does no harm to one that is whole.
  private func doubt(_ trace: Trace) -> Int64? {
    let known = wholeness(of: trace)
    if let doubtFrom { return known.isComplete ? nil : doubtFrom }
    return Self.doubt(trace, known, diagnostics, end: models.state.pointee.end)
  }

  /// - Parameter end: The last event, ns since the clock's origin.
  static func doubt(
    _ trace: Trace, _ known: Wholeness, _ diagnostics: [Diagnostic], end last: Int64
  ) -> Int64? {
    if lacksUnexplained(known, trace, diagnostics) { return .min }
    // Nobody says how long the streams were. Recordings that follow each other do not make gaps in one another.
    guard known.end == .missing, trace.members.count == 1 else { return nil }
    if trace.hasEmptyFiles { return .min }
    guard let end = trace.streams.compactMap(\.end).min(), end < last else { return nil }
    return end
  }

  /// Whether events are missing that nothing in the trace tells the place of.
  private static func lacksUnexplained(
    _ known: Wholeness, _ trace: Trace, _ diagnostics: [Diagnostic]
  ) -> Bool {
    guard let missing = known.missing, diagnostics.isEmpty, trace.diagnostics.isEmpty,
      trace.streams.allSatisfy({ $0.lostPackets == 0 && $0.earlierPackets == 0 })
    else { return false }
    return missing > trace.streams.reduce(0) { $0 &+ $1.discardedEvents }
  }

  /// Reads a trace in slices, where these give the same as reading it in one piece.
  private static func read(
    _ trace: Trace, configuration: Configuration, window: Range<Int64>?, workers: Int, after before: Int64?,
    progress: (@Sendable (Double) -> Void)?
  ) -> TraceAnalysis {
    var slices = trace.timeSlices(workers == 1 ? 1 : workers * 4)
    if let doubt = configuration.doubtFrom { slices = split(slices, at: doubt) }
    slices = cut(slices, at: window)
    let result = read(
      trace, configuration: configuration, slices: slices, window: window, workers: workers, after: before,
      progress: progress)
    // Where packets are damaged a slice cannot always know which gaps reach into it from before, and where time runs
    // backwards slices have their own order. What a report says must not depend on the number of threads, so such a
    // trace is read once more, in one piece.
    guard slices.count > 1,
      result.isUnordered || !result.diagnostics.isEmpty || !trace.diagnostics.isEmpty
    else { return result }
    let whole = split([Int64.min..<Int64.max], at: configuration.doubtFrom ?? .min)
    return read(
      trace, configuration: configuration, slices: cut(whole, at: window), window: window,
      workers: 1, after: before, progress: progress)
  }

  /// Slices that end where the window does, one of which begins where it does.
  private static func cut(_ slices: [Range<Int64>], at window: Range<Int64>?) -> [Range<Int64>] {
    guard let window else { return slices }
    let before = slices.map { $0.clamped(to: Int64.min..<window.lowerBound) }
    return before.filter { !$0.isEmpty } + slices.map { $0.clamped(to: window) }.filter { !$0.isEmpty }
  }

  /// Slices one of which begins at a moment.
  static func split(_ slices: [Range<Int64>], at moment: Int64) -> [Range<Int64>] {
    slices.flatMap { [$0.clamped(to: Int64.min..<moment), $0.clamped(to: moment..<Int64.max)] }
      .filter { !$0.isEmpty }
  }

  /// Reads slices that follow each other without holes.
  ///
  /// - Parameter before: The end of the latest gap that began before them, where what comes before them is added later; nil:
  ///   nothing comes before.
  static func read(
    _ trace: Trace, configuration: Configuration, slices: [Range<Int64>], window: Range<Int64>? = nil,
    workers: Int, after before: Int64? = nil, progress: (@Sendable (Double) -> Void)? = nil
  ) -> TraceAnalysis {
    var configuration = configuration
    configuration.calibration = CalibrationReader.read(trace)
    configuration.runs = trace.members.count > 1 ? trace.streams.map(\.trace) : []
    let supply = Supply(trace, configuration, slices, window, before, progress)
    Workers.run(min(workers, max(1, slices.count))) { supply.work() }
    return supply.merged(workers: workers)
  }
}

/// What reading one slice gave.
private struct SliceReading: Sendable {
  var analysis: SliceAnalysis
  var otherEvents: [UInt64]
  var deliveredEvents: [UInt64]
  var diagnostics: [Diagnostic]
  var isUnordered: Bool
  var missingFields: [String]
  var unknownEvents: [String]
}

/// Hands out slices and collects what was found in them.
private final class Supply: Sendable {
  private let trace: Trace
  private let configuration: Configuration
  private let slices: [Range<Int64>]
  private let window: Range<Int64>?
  /// Where what comes before the first slice is added later, the end of the latest gap before it.
  private let before: Int64?
  private let progress: (@Sendable (Double) -> Void)?
  private let next = Atomic<Int>(0)
  private let readings: Mutex<[Int: SliceReading]> = Mutex([:])

  init(
    _ trace: Trace, _ configuration: Configuration, _ slices: [Range<Int64>],
    _ window: Range<Int64>?, _ before: Int64?, _ progress: (@Sendable (Double) -> Void)?
  ) {
    self.trace = trace
    self.before = before
    self.configuration = configuration
    self.slices = slices
    self.window = window
    self.progress = progress
  }

  func work() {
    while true {
      let index = next.add(1, ordering: .relaxed).oldValue
      guard index < slices.count else { return }
      let reading = read(index, gapEnd: index == 0 ? before ?? trace.completeFrom : .min)
      readings.withLock { done in
        done[index] = reading
        progress?(Double(done.count) / Double(slices.count))
      }
    }
  }

  private func read(_ index: Int, gapEnd: Int64) -> SliceReading {
    let isDoubtful = configuration.doubtFrom.map { $0 <= slices[index].lowerBound } ?? false
    let isLeading = index == 0 && before == nil
    let analysis = SliceAnalysis(
      configuration, isLeading: isLeading, gapEnd: isDoubtful ? .max : gapEnd, floor: slices[index].lowerBound
    )
    var selection = EventTag.selection()
    selection.countOthers()
    // The ends of a window are where timestamps say, those of slices where a stream's order does.
    var rows = MergedRows(trace, selection: selection, window: slices[index], isSlice: window == nil)
    while let run = rows.nextRun() { analysis.consume(run) }
    return SliceReading(
      analysis: analysis, otherEvents: rows.otherEvents, deliveredEvents: rows.deliveredEvents,
      diagnostics: rows.diagnostics, isUnordered: rows.isUnordered,
      missingFields: rows.missing.map { "\($0.event).\($0.field)" },
      unknownEvents: rows.unknownEvents)
  }

  /// Merges the readings in time order. A slice into which a gap reaches from before is read again with that
  /// knowledge, as the reader reports a gap where it begins.
  func merged(workers: Int) -> TraceAnalysis {
    let done = readings.withLock { $0 }
    var whole = done[0] ?? read(0, gapEnd: before ?? trace.completeFrom)
    for index in slices.indices.dropFirst() {
      guard var reading = done[index] else { continue }
      if whole.analysis.gapEnd > slices[index].lowerBound, reading.analysis.gapEnd != .max {
        reading = read(index, gapEnd: whole.analysis.gapEnd)
      }
      if let window, slices[index].lowerBound == window.lowerBound {
        whole.analysis = whole.analysis.opened(at: window.lowerBound)
        whole.otherEvents = []
        whole.deliveredEvents = []
      }
      whole.analysis.merge(reading.analysis)
      whole.isUnordered = whole.isUnordered || reading.isUnordered
      whole.otherEvents = sum(whole.otherEvents, reading.otherEvents)
      whole.deliveredEvents = sum(whole.deliveredEvents, reading.deliveredEvents)
      for diagnostic in reading.diagnostics where !whole.diagnostics.contains(diagnostic) {
        whole.diagnostics.append(diagnostic)
      }
    }
    if let window, window.upperBound < .max {
      whole.analysis.close(at: window.upperBound, trace)
      whole.analysis.describe(from: window.upperBound, trace)
    }
    // In the order of places, however many threads came by them.
    whole.diagnostics.sort {
      ($0.file, $0.packet ?? -1, $0.bitOffset ?? 0, $0.message)
        < ($1.file, $1.packet ?? -1, $1.bitOffset ?? 0, $1.message)
    }
    return TraceAnalysis(
      models: whole.analysis, calibration: configuration.calibration, otherEvents: whole.otherEvents,
      deliveredEvents: whole.deliveredEvents, diagnostics: whole.diagnostics,
      missingFields: whole.missingFields, unknownEvents: whole.unknownEvents,
      newerEvents: EventCensus.newer(
        trace, in: window ?? (slices.first?.lowerBound ?? .min)..<(slices.last?.upperBound ?? .max)),
      workers: workers,
      doubtFrom: configuration.doubtFrom, isUnordered: whole.isUnordered)
  }

  private func sum(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] {
    (0..<max(left.count, right.count)).map {
      ($0 < left.count ? left[$0] : 0) + ($0 < right.count ? right[$0] : 0)
    }
  }
}
