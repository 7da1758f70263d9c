import Platform

/// Carries out a disk's requests on threads of their own, which wait in pread(2) and its kin: `aio=threads` of QEMU.
///
/// Several requests are under way at once and end in any order. A batch wakes as many threads as it has requests, if so many
/// sleep, and a channel's loop is told once of what it has not taken.
package final class BlockWorkers: BlockBackend, @unchecked Sendable {
  /// Threads of each disk: a few requests under way at once, and flushing does not hold up reading.
  package static let threadCount = 4

  private struct State {
    var waiting: [BlockJob] = []
    var running = 0
    // Threads that sleep; and those that were woken, until they have the lock.
    var sleeping = 0
    // By queue.
    var completed: [[BlockJob]]
    var isEnding = false
    var isAtRest: Bool { waiting.isEmpty && running == 0 }
  }

  /// An array cannot hold noncopyable eventfds.
  private final class Arrival: Sendable {
    let event: EventFD
    init() throws(Errno) { event = try EventFD() }
  }

  private let file: DiskFile
  private let threadCount: Int
  private let lock = Lock()
  private let hasWork = Condition()
  private let isAtRest = Condition()
  // Accessed with the lock held.
  private var state: State
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
    state = State(completed: Array(repeating: [], count: queues))
    threadCount = threads
    self.file = file
  }

  package var sectors: UInt64 { file.sectors }
  package var isReadOnly: Bool { file.isReadOnly }
  package var blockSize: Int { file.blockSize }
  package var alignment: DirectAlignment? { file.alignment }

  package func start(name: String) throws(Errno) {
    for index in 0..<threadCount {
      threads.append(try DedicatedThread(name: "\(name)-\(index)") { [self] in work() })
    }
  }

  package func end() {
    lock.withLock {
      state.isEnding = true
      hasWork.wakeAll()
    }
    for thread in threads { thread.join() }
    threads = []
  }

  package func submit(_ job: BlockJob) { lock.withLock { state.waiting.append(job) } }

  package func endBatch(queue: Int, into jobs: inout [BlockJob]) {
    // Woken without the lock, which is the first thing that they want.
    let wanted = lock.withLock { min(state.waiting.count, state.sleeping) }
    for _ in 0..<wanted { hasWork.wakeOne() }
  }

  package func takeCompleted(queue: Int, into jobs: inout [BlockJob]) {
    // Before the jobs are taken: what is completed in between is taken now, and looked for once more in vain.
    _ = arrivals[queue].event.consume()
    lock.withLock {
      jobs += state.completed[queue]
      state.completed[queue].removeAll(keepingCapacity: true)
    }
  }

  package func arrival(queue: Int) -> CInt { arrivals[queue].event.descriptor.raw }

  package func wake(queue: Int) { arrivals[queue].event.signal() }

  package func settle() {
    lock.withLock {
      while !state.isAtRest { isAtRest.wait(lock) }
    }
  }

  private func work() {
    while let job = nextJob() {
      job.failure = file.perform(job)
      // Before it is complete: then its device may have it be about something else.
      let queue = job.queue
      if complete(job) { arrivals[queue].event.signal() }
    }
  }

  /// Waits for a job; nil when there will be none.
  private func nextJob() -> BlockJob? {
    lock.withLock {
      while state.waiting.isEmpty {
        if state.isEnding { return nil }
        state.sleeping += 1
        hasWork.wait(lock)
        state.sleeping -= 1
      }
      state.running += 1
      return state.waiting.removeFirst()
    }
  }

  /// Says whether the channel's loop must be told: it knows of jobs that it has not taken.
  private func complete(_ job: BlockJob) -> Bool {
    lock.withLock {
      state.running -= 1
      if state.isAtRest { isAtRest.wakeAll() }
      state.completed[job.queue].append(job)
      return state.completed[job.queue].count == 1
    }
  }
}
