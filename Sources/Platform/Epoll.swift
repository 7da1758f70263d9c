import CLinux
import Glibc

/// Waits for descriptors through epoll(7), level-triggered.
public final class Epoll: Poller {
  /// As many are told at once; more are told the next time.
  private static let capacity = 64

  /// The set itself: it can be read while something in it is ready, so that one set can stand in another.
  package let descriptor: FileDescriptor
  @usableFromInline let events: UnsafeMutableBufferPointer<epoll_event>

  /// Makes an empty set.
  public init() throws(Errno) {
    let raw = epoll_create1(CInt(EPOLL_CLOEXEC))
    guard raw >= 0 else { throw Errno.current }
    descriptor = FileDescriptor(owning: raw)
    events = .allocate(capacity: Epoll.capacity)
    events.initialize(repeating: epoll_event())
  }

  deinit { events.deallocate() }

  /// Begins to wait for a descriptor: EPOLL_CTL_ADD.
  public func add(_ descriptor: CInt, for interest: Readiness, token: UInt32) throws(Errno) {
    try control(EPOLL_CTL_ADD, descriptor, interest, token: token)
  }

  /// Waits for something else of it. What is not waited for at all is taken out: it would be told when it fails.
  public func change(
    _ descriptor: CInt, from old: Readiness, to interest: Readiness, token: UInt32
  ) throws(Errno) {
    switch (old.isEmpty, interest.isEmpty) {
    case (true, true): break
    case (true, false): try control(EPOLL_CTL_ADD, descriptor, interest, token: token)
    case (false, true): try control(EPOLL_CTL_DEL, descriptor, interest, token: token)
    case (false, false): try control(EPOLL_CTL_MOD, descriptor, interest, token: token)
    }
  }

  private func control(_ operation: CInt, _ raw: CInt, _ interest: Readiness, token: UInt32) throws(Errno) {
    // Hang-ups are told of whatever is in the set: EPOLLHUP and EPOLLERR have not to be asked for.
    var event = epoll_event()
    if interest.contains(.input) { event.events |= EPOLLIN.rawValue }
    if interest.contains(.output) { event.events |= EPOLLOUT.rawValue }
    event.data.u32 = token
    guard epoll_ctl(descriptor.raw, operation, raw, &event) == 0 else { throw Errno.current }
  }

  /// Waits until a descriptor is ready: epoll_wait(2).
  public func wait(timeout: CInt) throws(Errno) -> Int {
    let count = epoll_wait(descriptor.raw, events.baseAddress, CInt(events.count), timeout)
    if count >= 0 { return Int(count) }
    let error = Errno.current
    if error == .interrupted { return 0 }
    throw error
  }

  /// One of those that are ready.
  @inlinable
  public func ready(at place: Int) -> (token: UInt32, readiness: Readiness) {
    let event = events[place]
    var readiness: Readiness = []
    let failed = event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
    if failed || event.events & EPOLLIN.rawValue != 0 { readiness.insert(.input) }
    if failed || event.events & EPOLLOUT.rawValue != 0 { readiness.insert(.output) }
    if failed { readiness.insert(.hangUp) }
    return (event.data.u32, readiness)
  }
}
