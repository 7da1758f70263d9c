import CTF

/// The times of a trace's first and last event of `exeunt`.
package enum TraceSpan {
  /// The first event's time, which times on the command line count from; nil: there is none.
  package static func begin(of trace: Trace) -> Int64? {
    var rows = MergedRows(trace, selection: EventTag.selection())
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        if Row.tag(row) != Row.gapTag { return Row.timestamp(row) }
      }
    }
    return nil
  }

  /// The last event's time; nil: there is none.
  package static func end(of trace: Trace) -> Int64? {
    // Where packets do not tell their times, there is no part of the trace that is the last one.
    guard let end = trace.endTimestamp, let begin = trace.beginTimestamp, begin <= end,
      trace.streams.allSatisfy({ $0.end != nil || $0.packetCount == 0 })
    else { return lastEvent(of: trace, in: nil) }
    var length: Int64 = 1_000_000
    while true {
      let isWhole = length >= end.subtractingReportingOverflow(begin).partialValue
      let window = isWhole ? nil : (end - length)..<Int64.max
      if let last = lastEvent(of: trace, in: window) {
        // Where time runs backwards, the first event may be later than those near the end.
        return max(last, self.begin(of: trace) ?? last)
      }
      if isWhole { return nil }
      length = length > Int64.max / 16 ? Int64.max : length * 16
    }
  }

  private static func lastEvent(of trace: Trace, in window: Range<Int64>?) -> Int64? {
    var last: Int64?
    var rows = MergedRows(trace, selection: EventTag.selection(), window: window)
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        if Row.tag(row) != Row.gapTag { last = max(last ?? .min, Row.timestamp(row)) }
      }
    }
    return last
  }
}
