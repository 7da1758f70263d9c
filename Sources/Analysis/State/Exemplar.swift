/// The event a statistic can be traced back to.
package struct Exemplar: Sendable, Equatable {
  /// Events of reports that last this long have their thread kept in a state, ns.
  package static let long: Int64 = 50_000

  /// Time of the event in ns since the clock's origin.
  package let timestamp: Int64
  /// Bits 0–15: the stream. 16–47: the packet, by its index in the stream; in a ``SavedRecording`` by its sequence number.
  /// 48–63: 0, or in a ``SavedRecording`` the index of its thread plus 1.
  let location: UInt64

  init(timestamp: Int64, location: UInt64) {
    self.timestamp = timestamp
    self.location = location
  }

  /// - Parameters:
  ///   - packet: Stream and packet.
  ///   - thread: Index of the event's thread; nil: not known, or none that can be told apart.
  static func location(packet: UInt64, thread: Int?) -> UInt64 {
    guard let thread, thread < AnalysisState.main else { return packet }
    return UInt64(thread + 1) << 48 | packet
  }

  /// Index into the streams.
  package var stream: Int { Int(location & 0xffff) }
  /// The packet within the stream.
  package var packet: Int { Int(location >> 16 & 0xffff_ffff) }

  /// The event's vCPU or loop; nil: a trace tells, or nothing does.
  package var thread: ThreadName? {
    let index = Int(location >> 48) - 1
    guard index >= 0 else { return nil }
    return index < AnalysisState.loopBase
      ? ThreadName(.vcpu, index) : ThreadName(.loop, index - AnalysisState.loopBase)
  }
}
