import CTF

/// A recording that is analysed while it is written.
///
/// Each look at the files adds the time up to which all streams have been written since the last look, as a part that comes next
/// (``SavedRecording/append(_:)``). What only the end of a recording tells is known at its end: where that changes what was found
/// before, ``finish()`` reads the files once more, so that the result is always what reading them afterwards gives.
package struct GrowingRecording {
  private let paths: [String]
  private let configuration: Configuration
  private let workers: Int
  private let isStrict: Bool
  private var saved: SavedRecording?
  /// Up to here, ns since the clock's origin, everything has been analysed.
  private var reached = Int64.min
  /// Whether a part was such that parts do not add up to the whole.
  private var isUnsure = false
  /// Parts that were added.
  package private(set) var parts = 0
  /// Whether the files had to be read once more at the end.
  package private(set) var isReadTwice = false

  /// - Parameters:
  ///   - paths: Directories, which must be there.
  ///   - configuration: What to look at.
  ///   - workers: Threads to read with; nil: one for each processor.
  ///   - isStrict: As for ``CTF/Trace``.
  package init(
    _ paths: [String], configuration: Configuration = Configuration(), workers: Int? = nil,
    isStrict: Bool = false
  ) {
    self.paths = paths
    self.configuration = configuration
    self.workers = max(1, min(workers ?? Workers.processors, 64))
    self.isStrict = isStrict
  }

  /// Events analysed so far.
  package var events: UInt64 { saved?.facts.streams.reduce(0) { $0 &+ $1.events } ?? 0 }

  /// Whether the files have what a run ends with: the totals of all threads.
  package private(set) var hasEnded = false
  /// Whether the last look found nothing more than the look before.
  package private(set) var isQuiet = false
  /// The files that the last look found, those of streams in time order.
  package private(set) var files: [String] = []
  /// Size of the files when they were looked at last, and when the end was looked for.
  private var sizes = (seen: 0, searched: 0)

  /// Looks at the files again, and analyses what is new in all streams.
  ///
  /// - Returns: Whether something was. Not while metadata or a stream has not been written yet.
  package mutating func advance() -> Bool {
    isQuiet = true
    guard let trace = try? Trace(opening: paths, isStrict: isStrict, isGrowing: true) else { return false }
    files = trace.members.flatMap { $0.directories.map { "\($0)/metadata" } } + trace.streams.flatMap(\.files)
    let size = trace.streams.reduce(0) { $0 + $1.byteCount }
    isQuiet = size == sizes.seen
    sizes.seen = size
    guard trace.members.count == 1 else { return false }
    // A CPU that idles holds back what is analysed, so the end is looked for in all that is there, when nothing comes any more.
    if isQuiet, size > sizes.searched {
      sizes.searched = size
      hasEnded = TotalsReader.hasEnd(trace)
    }
    guard !isUnsure, let limit = trace.completeUpTo, limit > reached else { return false }
    return add(trace, upTo: limit)
  }

  /// What was found while the files could be read: a part of the recording, from its beginning on.
  ///
  /// - Parameter problem: Why they cannot be any more.
  /// - Returns: nil where nothing was found.
  package func partial(_ problem: Diagnostic) -> SavedRecording? {
    var saved = saved
    saved?.add(problem)
    return saved
  }

  /// Analyses the rest.
  ///
  /// - Returns: What was found, and the files.
  /// - Throws: When the files cannot be read, which nothing but their end tells.
  package mutating func finish() throws(GrowingError) -> (SavedRecording, Trace) {
    let trace: Trace
    do throws(TraceError) { trace = try Trace(opening: paths, isStrict: isStrict) } catch {
      throw .trace(error)
    }
    if !isUnsure, saved != nil, trace.diagnostics.isEmpty, trace.members.count == 1, !trace.hasUnreadFiles,
      !trace.hasEmptyFiles, add(trace, upTo: .max), var saved, isFinal(saved, trace)
    {
      saved.calibrate(CalibrationReader.read(trace))
      return (saved, trace)
    }
    isReadTwice = parts > 0
    let analysis = TraceAnalysis.read(
      trace, configuration: configuration, workers: workers, isContinuable: true)
    do throws(StateError) {
      return (
        try SavedRecording(trace, paths: paths, analysis: analysis, part: Int64.min..<Int64.max), trace
      )
    } catch {
      throw .state(error)
    }
  }

  /// Whether what was found part by part is what the whole gives.
  private func isFinal(_ saved: SavedRecording, _ trace: Trace) -> Bool {
    guard !isUnsure, let models = try? saved.models() else { return false }
    let known = models.wholeness(saved.facts)
    guard TraceAnalysis.doubt(trace, known, [], end: saved.end) == nil else { return false }
    // The clock's last reading places the guest's stamps.
    return saved.calibration == CalibrationReader.read(trace)
      || models.result().paths.allSatisfy { $0.stamps == 0 }
  }

  /// - Returns: Whether the part was added.
  private mutating func add(_ trace: Trace, upTo limit: Int64) -> Bool {
    let part = reached..<limit
    // Streams that begin later than others, and in the middle, make gaps that reach back.
    guard trace.streams.allSatisfy({ $0.earlierPackets == 0 }) else {
      isUnsure = true
      return false
    }
    let slices = trace.timeSlices(workers == 1 ? 1 : workers * 4).map { $0.clamped(to: part) }
    let analysis = TraceAnalysis.read(
      trace, configuration: configuration, slices: slices.filter { !$0.isEmpty }, workers: workers,
      after: saved?.gapEnd ?? trace.completeFrom)
    isUnsure = isUnsure || analysis.isUnordered || !analysis.diagnostics.isEmpty
    do throws(StateError) {
      let next = try SavedRecording(trace, paths: paths, analysis: analysis, part: part)
      if var whole = saved {
        // A stream that was not there before may have begun before what was analysed.
        let isNew = trace.streams.dropFirst(whole.facts.streams.count)
          .contains { $0.begin.map { $0 < reached } ?? true }
        guard whole.hasStreams(of: next), !isNew else {
          isUnsure = true
          return false
        }
        whole.grow(to: next)
        try whole.append(next)
        saved = whole
      } else {
        saved = next
      }
    } catch {
      isUnsure = true
      return false
    }
    reached = limit
    parts += 1
    return true
  }
}

