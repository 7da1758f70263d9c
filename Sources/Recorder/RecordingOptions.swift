/// What to record, and where.
package struct RecordingOptions: Sendable, Codable {
  /// The directory that will hold the trace. Made if it does not exist; must be empty if it does.
  package var directory: String
  /// Bytes of one sub-buffer: a power of two, at least a page. Nil: 4 MiB, or less where /dev/shm is small.
  ///
  /// There is a ring of sub-buffers for each CPU. A sub-buffer is written to the trace as one packet once it is
  /// full, while the VMM fills the next.
  package var subbufferSize: Int?
  /// Sub-buffers for each CPU: a power of two, at least 2. Nil: 8, or less where /dev/shm is small.
  package var subbufferCount: Int?
  /// What the trace's files may have, bytes; nil: ``defaultLimit(free:)``. 0: no limit.
  package var limit: UInt64?
  /// The events to record, as patterns in which `*` stands for anything (lttng-enable-event(1)).
  package var events: [String] = ["exeunt:*"]

  /// What a trace may have where nobody says: half of what is free on its file system, so that no guest fills it, but no more than
  /// 32 GiB; and not less than 256 MiB, as what the buffers hold comes on top.
  ///
  /// - Parameter free: bytes.
  static func defaultLimit(free: UInt64) -> UInt64 { min(32 << 30, max(256 << 20, free / 2)) }

  /// What the trace's files may have, bytes.
  ///
  /// - Parameter free: bytes on its file system.
  func limit(free: UInt64) -> UInt64 {
    let wanted = limit ?? RecordingOptions.defaultLimit(free: free)
    return wanted == 0 ? .max : wanted
  }

  /// Records every event of Exeunt.
  package init(directory: String) {
    self.directory = directory
  }
}
