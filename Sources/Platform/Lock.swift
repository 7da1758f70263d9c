import Glibc

/// A mutex that can say whether it was free: pthread_mutex(3), not recursive.
public final class Lock: @unchecked Sendable {
  let mutex: UnsafeMutablePointer<pthread_mutex_t>

  /// Makes a free lock.
  public init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Takes the lock if it is free, and says whether it was.
  public func tryAcquire() -> Bool { pthread_mutex_trylock(mutex) == 0 }
  /// Waits for the lock and takes it.
  public func acquire() { pthread_mutex_lock(mutex) }
  /// Gives the lock back. Only by the thread that holds it.
  public func release() { pthread_mutex_unlock(mutex) }

  /// Runs `body` with the lock held.
  public func withLock<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result)
    throws(Failure) -> Result
  {
    acquire()
    defer { release() }
    return try body()
  }
}
