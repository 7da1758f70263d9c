import CLinux
import Glibc

/// A timer that an event loop can wait for: timerfd(2) on CLOCK_MONOTONIC.
public struct Timer: ~Copyable, Sendable {
  /// The descriptor, readable when the timer has expired.
  public let descriptor: FileDescriptor

  /// Starts a timer.
  ///
  /// - Parameters:
  ///   - seconds: until it expires first, greater than zero.
  ///   - repeating: whether it goes on with the same period.
  public init(seconds: Double, repeating: Bool) throws(Errno) {
    let raw = timerfd_create(CLOCK_MONOTONIC, CInt(TFD_CLOEXEC | TFD_NONBLOCK))
    guard raw >= 0 else { throw Errno.current }
    let descriptor = FileDescriptor(owning: raw)
    // A timer of zero would never expire, and one of 68 years is as good as none.
    let nanoseconds = max(1, UInt64(min(seconds, 2_147_483_647) * 1e9))
    let time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var specification = itimerspec(it_interval: repeating ? time : timespec(), it_value: time)
    guard timerfd_settime(raw, 0, &specification, nil) == 0 else { throw Errno.current }
    self.descriptor = descriptor
  }

  /// Takes the number of expirations since the last time.
  public borrowing func consume() -> UInt64 {
    var value: UInt64 = 0
    return read(descriptor.raw, &value, 8) == 8 ? value : 0
  }
}
