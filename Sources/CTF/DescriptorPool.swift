import Glibc
import Synchronization

/// Keeps as many data files open as the process may have; the others are opened again when they are read.
///
/// A trace may have more files than the process may have descriptors, and all of them may be needed in turn.
package final class DescriptorPool: Sendable {
  /// A file that is opened when it is needed.
  final class Slot: @unchecked Sendable {
    // All guarded by the pool's lock.
    fileprivate var descriptor: CInt = -1
    /// Readers in the middle of a system call.
    fileprivate var users = 0
    fileprivate var wasUsed = false
    /// Index into the open ones.
    fileprivate var place = 0
  }

  private struct State {
    var open: [Slot] = []
    /// Where to look next for a descriptor to give up: the clock algorithm.
    var hand = 0
  }

  static let shared = DescriptorPool()

  /// What the process needs beside data files.
  private static let reserve = 24
  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: How many may be open; nil: what the process may have.
  init(limit: Int? = nil) {
    var bounds = rlimit()
    let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &bounds) == 0
    let allowed = isKnown ? Int(clamping: bounds.rlim_cur) : 256
    self.limit = limit ?? max(2, min(allowed - Self.reserve, 4096))
  }

  /// Lets the process have as many descriptors as it may without asking; to be called before a trace is opened.
  package static func raiseLimit() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var bounds = rlimit()
    guard unsafe getrlimit(resource, &bounds) == 0, bounds.rlim_cur < bounds.rlim_max else { return }
    bounds.rlim_cur = min(bounds.rlim_max, max(bounds.rlim_cur, 1 << 16))
    _ = unsafe setrlimit(resource, &bounds)
  }

  /// Calls a closure with the slot's descriptor.
  ///
  /// - Parameter open: Opens the file; a negative result with `errno` when that fails.
  /// - Returns: nil with `errno` when the file cannot be opened.
  func use<Value>(_ slot: Slot, open: () -> CInt, _ body: (CInt) -> Value) -> Value? {
    let (descriptor, code) = state.withLock { state in acquire(slot, &state, open) }
    guard descriptor >= 0 else {
      errno = code
      return nil
    }
    defer { state.withLock { _ in slot.users -= 1 } }
    return body(descriptor)
  }

  /// Closes what nobody will read any more.
  func forget(_ slot: Slot) {
    state.withLock { state in
      if slot.descriptor >= 0 { close(slot, &state) }
    }
  }

  /// How many are open.
  var openCount: Int { state.withLock { $0.open.count } }

  private func acquire(_ slot: Slot, _ state: inout State, _ open: () -> CInt) -> (CInt, CInt) {
    if slot.descriptor < 0 {
      while state.open.count >= limit, evict(&state) {}
      var descriptor = open()
      while descriptor < 0, errno == EMFILE || errno == ENFILE, evict(&state) { descriptor = open() }
      guard descriptor >= 0 else { return (-1, errno) }
      slot.descriptor = descriptor
      slot.place = state.open.count
      state.open.append(slot)
    }
    slot.users += 1
    slot.wasUsed = true
    return (slot.descriptor, 0)
  }

  /// Closes one that has not been used for a while; false when all are in use.
  private func evict(_ state: inout State) -> Bool {
    for _ in 0..<2 * state.open.count {
      if state.hand >= state.open.count { state.hand = 0 }
      let slot = state.open[state.hand]
      if slot.users == 0, !slot.wasUsed {
        close(slot, &state)
        return true
      }
      slot.wasUsed = false
      state.hand += 1
    }
    return false
  }

  private func close(_ slot: Slot, _ state: inout State) {
    Glibc.close(slot.descriptor)
    slot.descriptor = -1
    let last = state.open.removeLast()
    if last !== slot {
      state.open[slot.place] = last
      last.place = slot.place
    }
  }
}
