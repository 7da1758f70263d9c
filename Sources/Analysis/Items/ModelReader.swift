import CTF

/// Reads what the models know of a trace, a few things at a time.
package struct ModelReader: ~Copyable {
  private var rows: MergedRows
  private let stream: ModelStream
  private var isFinished = false

  /// Prepares to read a trace.
  ///
  /// - Parameter analysis: What the analysis of all of it found: where events may be missing is known at its end only.
  package init(_ trace: Trace, _ analysis: TraceAnalysis) {
    rows = MergedRows(trace, selection: EventTag.selection())
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
        stream.finish()
        isFinished = true
        break
      }
      stream.consume(run)
    }
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
