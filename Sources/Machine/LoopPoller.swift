import Platform
import URing

/// What an I/O thread's loop waits with, as it was chosen.
final class LoopPoller: Poller {
  private enum Way {
    case epoll(Epoll)
    case select(Select)
    case ring(RingPoller)
  }

  private let way: Way

  /// Makes an empty set.
  ///
  /// - Throws: what the kernel says, such as EPERM or ENOSYS where io_uring is not to be had.
  init(_ method: MachineConfiguration.WaitMethod) throws(Errno) {
    way =
      switch method {
      case .epoll: .epoll(try Epoll())
      case .select: .select(Select())
      case .ring: .ring(try RingPoller())
      }
  }

  /// The ring that is waited in, and that disks can share; nil where there is none.
  var ring: Ring? {
    if case .ring(let poller) = way { poller.ring } else { nil }
  }

  func add(_ descriptor: CInt, for interest: Readiness, token: UInt32) throws(Errno) {
    switch way {
    case .epoll(let poller): try poller.add(descriptor, for: interest, token: token)
    case .select(let poller): try poller.add(descriptor, for: interest, token: token)
    case .ring(let poller): try poller.add(descriptor, for: interest, token: token)
    }
  }

  func change(
    _ descriptor: CInt, from old: Readiness, to interest: Readiness, token: UInt32
  ) throws(Errno) {
    switch way {
    case .epoll(let poller): try poller.change(descriptor, from: old, to: interest, token: token)
    case .select(let poller): try poller.change(descriptor, from: old, to: interest, token: token)
    case .ring(let poller): try poller.change(descriptor, from: old, to: interest, token: token)
    }
  }

  func wait(timeout: CInt) throws(Errno) -> Int {
    switch way {
    case .epoll(let poller): try poller.wait(timeout: timeout)
    case .select(let poller): try poller.wait(timeout: timeout)
    case .ring(let poller): try poller.wait(timeout: timeout)
    }
  }

  func ready(at place: Int) -> (token: UInt32, readiness: Readiness) {
    switch way {
    case .epoll(let poller): poller.ready(at: place)
    case .select(let poller): poller.ready(at: place)
    case .ring(let poller): poller.ready(at: place)
    }
  }
}
