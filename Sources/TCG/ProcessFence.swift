import CUnicorn
import Glibc
import Platform

/// A fence for all threads of this process (membarrier(2)). The library translates a guest's own fences, and instructions with LOCK, to nothing
/// that orders the host's accesses: of a driver that publishes a request and then looks whether to kick, and a device that asks for kicks and
/// then looks for requests, both might see the old. With a fence of this kind at the device's side one of them sees the new.
enum ProcessFence {
  /// What fences; registered once for the process.
  ///
  /// - Throws: where the kernel has none (Linux 4.14 has).
  static func make() throws -> @Sendable () -> Void {
    guard cuc_register_fence() else {
      throw TCGError("membarrier: \(String(cString: strerror(errno))): --engine tcg needs Linux 4.14")
    }
    return { cuc_fence() }
  }
}
