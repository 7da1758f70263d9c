import CLinux

/// How the host schedules a thread: sched(7).
public struct ThreadScheduling: Sendable, Codable, Equatable {
  /// Scheduling classes, as users name them.
  public enum Class: String, Sendable, Codable, CaseIterable {
    /// SCHED_OTHER, with a nice value.
    case other
    /// SCHED_BATCH, with a nice value: no preference when it wakes up.
    case batch
    /// SCHED_IDLE: when nobody else wants the CPU.
    case idle
    /// SCHED_FIFO, with a priority: before all others, until it sleeps.
    case fifo
    /// SCHED_RR: as SCHED_FIFO, in turns with those of its priority.
    case rr

    /// What its number means, and may be; nil: it has none.
    public var range: ClosedRange<Int>? {
      switch self {
      case .other, .batch: -20...19
      case .idle: nil
      case .fifo, .rr: 1...99
      }
    }
  }

  /// The class.
  public let policy: Class
  /// The nice value (other, batch) or priority (fifo, rr); 0 for idle.
  public let number: Int

  /// Describes a class with its number, which is in the class's range.
  public init(_ policy: Class, _ number: Int) {
    precondition(policy.range?.contains(number) ?? (number == 0))
    self.policy = policy
    self.number = number
  }

  /// Has a thread scheduled so: sched_setscheduler(2), setpriority(2).
  ///
  /// - Parameter thread: its number as the kernel knows it, of this process.
  public func apply(to thread: UInt32) throws(Errno) {
    let kernelPolicy =
      switch policy {
      case .other: CLINUX_OTHER
      case .batch: CLINUX_BATCH
      case .idle: CLINUX_IDLE
      case .fifo: CLINUX_FIFO
      case .rr: CLINUX_RR
      }
    let isRealTime = policy == .fifo || policy == .rr
    let result = clinux_schedule(
      CInt(bitPattern: thread), CInt(kernelPolicy), CInt(isRealTime ? number : 0),
      CInt(isRealTime ? 0 : number))
    guard result == 0 else { throw Errno(rawValue: -result) }
  }
}
