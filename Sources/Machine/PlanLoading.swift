import Boot
import GuestRAM
import Platform
import Synchronization

/// Copying what is run into RAM, on a thread of its own while KVM makes vCPUs and devices: with a kernel both take
/// milliseconds.
final class PlanLoading {
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
  init(_ plan: BootPlan, into memory: GuestMemory) {
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
