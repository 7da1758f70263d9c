import Glibc

/// What threads wait for that hold a lock: pthread_cond(3). Unlike a ``Monitor``'s, its waiters are woken by number, for where
/// one of them is enough.
public final class Condition: @unchecked Sendable {
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  /// Makes a condition with nobody waiting.
  public init() {
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Gives the lock, which this thread holds, back while it waits; also returns when nobody has woken it.
  public func wait(_ lock: Lock) { pthread_cond_wait(condition, lock.mutex) }

  /// Wakes one of those that wait, if any does.
  public func wakeOne() { pthread_cond_signal(condition) }

  /// Wakes all that wait.
  public func wakeAll() { pthread_cond_broadcast(condition) }
}
