import CTF

/// Reads what the models know of a trace, a few things at a time.
package struct ModelReader: ~Copyable {
  private let trace: Trace
  private var rows: MergedRows
  private let stream: ModelStream
  private let part: Range<Int64>?
  /// Where reading ends before the trace does; nil: it does not.
  private let end: Int64?
  private var isFinished = false

  /// Prepares to read a trace.
  ///
  /// - Parameters:
  ///   - analysis: What the analysis of all of it found: where events may be missing is known at its end only.
  ///   - part: Only what ``ModelItem/inside(_:)`` gives of this part, ns since the clock's origin; nil: all. What comes before it is
  ///     read as well, to know what goes on when it begins.
  package init(_ trace: Trace, _ analysis: TraceAnalysis, part: Range<Int64>? = nil) {
    self.trace = trace
    self.part = part
    end = part.flatMap { $0.upperBound <= analysis.models.state.pointee.end ? $0.upperBound : nil }
    rows = MergedRows(trace, selection: EventTag.selection(), window: end.map { Int64.min..<$0 })
    stream = ModelStream(
      begin: analysis.begin, gapEnd: trace.completeFrom, doubtFrom: analysis.doubtFrom,
      calibration: analysis.calibration)
  }

  /// So many things are given at a time, or a few more.
  private static let batch = 1024

  /// Calls `body` with what follows.
  ///
  /// - Returns: Whether there was something.
  package mutating func next(_ body: ([ModelItem]) -> Void) -> Bool {
    guard !isFinished else { return false }
    stream.clear()
    while stream.items.count < Self.batch {
      guard let run = rows.nextRun() else {
        if let end { stream.close(at: end, trace) } else { stream.finish() }
        isFinished = true
        break
      }
      stream.consume(run)
    }
    if let part { stream.keep(part) }
    body(stream.items)
    return true
  }
}

extension TraceAnalysis {
  /// Time of the first event, ns since the clock's origin; 0 without events.
  package var begin: Int64 {
    let (begin, end) = (models.state.pointee.begin, models.state.pointee.end)
    return begin <= end ? begin : 0
  }
}
