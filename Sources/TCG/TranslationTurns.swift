import Platform
import Synchronization

/// Which vCPU executes translated code: one at a time, as the library's locked instructions are atomic only within one processor. A
/// device that is about to write what has been translated takes a turn as well.
/// Whoever waits is served in the order of asking; the one that runs is asked to let go after a while.
final class TranslationTurns: @unchecked Sendable {
  private let lock = Lock()
  private let changed = Condition()
  // Under the lock.
  private var next: UInt64 = 0
  private var serving: UInt64 = 0
  private var holder: TCGVcpu?
  private let waiting = Atomic<Int>(0)
  private let onWanted: @Sendable () -> Void

  /// Makes turns of which the first one that is waited for is told.
  init(onWanted: @escaping @Sendable () -> Void) { self.onWanted = onWanted }

  /// Whether somebody waits.
  var isWanted: Bool { waiting.load(ordering: .relaxed) > 0 }

  /// Waits for its turn; nil: a device's.
  func take(_ vcpu: TCGVcpu?) {
    lock.withLock {
      let ticket = next
      next += 1
      if ticket != serving {
        if waiting.add(1, ordering: .relaxed).oldValue == 0 { onWanted() }
        while ticket != serving { changed.wait(lock) }
        waiting.subtract(1, ordering: .relaxed)
      }
      holder = vcpu
    }
  }

  /// Lets the next one run.
  func give() {
    lock.withLock {
      holder = nil
      serving += 1
      changed.wakeAll()
    }
  }

  /// Asks who runs to let go, where somebody waits.
  func takeAway() {
    guard isWanted else { return }
    lock.withLock { holder?.yieldTurn() }
  }
}
