import Engine
import Platform
import Synchronization

/// The writes that signal eventfds, as an engine without a kernel matches them. Filled before a vCPU runs, and looked at by all.
final class KickTable: Sendable {
  private struct Kick: Sendable {
    let size: UInt32
    let value: UInt64?
    let descriptor: CInt
  }
  private let kicks = Mutex<(ports: [UInt16: [Kick]], memory: [UInt64: [Kick]])>(([:], [:]))

  /// Has writes at an address signal an eventfd.
  func add(_ event: borrowing IoEventFd) {
    let kick = Kick(size: event.size, value: event.value, descriptor: event.descriptor)
    switch event.address {
    case .port(let port): kicks.withLock { $0.ports[port, default: []].append(kick) }
    case .memory(let address): kicks.withLock { $0.memory[address, default: []].append(kick) }
    }
  }

  /// Signals the eventfd that waits for a write.
  ///
  /// - Parameter value: as a little-endian device has it.
  /// - Returns: false where none does: it is an exit.
  func signal(isPort: Bool, address: UInt64, size: UInt32, value: UInt64) -> Bool {
    let matching = kicks.withLock { kicks -> CInt? in
      let candidates = isPort ? kicks.ports[UInt16(truncatingIfNeeded: address)] : kicks.memory[address]
      return candidates?.first { $0.size == size && ($0.value == nil || $0.value == value) }?.descriptor
    }
    guard let matching else { return false }
    EventFD.signal(matching)
    return true
  }
}
