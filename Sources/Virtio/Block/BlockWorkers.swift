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
    // By queue.
    var completed: [[BlockJob]]
    var isEnding = false
  }

  /// An array cannot hold noncopyable eventfds.
  private final class Arrival: Sendable {
    let event: EventFD
    init() throws(Errno) { event = try EventFD() }
  }

  private let file: DiskFile
  private let threadCount: Int
  private let monitor: Monitor<State>
  /// Signalled when something was completed, by queue.
  private let arrivals: [Arrival]
  // Written before the threads start and after they have ended.
  private var threads: [DedicatedThread] = []

  /// Serves a file. No thread runs before `start`.
  package init(
    _ file: consuming DiskFile, queues: Int, threads: Int = BlockWorkers.threadCount
  ) throws(Errno) {
    var arrivals: [Arrival] = []
    for _ in 0..<queues { arrivals.append(try Arrival()) }
    self.arrivals = arrivals
    monitor = Monitor(State(completed: Array(repeating: [], count: queues)))
    threadCount = threads
    self.file = file
  }

  package var sectors: UInt64 { file.sectors }
  package var isReadOnly: Bool { file.isReadOnly }

  package func start(name: String) throws(Errno) {
    for index in 0..<threadCount {
      threads.append(try DedicatedThread(name: "\(name)-\(index)") { [self] in work() })
    }
  }

  package func end() {
    monitor.update { $0.isEnding = true }
    for thread in threads { thread.join() }
    threads = []
  }

  package func submit(_ job: BlockJob) { monitor.update { $0.waiting.append(job) } }

  package func endBatch(queue: Int, into jobs: inout [BlockJob]) {}

  package func takeCompleted(queue: Int, into jobs: inout [BlockJob]) {
    _ = arrivals[queue].event.consume()
    monitor.update {
      jobs += $0.completed[queue]
      $0.completed[queue].removeAll(keepingCapacity: true)
    }
  }

  package func arrival(queue: Int) -> CInt { arrivals[queue].event.descriptor.raw }

  package func wake(queue: Int) { arrivals[queue].event.signal() }

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
      let queue = job.queue
      monitor.update {
        $0.running -= 1
        $0.completed[queue].append(job)
      }
      arrivals[queue].event.signal()
    }
  }
}
