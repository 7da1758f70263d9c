import CLinux
import Glibc

/// The clocks that a trace is related to.
public enum Clock {
  /// CLOCK_MONOTONIC in nanoseconds, the clock of LTTng's events.
  public static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }
  /// CLOCK_REALTIME in nanoseconds since 1970.
  public static var realtime: UInt64 { read(CLOCK_REALTIME) }
  /// The processor's time stamp counter.
  public static var timeStampCounter: UInt64 { clinux_tsc() }

  /// The same instant on three clocks.
  public struct Correlation: Sendable {
    /// The time stamp counter.
    public var timeStampCounter: UInt64
    /// CLOCK_MONOTONIC, nanoseconds.
    public var monotonic: UInt64
    /// CLOCK_REALTIME, nanoseconds.
    public var realtime: UInt64
    /// How well the instant is known: nanoseconds between the readings around it.
    public var window: UInt32
  }

  /// Reads all clocks as close together as a few tries allow: the try with the least time between its two
  /// readings of CLOCK_MONOTONIC wins, and the middle of the two is taken.
  public static func correlate() -> Correlation {
    var best = Correlation(timeStampCounter: 0, monotonic: 0, realtime: 0, window: .max)
    for _ in 0..<8 {
      let before = monotonic
      let counter = timeStampCounter
      let after = monotonic
      let real = realtime
      let window = UInt32(clamping: after &- before)
      guard window < best.window else { continue }
      let middle = before &+ (after &- before) / 2
      best = Correlation(
        timeStampCounter: counter, monotonic: middle, realtime: real &- (after &- middle), window: window)
    }
    return best
  }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
