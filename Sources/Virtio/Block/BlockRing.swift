import CURing
import Glibc
import Platform
import URing

/// Has the kernel carry out a disk's requests: io_uring(7), `aio=io_uring` of QEMU. Each queue has a ring of its own, which
/// the loop that serves the queue waits for, or shares the ring in which that loop waits.
package final class BlockRings: BlockBackend, @unchecked Sendable {
  private let file: DiskFile
  private let rings: [BlockRing]
  /// Open as long as channels of theirs are used.
  private let shared: [Ring]

  /// Makes a ring for each queue.
  ///
  /// - Parameters:
  ///   - shared: the rings of the loops that serve the queues, which are used instead; none where they wait otherwise.
  ///   - requests: how many the kernel is given at once for each queue; more wait here.
  /// - Throws: what the kernel says: EPERM or ENOSYS where io_uring is not to be had.
  package init(
    _ file: consuming DiskFile, queues: Int, shared: [Ring] = [], requests: Int = 256
  ) throws(Errno) {
    var rings: [BlockRing] = []
    for queue in 0..<queues {
      let way: any RequestRing =
        shared.isEmpty ? try OwnRing(requests: requests + 1) : shared[queue].makeChannel()
      rings.append(BlockRing(way, file: file.raw, isDevice: file.isDevice, requests: requests))
    }
    self.rings = rings
    self.shared = shared
    self.file = file
  }

  package var sectors: UInt64 { file.sectors }
  package var isReadOnly: Bool { file.isReadOnly }
  package var blockSize: Int { file.blockSize }
  package var alignment: DirectAlignment? { file.alignment }
  package func start(name: String) {}
  package func end() { settle() }
  package func submit(_ job: BlockJob) { rings[job.queue].submit(job) }
  package func endBatch(queue: Int, into jobs: inout [BlockJob]) {
    rings[queue].handOver()
    // What the kernel had at hand.
    rings[queue].takeCompleted(into: &jobs)
  }
  package func takeCompleted(queue: Int, into jobs: inout [BlockJob]) {
    rings[queue].takeCompleted(into: &jobs)
  }
  package func arrival(queue: Int) -> CInt { rings[queue].arrival }
  package func wake(queue: Int) { rings[queue].wake() }
  package func settle() { for ring in rings { ring.settle() } }
}

/// One queue's requests in a ring.
private final class BlockRing {
  /// Completions taken at once.
  private static let batch = 64
  /// How often handing over is tried where the kernel has no memory for it, and nothing is under way that would give some back.
  private static let tries = 1000
  /// The tag of what only wakes the loop; those of jobs are their places, and 1.
  private static let wakeTag: UInt64 = 0

  private let ring: any RequestRing
  private let file: CInt
  private let isDevice: Bool
  // As with the device (BlockDevice), under whose lock all calls come: nothing that would have to be found out at run time.

  /// The kernel, or the device, has no command by which a ring discards blocks.
  @exclusivity(unchecked) private var lacksDiscard = false
  /// Those under way, each at its place, and the places that are free.
  @exclusivity(unchecked) private var underWay: [BlockJob?]
  @exclusivity(unchecked) private var free: [Int]
  /// Those whose turn comes when others have completed, from `firstWaiting` on.
  @exclusivity(unchecked) private var waiting: [BlockJob] = []
  @exclusivity(unchecked) private var firstWaiting = 0
  /// Prepared, and not handed over yet: places, in their order; nil for a wake-up.
  @exclusivity(unchecked) private var prepared: [Int?] = []
  @exclusivity(unchecked) private var completed: [BlockJob] = []
  @exclusivity(unchecked) private var isWaking = false
  /// The kernel takes nothing any more.
  @exclusivity(unchecked) private var isLost = false

  /// - Parameter requests: how many are under way at once; the ring has room for one more, which wakes up.
  init(_ ring: any RequestRing, file: CInt, isDevice: Bool, requests: Int) {
    self.ring = ring
    self.file = file
    self.isDevice = isDevice
    underWay = Array(repeating: nil, count: requests)
    free = Array((0..<requests).reversed())
  }

  var arrival: CInt { ring.arrival }

  func submit(_ job: BlockJob) { waiting.append(job) }

  func wake() {
    guard !isWaking, !isLost, ring.prepare(tag: BlockRing.wakeTag, { curing_nothing($0, $1) }) else { return }
    isWaking = true
    prepared.append(nil)
    push()
  }

  /// Prepares what there is room for, and hands all of it over: one system call, whatever the number.
  func handOver() {
    while firstWaiting < waiting.count, !isLost, let place = free.last {
      let job = waiting[firstWaiting]
      // As many fit in as there are places.
      guard ring.prepare(tag: UInt64(place) + 1, { prepare(job, $0, tag: $1) }) else {
        isLost = true
        break
      }
      free.removeLast()
      underWay[place] = job
      prepared.append(place)
      firstWaiting += 1
    }
    push()
    if isLost {
      for job in waiting[firstWaiting...] { fail(job) }
      firstWaiting = waiting.count
    }
    guard firstWaiting == waiting.count else { return }
    waiting.removeAll(keepingCapacity: true)
    firstWaiting = 0
  }

