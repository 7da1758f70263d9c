import Glibc

/// A mutex that can say whether it was free: pthread_mutex(3), not recursive.
public final class Lock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

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

/// A lock with a condition that threads wait for: pthread_cond(3).
public final class Monitor: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  /// Makes a free lock with nobody waiting.
  public init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Runs `body` with the lock held, then wakes everybody who waits.
  public func update<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    let result = body()
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
    return result
  }

  /// Waits, with the lock held whenever `body` runs, until it returns a value. What `body` changes nobody is woken for:
  /// that is what ``update(_:)`` is for.
  public func wait<Result>(_ body: () -> Result?) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body() { return result }
      pthread_cond_wait(condition, mutex)
    }
  }
}
