import Platform

extension RunSummary {
  /// What a file did not get of what the guest sent, as it was as large as it may be (`--serial-limit`).
  package struct LeftOutput: Sendable, Equatable {
    /// The file, as the user gave it.
    package let output: String
    /// Whose output it is.
    package let source: String
    /// So many bytes.
    package let bytes: UInt64
    /// When the first of them were left out, seconds from the run's begin on.
    package let since: Double
  }
}

extension Machine {
  /// What files did not get. After all threads have ended.
  ///
  /// - Parameter began: when the run did, nanoseconds on CLOCK_MONOTONIC.
  func leftOutput(since began: UInt64) -> [RunSummary.LeftOutput] {
    let files =
      outputs.map { ($0.name, $0.source.rawValue, $0.allowance) }
      + zip(configuration.numberedPorts, ports).map { numbered, made in
        (numbered.port.peer.option, "what port \(numbered.number) of the console sent", made.1.allowance)
      }
    return files.compactMap { output, source, allowance in
      guard allowance.leftOut > 0 else { return nil }
      return .init(
        output: output, source: source, bytes: allowance.leftOut,
        since: Double(allowance.since &- began) / 1e9)
    }
  }
}
