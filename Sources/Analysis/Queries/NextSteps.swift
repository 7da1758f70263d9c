import CTF

extension ClockStep {
  /// What some threads do first from a moment on: that tells what each was doing up to it.
  ///
  /// - Parameters:
  ///   - threads: Indices of threads; a thread without a step is not told of.
  ///   - gapEnd: End of the latest gap before the moment.
  ///   - body: Is given the thread and its step, as if that were at the moment.
  static func first(
    of threads: Set<Int>, from moment: Int64, in trace: Trace, gapEnd: Int64,
    _ body: (_ thread: Int, _ step: ClockStep) -> Void
  ) {
    var (open, gapEnd) = (threads, gapEnd)
    var rows = MergedRows(
      trace, selection: EventTag.selection(ClockStep.tags), window: moment..<Int64.max)
    while !open.isEmpty, let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        let tag = Row.tag(row)
        if tag == Row.gapTag {
          gapEnd = max(gapEnd, StreamGap(row: row).end)
        } else if let event = EventTag(tag: tag),
          let next = ClockStep.read(event, row, gapEnd: gapEnd), open.remove(next.thread) != nil
        {
          var step = next.step
          step.timestamp = moment
          body(next.thread, step)
        }
      }
    }
  }
}
