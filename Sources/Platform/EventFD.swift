import CLinux
import Glibc

/// A counter in the kernel that one side adds to and the other waits for: eventfd(2), never blocking.
public struct EventFD: ~Copyable, Sendable {
  /// The descriptor, for epoll, ioeventfd and irqfd.
  public let descriptor: FileDescriptor

  /// Makes a counter that starts at zero.
  public init() throws(Errno) {
    let raw = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
    guard raw >= 0 else { throw Errno.current }
    descriptor = FileDescriptor(owning: raw)
  }

  /// Adds one and wakes whoever waits. A counter that is full (2^64 - 2) stays as it is: it wakes all the same.
  public borrowing func signal() { Self.signal(descriptor.raw) }

  /// Does so with the descriptor of a counter whose owner is somebody else.
  public static func signal(_ descriptor: CInt) {
    var one: UInt64 = 1
    while write(descriptor, &one, 8) < 0, errno == EINTR {}
  }

  /// Takes the counter and sets it to zero.
  ///
  /// - Returns: how often it was signalled since it was last taken; 0 when it was not.
  public borrowing func consume() -> UInt64 { Self.consume(descriptor.raw) }

  /// Does so with the descriptor of a counter whose owner is somebody else.
  public static func consume(_ descriptor: CInt) -> UInt64 {
    var value: UInt64 = 0
    while true {
      let count = read(descriptor, &value, 8)
      if count == 8 { return value }
      if count < 0, errno == EINTR { continue }
      return 0
    }
  }
}
