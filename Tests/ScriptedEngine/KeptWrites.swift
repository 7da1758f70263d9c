import Engine
import Platform

/// The writes that a scripted machine has kept: one list for all its vCPUs.
///
/// Under a lock of POSIX's, of which the thread sanitizer knows; of Swift's `Mutex` it does not.
final class KeptWrites: @unchecked Sendable {
  private let lock = Lock()
  private var writes: [CoalescedWrite] = []
  private var isDamaged = false

  var all: [CoalescedWrite] { lock.withLock { writes } }
  var isEmpty: Bool { lock.withLock { writes.isEmpty && !isDamaged } }

  func keep(_ write: CoalescedWrite) { lock.withLock { writes.append(write) } }
  func damage() { lock.withLock { isDamaged = true } }

  /// As the engine's: those that are there now, each gone when it was carried out.
  func take(_ body: (CoalescedWrite) -> Void) -> Bool {
    let (writes, isDamaged) = lock.withLock { (self.writes, self.isDamaged) }
    if isDamaged { return false }
    for write in writes {
      body(write)
      lock.withLock { _ = self.writes.removeFirst() }
    }
    return true
  }
}
