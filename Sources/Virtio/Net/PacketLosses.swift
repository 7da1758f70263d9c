import Platform

/// Packets that did not arrive, for whoever runs the machine.
package struct PacketLosses: Sendable {
  private var refusals: UInt64 = 0
  private var refusal: Errno?
  private var end: Errno?
  /// Packets for the guest that its buffers were too small for.
  package internal(set) var tooLarge: UInt64 = 0

  /// Why somebody who wanted to connect to the guest had to wait; nil: nobody had.
  var keptWaiting: Errno?

  /// Whether there is nothing to receive from any more.
  package var isGone: Bool { end != nil }

  mutating func refused(_ error: Errno) {
    refusals += 1
    if refusal == nil { refusal = error }
  }

  mutating func gone(_ error: Errno) { end = error }

  /// Adds those of another pair of queues.
  mutating func merge(_ other: PacketLosses) {
    refusals += other.refusals
    refusal = refusal ?? other.refusal
    end = end ?? other.end
    tooLarge += other.tooLarge
  }

  /// One line for each kind of loss.
  package var texts: [String] {
    var texts: [String] = []
    if let refusal {
      texts.append(
        "\(refusals) packet\(refusals == 1 ? "" : "s") of the guest could not be sent, the first because of: \(refusal)"
      )
    }
    if tooLarge > 0 {
      texts.append(
        "\(tooLarge) packet\(tooLarge == 1 ? "" : "s") for the guest did not fit into its receive buffers")
    }
    if let keptWaiting {
      texts.append("somebody who wanted to connect to the guest was kept waiting: \(keptWaiting)")
    }
    if let end { texts.append("nothing could be received any more: \(end)") }
    return texts
  }
}
