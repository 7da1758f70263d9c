import Glibc
import Platform

/// What a guest does that holds up processors of the host that are not its own, and how it is bounded: beyond a thousand times a
/// second, all vCPUs together, the vCPU waits before it goes on.
///
/// KVM tells of it where it can (KVM_CAP_X86_BUS_LOCK_EXIT, KVM_CAP_X86_NOTIFY_VMEXIT). A thousand a second is the most that Linux
/// lets its own programs do (split_lock_detect=ratelimit).
final class HostBurden: Sendable {
  /// What it is.
  enum Kind: CaseIterable {
    /// The memory bus was locked.
    case busLock
    /// A processor could take no interrupts for too long.
    case notify
  }

  private struct State {
    var counts: [Kind: UInt64] = [:]
    /// When the next one is due, nanoseconds.
    var due: UInt64 = 0
    /// What vCPUs were made to wait, nanoseconds.
    var waited: UInt64 = 0
  }
  private let monitor = Monitor(State())

  /// Nanoseconds between two.
  private static let interval: UInt64 = 1_000_000
  /// As many may come at once: those of a tenth of a second.
  private static let burst: UInt64 = 100 * interval

  /// Counts one, and says how long its vCPU has to wait, nanoseconds.
  ///
  /// - Parameter now: nanoseconds from some moment on.
  func wait(for kind: Kind, now: UInt64) -> UInt64 {
    monitor.update { state in
      state.counts[kind, default: 0] += 1
      // What was not used is there as a burst, and no more of it.
      state.due = max(state.due, now) + HostBurden.interval
      let wait = state.due - now
      guard wait > HostBurden.burst else { return 0 }
      state.waited += wait - HostBurden.burst
      return wait - HostBurden.burst
    }
  }

  /// Counts one, and waits as long as has to be. A signal ends the wait: whoever sent it wants the vCPU.
  func bear(_ kind: Kind) {
    let nanoseconds = wait(for: kind, now: Clock.monotonic)
    guard nanoseconds > 0 else { return }
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    nanosleep(&time, nil)
  }

  /// What a user is told at the end; empty where there was nothing.
  var texts: [String] {
    monitor.read { state in
      let held =
        state.waited == 0
        ? ""
        : "; beyond 1000 a second its vCPUs were held back, \(TimeText.seconds(state.waited / 1_000_000 * 1_000_000)) in all"
      return Kind.allCases.compactMap { kind in
        guard let count = state.counts[kind] else { return nil }
        return switch kind {
        case .busLock:
          "the guest locked the memory bus \(count) times (atomic accesses across cache lines), which holds up all "
            + "processors of the host\(held)"
        case .notify:
          "the guest kept a processor from taking interrupts \(count) times (KVM_EXIT_NOTIFY)\(held)"
        }
      }
    }
  }
}
