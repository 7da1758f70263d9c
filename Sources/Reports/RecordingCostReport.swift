/// What recording cost a thread, estimated: its events by what emitting one took when the recording began (`emission_info`).
package struct RecordingCostReport: Codable, Equatable, Sendable {
  /// Events of the thread that were recorded.
  package var events: UInt64
  /// ns that emitting them took, about: by the median round of the measurement.
  package var time: Int64
  /// The same by its fastest round.
  package var atLeast: Int64

  package init(events: UInt64, time: Int64, atLeast: Int64) {
    self.events = events
    self.time = time
    self.atLeast = atLeast
  }
}
