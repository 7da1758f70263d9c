import Glibc

/// A mutex that can say whether it was free: pthread_mutex(3), not recursive.
package final class Lock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  /// Makes a free lock.
  package init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Takes the lock if it is free, and says whether it was.
  package func tryAcquire() -> Bool { pthread_mutex_trylock(mutex) == 0 }
  /// Waits for the lock and takes it.
  package func acquire() { pthread_mutex_lock(mutex) }
  /// Gives the lock back. Only by the thread that holds it.
  package func release() { pthread_mutex_unlock(mutex) }

  /// Runs `body` with the lock held.
  package func withLock<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result)
    throws(Failure) -> Result
  {
    acquire()
    defer { release() }
    return try body()
  }
}
