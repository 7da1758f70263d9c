import CTracepoints
import Platform

/// Measures what emitting an event costs the thread that does it, so that a trace tells what recording it took.
///
/// The main thread emits a few rounds of events while a session listens, in the same process and to the same buffers as all others. What a vCPU's
/// events cost is about as much: a little more where their code and the buffer are no longer in the processor's caches.
enum EmissionTrial {
  /// So few that even small buffers have room for them, and so many that reading the clock around a round is little beside it.
  private static let events = 8
  /// An odd number, for a median; the first ones also fetch code and buffers into caches.
  private static let rounds = 9

  /// Emits the rounds, then what they took.
  static func record() {
    guard exeunt_emission_wanted() != 0 else { return }
    let clock = (0..<rounds).map { _ in elapsed {} }.min() ?? 0
    let times = (0..<rounds).map { round in
      let counter = Clock.timeStampCounter
      let begun = Clock.monotonic
      let time = elapsed {
        for number in 0..<events {
          exeunt_trace_emission_trial_info(UInt16(round), UInt16(number), begun, counter)
        }
      }
      return time - min(time, clock)
    }.sorted()
    exeunt_trace_emission_info(
      UInt16(rounds), UInt16(events), UInt32(clamping: times[0]), UInt32(clamping: times[rounds / 2]))
  }

  /// ns that something takes, with one reading of the clock.
  private static func elapsed(_ body: () -> Void) -> UInt64 {
    let begin = Clock.monotonic
    body()
    return Clock.monotonic &- begin
  }
}
