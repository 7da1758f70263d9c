import Reports

/// A part of a recording.
package struct TraceWindow: Sendable, Equatable {
  /// The first and the last event of the recording, ns since the clock's origin.
  package let recording: ClosedRange<Int64>
  /// The instants asked for.
  package let part: Range<Int64>

  /// A part of a recording; nil when it is all before or after it.
  package init?(_ part: Range<Int64>, of recording: ClosedRange<Int64>) {
    guard part.overlaps(recording) else { return nil }
    self.part = part
    self.recording = recording
  }

  /// The first and the last instant in both.
  package var span: ClosedRange<Int64> {
    max(part.lowerBound, recording.lowerBound)...min(part.upperBound, recording.upperBound)
  }
}