/// Why a recording that grew has no result.
package enum GrowingError: Error, CustomStringConvertible {
  case trace(TraceError)
  case state(StateError)

  package var description: String {
    switch self {
    case .trace(let error): "\(error)"
    case .state(let error): "\(error)"
    }
  }
}

/// Looks for what a run ends with.
private enum TotalsReader {
  /// Whether the totals at the end are there, of as many threads as they say.
  static func hasEnd(_ trace: Trace) -> Bool {
    guard let last = trace.endTimestamp else { return false }
    var length: Int64 = 20_000_000
    var threads: [UInt64: UInt64] = [:]
    // They come last; others may go on for a little while.
    while length > 0 {
      threads = [:]
      var rows = MergedRows(
        trace, selection: EventTag.selection([.eventTotals]),
        window: last.subtractingClamped(length)..<Int64.max)
      while let run = rows.nextRun() {
        var row = run.base
        for _ in 0..<run.count {
          defer { row += run.stride }
          guard EventTag(rawValue: Row.tag(row)) == .eventTotals else { continue }
          let event = EventTotalsEvent(row: row)
          if event.moment == StatisticsMoment.end { threads[event.threads, default: 0] += 1 }
        }
      }
      if threads.contains(where: { $0.key > 0 && $0.value >= $0.key }) { return true }
      guard last.subtractingClamped(length) > trace.beginTimestamp ?? last else { return false }
      length = length.multipliedReportingOverflow(by: 8).overflow ? .max : length * 8
    }
    return false
  }
}

extension Int64 {
  fileprivate func subtractingClamped(_ length: Int64) -> Int64 {
    let (difference, isBelow) = subtractingReportingOverflow(length)
    return isBelow ? .min : difference
  }
}
