import CLinux
import Glibc

/// A set of descriptors to wait for: epoll(7), level-triggered.
public struct Epoll: ~Copyable, Sendable {
  private let descriptor: FileDescriptor

  /// Makes an empty set.
  public init() throws(Errno) {
    let raw = epoll_create1(CInt(EPOLL_CLOEXEC))
    guard raw >= 0 else { throw Errno.current }
    descriptor = FileDescriptor(owning: raw)
  }

  /// Waits for a descriptor to become readable (or to fail, which shows when it is read).
  ///
  /// - Parameter token: what `wait` returns when the descriptor is ready.
  public borrowing func add(_ raw: CInt, token: UInt32) throws(Errno) {
    try control(EPOLL_CTL_ADD, raw, token: token)
  }

  /// Forgets a descriptor.
  public borrowing func remove(_ raw: CInt) throws(Errno) {
    try control(EPOLL_CTL_DEL, raw, token: 0)
  }

  private borrowing func control(_ operation: CInt, _ raw: CInt, token: UInt32) throws(Errno) {
    var event = epoll_event()
    event.events = EPOLLIN.rawValue
    event.data.u32 = token
    guard epoll_ctl(descriptor.raw, operation, raw, &event) == 0 else { throw Errno.current }
  }

  /// Waits until a descriptor is ready: epoll_wait(2).
  ///
  /// - Parameters:
  ///   - events: where the ready ones are put.
  ///   - timeout: milliseconds; 0 does not block, -1 waits without end.
  /// - Returns: how many of `events` were filled; 0 after the timeout or when a signal came.
  public borrowing func wait(_ events: UnsafeMutableBufferPointer<epoll_event>, timeout: CInt) throws(Errno)
    -> Int
  {
    let count = epoll_wait(descriptor.raw, events.baseAddress, CInt(events.count), timeout)
    if count >= 0 { return Int(count) }
    let error = Errno.current
    if error == .interrupted { return 0 }
    throw error
  }
}