  private func prepare(_ job: BlockJob, _ ring: OpaquePointer, tag: UInt64) -> Bool {
    let parts = job.parts
    return switch job.work {
    case .read: curing_read(ring, file, parts.baseAddress, UInt32(parts.count), job.offset, tag)
    case .write, .writeThrough:
      curing_write(
        ring, file, parts.baseAddress, UInt32(parts.count), job.offset, job.work == .writeThrough, tag)
    case .flush: curing_synchronise(ring, file, tag)
    case .discard where isDevice && !lacksDiscard:
      curing_discard_blocks(
        ring, file, job.ranges.first?.lowerBound ?? 0, UInt64(job.ranges.first?.count ?? 0), tag)
    case .discard, .clear, .zero:
      curing_change_range(
        ring, file, job.work == .zero ? CURING_ZERO : CURING_DISCARD, job.ranges.first?.lowerBound ?? 0,
        UInt64(job.ranges.first?.count ?? 0), tag)
    }
  }

  private func push() {
    var tries = 0
    while !prepared.isEmpty {
      let taken = ring.submit()
      if taken > 0 {
        prepared.removeFirst(min(taken, prepared.count))
        continue
      }
      if taken == -Int(EINTR) { continue }
      // No memory now, or more completions to be taken than there is room for: the next completion is the time to go on.
      if taken == 0 || [EAGAIN, EBUSY, ENOMEM].contains(CInt(-taken)) {
        if free.count + prepared.count(where: { $0 != nil }) < underWay.count { return }
        tries += 1
        sched_yield()
        if tries < BlockRing.tries { continue }
      }
      isLost = true
      for place in prepared.compactMap({ $0 }) { finish(place, .ioError) }
      prepared.removeAll()
    }
  }

  func takeCompleted(into jobs: inout [BlockJob]) {
    reap()
    jobs += completed
    completed.removeAll(keepingCapacity: true)
  }

  /// Takes what the kernel has completed, and goes on with what waits for that.
  private func reap() {
    withUnsafeTemporaryAllocation(of: curing_completion.self, capacity: BlockRing.batch) { completions in
      while true {
        let count = ring.take(into: completions)
        for completion in completions.prefix(count) { take(completion) }
        if count < BlockRing.batch { break }
      }
    }
    if firstWaiting < waiting.count || !prepared.isEmpty { handOver() }
  }

  private func take(_ completion: curing_completion) {
    guard completion.tag != BlockRing.wakeTag else {
      isWaking = false
      return
    }
    let place = Int(completion.tag) - 1
    guard let job = underWay[place] else { return }
    let result = completion.result
    // Cancelled: the thread that handed it over has ended, as all do at the end of a run.
    if [-EINTR, -EAGAIN, -ECANCELED].contains(result) { return again(place) }
    if job.work == .discard, isDevice, !lacksDiscard, [-EOPNOTSUPP, -EINVAL, -ENOTTY].contains(result) {
      // A hole is the same to a device that can make one.
      lacksDiscard = true
      return again(place)
    }
    if !job.ranges.isEmpty, result == 0 || result == -EOPNOTSUPP { return changed(job, place, result) }
    guard result >= 0 else { return finish(place, Errno(rawValue: -result)) }
    guard job.work != .flush else { return finish(place, nil) }
    job.advance(by: Int(result))
    if job.isDone { return finish(place, nil) }
    // A file that others have cut has less than was asked for.
    if result == 0 { return finish(place, .ioError) }
    again(place)
  }

  /// Goes on after the first of a request's ranges.
  private func changed(_ job: BlockJob, _ place: Int, _ result: Int32) {
    if result == 0 { job.endRange() } else { job.doWithout() }
    guard job.ranges.isEmpty, job.isDone else { return again(place) }
    guard job.isDurable else { return finish(place, nil) }
    job.work = .flush
    again(place)
  }

  /// Has the rest of a request carried out.
  private func again(_ place: Int) {
    guard let job = underWay[place] else { return }
    underWay[place] = nil
    free.append(place)
    waiting.append(job)
  }

  private func finish(_ place: Int, _ failure: Errno?) {
    guard let job = underWay[place] else { return }
    underWay[place] = nil
    free.append(place)
    job.failure = failure
    completed.append(job)
  }

  private func fail(_ job: BlockJob) {
    job.failure = .ioError
    completed.append(job)
  }

  /// Waits until nothing is under way and nothing waits.
  func settle() {
    handOver()
    while free.count < underWay.count {
      // Fails only when a signal comes, or as above.
      let taken = ring.submitAndWait()
      if taken > 0 { prepared.removeFirst(min(taken, prepared.count)) }
      reap()
    }
    // The ring has nothing to be read any more, and its loop still has these to take.
    if !completed.isEmpty { wake() }
  }
}
