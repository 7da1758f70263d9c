/// Interrupts by device and mechanism.
struct InterruptTracker {
  private static let mechanisms = 3
  private static let count = (Limits.devices + 1) * mechanisms
  private let counts: UnsafeMutablePointer<UInt64>

  init() {
    counts = .allocate(capacity: Self.count)
    counts.initialize(repeating: 0, count: Self.count)
  }

  func free() { counts.deallocate() }

  @inline(__always)
  func step(_ event: Interrupt) {
    let device = Int(min(event.device, UInt64(Limits.devices)))
    let mechanism = Int(min(event.mechanism, UInt64(Self.mechanisms - 1)))
    counts[device &* Self.mechanisms &+ mechanism] &+= 1
  }

  func add(_ next: InterruptTracker) {
    for index in 0..<Self.count { counts[index] &+= next.counts[index] }
  }

  func results() -> [InterruptResult] {
    (0...Limits.devices).compactMap { device in
      let counts = (0..<Self.mechanisms).map { self.counts[device * Self.mechanisms + $0] }
      return counts.contains { $0 > 0 } ? InterruptResult(device: device, byMechanism: counts) : nil
    }
  }
}

/// Interrupts that a device raised.
package struct InterruptResult: Sendable, Equatable {
  /// Device id.
  package let device: Int
  /// By `mechanism` of the catalogue.
  package let byMechanism: [UInt64]
}

// MARK: Kept in a file

extension InterruptTracker {
  func code(_ coder: inout StateCoder) throws(StateError) { try coder.code(sparse: counts, Self.count) }
}
