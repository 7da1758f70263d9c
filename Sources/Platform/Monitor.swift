import Glibc

/// State that threads share and wait for: a lock with a condition, pthread_cond(3).
///
/// Only ``update(_:)`` and ``update(when:_:)`` can change the state, and they wake everybody who waits, so that nobody misses a change.
public final class Monitor<State>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  // Accessed with the mutex held.
  private var state: State

  /// Makes a monitor with nobody waiting.
  public init(_ state: State) {
    self.state = state
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
  @discardableResult
  public func update<Result>(_ body: (inout State) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    let result = body(&state)
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
    return result
  }

  /// Waits until the state fulfils a condition, and changes it before anybody else can; then wakes everybody who waits.
  @discardableResult
  public func update<Result>(
    when condition: (borrowing State) -> Bool, _ body: (inout State) -> Result
  ) -> Result {
    pthread_mutex_lock(mutex)
    while !condition(state) { pthread_cond_wait(self.condition, mutex) }
    let result = body(&state)
    pthread_cond_broadcast(self.condition)
    pthread_mutex_unlock(mutex)
    return result
  }

  /// Looks at the state with the lock held.
  public func read<Result>(_ body: (borrowing State) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(state)
  }

  /// Waits until the state is such that `body` returns a value. The lock is held whenever `body` runs.
  public func wait<Result>(_ body: (borrowing State) -> Result?) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(state) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }
}
