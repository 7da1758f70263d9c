import Platform

/// Has a backend that takes only aligned reads and writes (``BlockBackend/alignment``) serve all. What is not aligned goes by way
/// of bounce buffers, one for each such request under way; requests wait where all buffers are used, and those that are
/// longer than a buffer take several turns. Where a write ends within a block, its other bytes are read first.
///
/// All calls come one at a time, whichever their channels: under the device's lock, or when nothing is served any more.
package final class BouncingBackend: BlockBackend, @unchecked Sendable {
  /// Bytes of each buffer; more than a block.
  static let bufferSize = 128 << 10
  /// Buffers of each disk.
  static let bufferCount = 16
  /// How often what was completed is gone on with before the loop has a turn at others' work.
  private static let budget = 32

  /// A buffer, and the request that it is used for.
  private struct Chunk {
    let buffer: UnsafeMutableRawBufferPointer
    /// What is handed to the backend.
    let job: BlockJob
    var request: BlockJob?
    /// The part of the buffer that is the request's.
    var part = 0..<0
    /// Whether the block is read whose part is to be changed.
    var isFilling = false
  }

  private let inner: any BlockBackend
  private let direct: DirectAlignment
  private let memory: UnsafeMutableRawBufferPointer
  private var chunks: [Chunk] = []
  private var free: [Int] = []
  /// Requests that wait for buffers, from `firstWaiting` on.
  private var waiting: [BlockJob] = []
  private var firstWaiting = 0
  /// Where blocks have several sectors.
  private var gate: WriteGate?
  private var ready: [BlockJob] = []
  /// Completed by the backend, and not looked at yet.
  private var fresh: [BlockJob] = []
  private var taking: [BlockJob] = []
  /// Completed, by queue, and not taken yet.
  private var completed: [[BlockJob]]
  /// Queues for which the backend was given something.
  private var touched: [Bool]
  /// Jobs that the backend has.
  private var underWay = 0

  /// Wraps a backend, where it wants that.
  package static func around(_ inner: any BlockBackend, queues: Int) -> any BlockBackend {
    guard let alignment = inner.alignment else { return inner }
    return BouncingBackend(inner, alignment, queues: queues)
  }

  private init(_ inner: any BlockBackend, _ alignment: DirectAlignment, queues: Int) {
    self.inner = inner
    direct = alignment
    completed = Array(repeating: [], count: queues)
    touched = Array(repeating: false, count: queues)
    if alignment.block > Int(BlockRequest.sectorSize) { gate = WriteGate() }
    memory = .allocate(
      byteCount: BouncingBackend.bufferSize * BouncingBackend.bufferCount, alignment: DirectAlignment.maximum)
    for index in 0..<BouncingBackend.bufferCount {
      let start = index * BouncingBackend.bufferSize
      let job = BlockJob()
      job.chunk = index
      chunks.append(
        Chunk(buffer: .init(rebasing: memory[start..<start + BouncingBackend.bufferSize]), job: job))
      free.append(index)
    }
  }

  deinit { memory.deallocate() }

  package var sectors: UInt64 { inner.sectors }
  package var isReadOnly: Bool { inner.isReadOnly }
  package var blockSize: Int { inner.blockSize }
  package var alignment: DirectAlignment? { direct }
  package func start(name: String) throws(Errno) { try inner.start(name: name) }
  package func arrival(queue: Int) -> CInt { inner.arrival(queue: queue) }
  package func wake(queue: Int) { inner.wake(queue: queue) }

  package func end() {
    settle()
    inner.end()
  }

  package func submit(_ job: BlockJob) {
    if job.isBounced {
      waiting.append(job)
      return startWaiting()
    }
    guard gate != nil, let reach = reach(of: job) else { return pass(job) }
    if gate?.enter(job, reach: reach, isPart: false) == true { pass(job) }
  }

  package func endBatch(queue: Int, into jobs: inout [BlockJob]) {
    touched[queue] = true
    advance(queue, BouncingBackend.budget)
    handOut(queue, into: &jobs)
  }

  package func takeCompleted(queue: Int, into jobs: inout [BlockJob]) {
    inner.takeCompleted(queue: queue, into: &fresh)
    advance(queue, BouncingBackend.budget)
    handOut(queue, into: &jobs)
  }

  package func settle() {
    repeat {
      inner.settle()
      for queue in completed.indices { inner.takeCompleted(queue: queue, into: &fresh) }
      advance(0, .max)
    } while underWay > 0
    for queue in completed.indices where !completed[queue].isEmpty { inner.wake(queue: queue) }
  }

  // MARK: Going on

  /// Gives a queue's loop what is complete, and tells others'.
  private func handOut(_ queue: Int, into jobs: inout [BlockJob]) {
    jobs += completed[queue]
    completed[queue].removeAll(keepingCapacity: true)
    for other in completed.indices where !completed[other].isEmpty { inner.wake(queue: other) }
  }

  /// Goes on with all that the backend has completed, until it has nothing more at hand.
  ///
  /// - Parameter queue: whose loop comes back where `budget` is not enough.
  private func advance(_ queue: Int, _ budget: Int) {
    var turns = 0
    while true {
      swap(&fresh, &taking)
      for job in taking { take(job) }
      taking.removeAll(keepingCapacity: true)
      for queue in touched.indices where touched[queue] {
        touched[queue] = false
        inner.endBatch(queue: queue, into: &fresh)
      }
      if fresh.isEmpty { return }
      turns += 1
      if turns >= budget { return inner.wake(queue: queue) }
    }
  }

  private func pass(_ job: BlockJob) {
    underWay += 1
    touched[job.queue] = true
    inner.submit(job)
  }

  private func take(_ job: BlockJob) {
    underWay -= 1
    if let index = job.chunk { return takeChunk(index) }
    leaveGate(job)
    completed[job.queue].append(job)
  }

  private func leaveGate(_ job: BlockJob) {
    guard job.placeInGate != nil else { return }
    gate?.leave(job, ready: &ready)
    for job in ready {
      if let index = job.chunk { begin(index) } else { pass(job) }
    }
    ready.removeAll(keepingCapacity: true)
  }

  /// The blocks that a job changes; nil where it changes none.
  private func reach(of job: BlockJob) -> Range<UInt64>? {
    switch job.work {
    case .read, .flush: nil
    case .write, .writeThrough: job.offset..<job.offset + job.left
    case .discard, .clear, .zero:
      (job.ranges.map(\.lowerBound).min() ?? 0)..<(job.ranges.map(\.upperBound).max() ?? 0)
    }
  }

  // MARK: Bounce buffers

  private func startWaiting() {
    while firstWaiting < waiting.count, let index = free.popLast() {
      chunks[index].request = waiting[firstWaiting]
      firstWaiting += 1
      next(index)
    }
    guard firstWaiting == waiting.count else { return }
    waiting.removeAll(keepingCapacity: true)
    firstWaiting = 0
  }

  /// Begins with a request's next bytes: as many as fit in. Of a write parts of blocks come alone.
  private func next(_ index: Int) {
    guard let request = chunks[index].request else { return }
    let block = UInt64(direct.block)
    let skipped = request.offset % block
    let start = request.offset - skipped
    let room = UInt64(BouncingBackend.bufferSize)
    let count: UInt64
    let isPart: Bool
    if request.work == .read {
      count = min(request.left, room - skipped)
      isPart = false
    } else if skipped == 0, request.left >= block {
      count = min(request.left / block * block, room)
      isPart = false
    } else {
      count = min(request.left, block - skipped)
      isPart = true
    }
    let job = chunks[index].job
    job.queue = request.queue
    job.begin(at: start)
    chunks[index].part = Int(skipped)..<Int(skipped + count)
    chunks[index].isFilling = isPart
    guard request.work != .read, gate != nil else { return begin(index) }
    let reach = start..<start + (isPart ? block : count)
    if gate?.enter(job, reach: reach, isPart: isPart) == true { begin(index) }
  }

  /// Hands a chunk over, which may start now.
  private func begin(_ index: Int) {
    guard let request = chunks[index].request else { return }
    let chunk = chunks[index]
    if request.work == .read || chunk.isFilling {
      chunk.job.work = .read
    } else {
      request.gather(into: .init(rebasing: chunk.buffer[chunk.part]))
      chunk.job.work = request.work
    }
    let block = direct.block
    chunk.job.append(
      .init(rebasing: chunk.buffer[..<((chunk.part.upperBound + block - 1) / block * block)]))
    pass(chunk.job)
  }

  /// Goes on with the request whose chunk is complete.
  private func takeChunk(_ index: Int) {
    let chunk = chunks[index]
    guard let request = chunk.request else { return }
    if chunk.job.failure == nil, chunk.isFilling {
      // The block is here: now its part is changed.
      chunks[index].isFilling = false
      chunk.job.begin(at: request.offset - UInt64(chunk.part.lowerBound))
      return begin(index)
    }
    if chunk.job.failure == nil {
      if request.work == .read {
        request.scatter(from: UnsafeRawBufferPointer(rebasing: chunk.buffer[chunk.part]))
      }
      request.advance(by: chunk.part.count)
    }
    request.failure = chunk.job.failure
    // Others may start that wait for this.
    leaveGate(chunk.job)
    guard request.failure != nil || request.isDone else { return next(index) }
    chunks[index].request = nil
    free.append(index)
    completed[request.queue].append(request)
    startWaiting()
  }
}
