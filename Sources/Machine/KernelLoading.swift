import Boot
import GuestRAM
import Platform
import Synchronization

/// Copying a kernel into RAM, on a thread of its own while KVM makes vCPUs and devices: both take milliseconds.
final class KernelLoading {
  private let plan: BootPlan
  private let memory: GuestMemory
  private let failure = Failure()
  /// Nil where none could be had, and once it was joined.
  private var thread: DedicatedThread?

  /// What went wrong on the thread.
  private final class Failure: Sendable {
    let error = Mutex<BootError?>(nil)
  }

  /// Starts to copy. Until `finish` returns, nobody else touches RAM.
  ///
  /// - Returns: nil for what is no kernel.
  init?(_ image: GuestImage, into memory: GuestMemory) {
    guard case .kernel(let plan) = image.content else { return nil }
    self.plan = plan
    self.memory = memory
    thread = try? DedicatedThread(name: "loader") { [failure] in
      do throws(BootError) {
        try plan.load(into: memory)
      } catch {
        failure.error.withLock { $0 = error }
      }
    }
  }

  deinit { thread?.join() }

  /// Waits until everything is in RAM. To be called once.
  func finish() throws(BootError) {
    guard let thread else { return try plan.load(into: memory) }
    thread.join()
    self.thread = nil
    if let error = failure.error.withLock({ $0 }) { throw error }
  }
}
