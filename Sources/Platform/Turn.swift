import Glibc

/// A turn that one thread at a time has, and that a signal may end the waiting for: sem_overview(7).
///
/// Unlike a ``Lock`` it may be held over a system call that blocks: whoever waits for it is as easily interrupted as
/// whoever has it.
public final class Turn: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  /// Makes a turn that nobody has.
  public init() {
    semaphore = .allocate(capacity: 1)
    semaphore.initialize(to: sem_t())
    sem_init(semaphore, 0, 1)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  /// Waits for the turn and takes it.
  ///
  /// - Returns: false where a signal came meanwhile: somebody else has the turn.
  public func take() -> Bool { sem_wait(semaphore) == 0 }

  /// Gives the turn to the next. Only by the thread that has it.
  public func give() { sem_post(semaphore) }
}
