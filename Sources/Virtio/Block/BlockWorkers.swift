import Platform

/// Carries out a disk's requests on threads of their own, which wait in pread(2) and its kin: `aio=threads` of QEMU.
///
/// Several requests are under way at once and end in any order.
package final class BlockWorkers: BlockBackend, @unchecked Sendable {
  /// Threads of each disk: a few requests under way at once, and flushing does not hold up reading.
  package static let threadCount = 4

  private struct State {
    var waiting: [BlockJob] = []
    var running = 0
    var completed: [BlockJob] = []
    var isEnding = false
  }

  private let file: DiskFile
  private let monitor = Monitor(State())
  /// Signalled when something was completed.
  package let arrival: EventFD
  // Written before the threads start and after they have ended.
  private var threads: [DedicatedThread] = []

  /// Serves a file. No thread runs before `start`.
  package init(_ file: consuming DiskFile) throws(Errno) {
    arrival = try EventFD()
    self.file = file
  }

  package var sectors: UInt64 { file.sectors }
  package var isReadOnly: Bool { file.isReadOnly }

  /// Starts the threads.
  ///
  /// - Parameter name: of the first is this with 0 behind it.
  package func start(count: Int, name: String) throws(Errno) {
    for index in 0..<count {
      threads.append(try DedicatedThread(name: "\(name)\(index)") { [self] in work() })
    }
  }

  /// Carries out what is waiting, then ends the threads.
  package func end() {
    monitor.update { $0.isEnding = true }
    for thread in threads { thread.join() }
    threads = []
  }

  package func submit(_ job: BlockJob) -> Submission {
    monitor.update { $0.waiting.append(job) }
    return .submitted
  }

  package func takeCompleted(into jobs: inout [BlockJob]) {
    _ = arrival.consume()
    monitor.update {
      jobs += $0.completed
      $0.completed.removeAll(keepingCapacity: true)
    }
  }

  package func wake() { arrival.signal() }

  package func settle() { monitor.wait { $0.waiting.isEmpty && $0.running == 0 ? () : nil } }

  private func work() {
    while true {
      let next = monitor.update(when: { !$0.waiting.isEmpty || $0.isEnding }) { state -> BlockJob? in
        guard !state.waiting.isEmpty else { return nil }
        state.running += 1
        return state.waiting.removeFirst()
      }
      guard let job = next else { return }
      job.succeeded = file.perform(job)
      monitor.update {
        $0.running -= 1
        $0.completed.append(job)
      }
      arrival.signal()
    }
  }
}
