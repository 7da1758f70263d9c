import Engine
import Synchronization

/// The writes that a scripted machine has kept: one list for all its vCPUs.
final class KeptWrites: Sendable {
  private struct State {
    var writes: [CoalescedWrite] = []
    var isDamaged = false
  }
  private let state = Mutex(State())

  var all: [CoalescedWrite] { state.withLock { $0.writes } }
  var isEmpty: Bool { state.withLock { $0.writes.isEmpty && !$0.isDamaged } }

  func keep(_ write: CoalescedWrite) { state.withLock { $0.writes.append(write) } }
  func damage() { state.withLock { $0.isDamaged = true } }

  /// As the engine's: those that are there now, each gone when it was carried out.
  func take(_ body: (CoalescedWrite) -> Void) -> Bool {
    let (writes, isDamaged) = state.withLock { ($0.writes, $0.isDamaged) }
    if isDamaged { return false }
    for write in writes {
      body(write)
      state.withLock { _ = $0.writes.removeFirst() }
    }
    return true
  }
}
