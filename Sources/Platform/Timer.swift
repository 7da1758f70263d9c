import CLinux
import Glibc

/// A timer that an event loop can wait for: timerfd(2) on CLOCK_MONOTONIC.
public struct Timer: ~Copyable, Sendable {
  /// The descriptor, readable when the timer has expired.
  public let descriptor: FileDescriptor

  /// Starts a timer.
  ///
  /// - Parameters:
  ///   - nanoseconds: until it expires first.
  ///   - repeating: whether it goes on with the same period.
  public init(nanoseconds: UInt64, repeating: Bool) throws(Errno) {
    let raw = timerfd_create(CLOCK_MONOTONIC, CInt(TFD_CLOEXEC | TFD_NONBLOCK))
    guard raw >= 0 else { throw Errno.current }
    let descriptor = FileDescriptor(owning: raw)
    let time = Timer.time(nanoseconds)
    var specification = itimerspec(it_interval: repeating ? time : timespec(), it_value: time)
    guard timerfd_settime(raw, 0, &specification, nil) == 0 else { throw Errno.current }
    self.descriptor = descriptor
  }

  /// Makes a timer that is not running.
  package init() throws(Errno) {
    let raw = timerfd_create(CLOCK_MONOTONIC, CInt(TFD_CLOEXEC | TFD_NONBLOCK))
    guard raw >= 0 else { throw Errno.current }
    descriptor = FileDescriptor(owning: raw)
  }

  /// Has it expire once, so many nanoseconds from now, whatever it was set to before.
  package borrowing func set(nanoseconds: UInt64) {
    var specification = itimerspec()
    specification.it_value = Timer.time(nanoseconds)
    // Fails only for a bad descriptor or time, and these are neither.
    timerfd_settime(descriptor.raw, 0, &specification, nil)
  }

  /// As the kernel has it. A timer of zero would never expire, and one of 68 years is as good as none.
  private static func time(_ nanoseconds: UInt64) -> timespec {
    let nanoseconds = min(max(1, nanoseconds), 2_147_483_647_000_000_000)
    return timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
  }

  /// Takes the number of expirations since the last time.
  public borrowing func consume() -> UInt64 {
    var value: UInt64 = 0
    return read(descriptor.raw, &value, 8) == 8 ? value : 0
  }
}

/// A timer for moments, not for spans: timerfd(2) on CLOCK_REALTIME. It also expires when that clock is set, so that
/// whoever waits can look anew.
public struct MomentTimer: ~Copyable, Sendable {
  /// The descriptor, readable when the moment has come.
  public let descriptor: FileDescriptor

  /// Makes a timer that is not set.
  public init() throws(Errno) {
    let raw = timerfd_create(CLOCK_REALTIME, CInt(TFD_CLOEXEC | TFD_NONBLOCK))
    guard raw >= 0 else { throw Errno.current }
    descriptor = FileDescriptor(owning: raw)
  }

  /// Sets the moment, nanoseconds since 1970, and forgets an earlier one; nil: there is none. From any thread.
  public borrowing func set(_ moment: Int64?) {
    // A moment of zero would disarm the timer; what lies before it has come long ago.
    let nanoseconds = moment.map { max(1, $0) } ?? 0
    var specification = itimerspec()
    specification.it_value = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    // Fails only for a bad descriptor or time, and these are neither.
    timerfd_settime(descriptor.raw, CInt(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET), &specification, nil)
  }

  /// Makes the descriptor unreadable until the timer expires again.
  public borrowing func consume() {
    var value: UInt64 = 0
    _ = read(descriptor.raw, &value, 8)
  }
}
