import CTracepoints
import Glibc
import Platform

/// How a run learns that its trace is as large as it may be.
package struct RecordingLimit {
  /// A descriptor that is readable when there is something to ask about.
  let descriptor: CInt
  /// Whether it has come to that. To be called when the descriptor is readable.
  let isReached: () -> Bool

  package init(descriptor: CInt, isReached: @escaping () -> Bool) {
    self.descriptor = descriptor
    self.isReached = isReached
  }
}

extension Machine {
  /// Ends the recording in good order while the run goes on: the last counters and totals are recorded, and nothing after
  /// them; what would have been is counted.
  ///
  /// On the main thread.
  func endRecording() {
    guard !isRecordingEnded else { return }
    isRecordingEnded = true
    exeunt_close_emission()
    // Those that were emitting are done in a moment; whoever has lost its processor right then gets it back.
    let deadline = Clock.monotonic + 1_000_000_000
    while !threads.allSatisfy(\.isQuiet), Clock.monotonic < deadline { usleep(100) }
    exeunt_emit_last(1)
    dump.recordClocks()
    recordStatistics(.end)
    recordTotals(.limit)
    exeunt_emit_last(0)
  }
}
