import Devices
import Glibc
import GuestRAM

/// A disk (virtio 1.2, section 5.2).
package final class BlockDevice: VirtioDevice, @unchecked Sendable {
  /// Feature bits (section 5.2.3).
  package enum Feature {
    /// VIRTIO_BLK_F_SEG_MAX.
    package static let maximumSegments: UInt64 = 1 << 2
    /// VIRTIO_BLK_F_RO.
    package static let readOnly: UInt64 = 1 << 5
    /// VIRTIO_BLK_F_FLUSH.
    package static let flush: UInt64 = 1 << 9
    /// VIRTIO_BLK_F_TOPOLOGY.
    package static let topology: UInt64 = 1 << 10
    /// VIRTIO_BLK_F_MQ.
    package static let multipleQueues: UInt64 = 1 << 12
    /// VIRTIO_BLK_F_DISCARD.
    package static let discard: UInt64 = 1 << 13
    /// VIRTIO_BLK_F_WRITE_ZEROES.
    package static let writeZeroes: UInt64 = 1 << 14
  }

  /// The most entries of each of its queues.
  package static let queueSize: UInt16 = 256
  /// The most queues.
  package static let maximumQueues = 16

  /// The number in the trace.
  package let id: DeviceID
  package let kind: UInt32 = 2
  package let features: UInt64
  package let queueSizes: [UInt16]
  private let backend: any BlockBackend
  private let cache: CacheMode
  /// What the backend wants its reads and writes to be aligned to, if not it bounces them.
  private let alignment: DirectAlignment?
  private let observer: any DeviceObserver
  private let stamps: KickStamps?
  private let identity: [UInt8]
  private let configuration: [UInt8]
  // Everything below is accessed under the device's lock. A handler calls no other, so that no two accesses overlap; to find that out
  // at run time took a third of a request's instructions.
  @exclusivity(unchecked) private var chain = DescriptorChain()
  @exclusivity(unchecked) private var free: [BlockJob] = []
  /// To be handed to the backend, all together.
  @exclusivity(unchecked) private var batch: [BlockJob] = []
  @exclusivity(unchecked) private var completed: [BlockJob] = []
  /// Queues that may hold requests for which no kick will come.
  @exclusivity(unchecked) private var unfinished: Set<Int> = []
  /// Whether the driver can say when writes have to be durable; else they are as they complete (section 5.2.6.2).
  @exclusivity(unchecked) private var flushes = false
  /// What the host did not do.
  @exclusivity(unchecked) private var failures = DiskFailures()
  /// How many requests had to be bounced.
  @exclusivity(unchecked) private var bounced: UInt64 = 0
  @exclusivity(unchecked) private var accepted: UInt64 = 0

  /// Makes a disk.
  ///
  /// - Parameters:
  ///   - queues: how many it has, each with a channel of the backend.
  ///   - cache: when what is written is durable.
  ///   - serial: its serial number, of which 20 bytes are shown.
  ///   - stamps: where its guest leaves time stamps; nil where it leaves none.
  package init(
    id: DeviceID, _ backend: any BlockBackend, queues: Int, cache: CacheMode = .writeback, serial: String,
    stamps: KickStamps? = nil, observer: any DeviceObserver
  ) {
    self.id = id
    self.backend = backend
    self.cache = cache
    alignment = backend.alignment
    self.observer = observer
    self.stamps = stamps
    queueSizes = Array(repeating: BlockDevice.queueSize, count: queues)
    features =
      Feature.maximumSegments | (cache.hasFlush ? Feature.flush : 0)
      | (backend.blockSize > Int(BlockRequest.sectorSize) ? Feature.topology : 0)
      | (backend.isReadOnly ? Feature.readOnly : Feature.discard | Feature.writeZeroes)
      | (queues > 1 ? Feature.multipleQueues : 0)
    let name = Array(serial.utf8.prefix(Int(BlockRequest.identityLength)))
    identity = name + [UInt8](repeating: 0, count: Int(BlockRequest.identityLength) - name.count)
    // Section 5.2.4: capacity, seg_max, topology, num_queues, and of what has no data how much each request may be about; the rest belongs
    // to features that are not there.
    var fields = [UInt8](repeating: 0, count: 60)
    func put(_ value: some FixedWidthInteger, at offset: Int) {
      withUnsafeBytes(of: value.littleEndian) { fields.replaceSubrange(offset..<offset + $0.count, with: $0) }
    }
    put(backend.sectors, at: 0)
    put(UInt32(BlockDevice.queueSize - 2), at: 12)
    let sectorsEachBlock = backend.blockSize / Int(BlockRequest.sectorSize)
    if sectorsEachBlock > 1 {
      // physical_block_exp, min_io_size: drivers that know keep to whole blocks, and others need not.
      put(UInt8(sectorsEachBlock.trailingZeroBitCount), at: 24)
      put(UInt16(sectorsEachBlock), at: 26)
    }
    if queues > 1 { put(UInt16(queues), at: 34) }
    if !backend.isReadOnly {
      put(BlockRequest.maximumDiscardSectors, at: 36)
      put(UInt32(BlockRequest.maximumDiscards), at: 40)
      // discard_sector_alignment, write_zeroes_may_unmap.
      put(UInt32(max(8, sectorsEachBlock)), at: 44)
      put(BlockRequest.maximumZeroSectors, at: 48)
      put(UInt32(1), at: 52)
      put(UInt8(1), at: 56)
    }
    configuration = fields
  }

  package func readConfiguration(offset: UInt32, size: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<size where Int(offset) + index < configuration.count {
      value |= UInt64(configuration[Int(offset) + index]) << (8 * UInt64(index))
    }
    return value
  }

  package func start(features: UInt64) {
    accepted = features
    flushes = features & Feature.flush != 0 || !cache.isDurable
  }

  /// One for each queue.
  package var sources: [DeviceSource] {
    queueSizes.indices.map { DeviceSource(queues: $0..<$0 + 1, arrival: backend.arrival(queue: $0)) }
  }

  package var troubles: [String] {
    guard bounced > 0, let alignment else { return failures.texts }
    return failures.texts + [
      "\(bounced) reads and writes of the guest went by way of a bounce buffer: direct I/O wants memory at multiples of "
        + "\(alignment.memory) and whole blocks of \(alignment.block) bytes"
    ]
  }

  package func settle() { backend.settle() }

  package func reset(by thread: ThreadContext) {
    backend.settle()
    for queue in queueSizes.indices { backend.takeCompleted(queue: queue, into: &completed) }
    noteCompleted(by: thread)
    // Their queues are no more: their drivers learn nothing, and who follows the trace learns that.
    for job in completed {
      observer.requestEnded(subject(of: job), status: DeviceRequest.givenUp, by: thread)
      free.append(job)
    }
    completed.removeAll(keepingCapacity: true)
    unfinished.removeAll()
    accepted = 0
    flushes = false
  }

  // MARK: Requests

  package func handle(
    _ queue: inout Virtqueue, index: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    var budget = Int(queue.maximumSize)
    unfinished.remove(index)
    repeat {
      queue.suspendKicks(memory)
      while queue.pop(into: &chain, memory) {
        // A guest that adds requests as fast as they are answered must not keep this thread from others' work.
        budget -= 1
        do {
          try begin(try BlockRequest(chain, memory), &queue, index, memory, by: thread)
        } catch {
          queue.fail(error)
        }
        guard budget > 0 else {
          unfinished.insert(index)
          endBatch(&queue, index, memory, by: thread)
          return backend.wake(queue: index)
        }
      }
    } while queue.resumeKicks(memory)
    endBatch(&queue, index, memory, by: thread)
  }

  private func endBatch(
    _ queue: inout Virtqueue, _ index: Int, _ memory: GuestMemory, by thread: ThreadContext
  ) {
    for job in batch {
      observer.backendSubmitted(
        subject(of: job), BackendWork(job), bytes: UInt32(clamping: job.bytes), by: thread)
      backend.submit(job)
    }
    batch.removeAll(keepingCapacity: true)
    backend.endBatch(queue: index, into: &completed)
    complete(&queue, memory, by: thread)
  }

  private func noteCompleted(by thread: ThreadContext) {
    for job in completed {
      let status = UInt16(clamping: job.failure?.rawValue ?? 0)
      observer.backendCompleted(subject(of: job), status: status, by: thread)
    }
  }

  /// Pushes what the backend has completed.
  private func complete(_ queue: inout Virtqueue, _ memory: GuestMemory, by thread: ThreadContext) {
    noteCompleted(by: thread)
    for job in completed {
      if let failure = job.failure { failures.add(failure, job.kind) }
      // Of a request whose queue is no more, too: its bytes are in RAM.
      if job.work == .read { job.takePieces(memory.wasFilled) }
      end(job, job.failure == nil ? .ok : .ioError, &queue, memory, by: thread)
    }
    completed.removeAll(keepingCapacity: true)
  }

  private func begin(
    _ request: BlockRequest, _ queue: inout Virtqueue, _ index: Int, _ memory: GuestMemory,
    by thread: ThreadContext
  ) throws(QueueFault) {
    let job = free.popLast() ?? BlockJob()
    job.queue = index
    job.generation = queue.generation
    job.head = chain.head
    job.id = queue.taken &- 1
    job.status = request.status
    job.length = 0
    job.kind = DeviceRequest.Kind(request.operation)
    stamps?.tell(observer, subject(of: job), head: chain.head, memory, by: thread)
    observer.requestBegan(subject(of: job), bytes: UInt32(clamping: request.length), by: thread)
    guard isAgreed(request.operation) else { return end(job, .unsupported, &queue, memory, by: thread) }
    if let refusal = request.refusal(sectors: backend.sectors, isReadOnly: backend.isReadOnly) {
      return end(job, refusal, &queue, memory, by: thread)
    }
    switch request.operation {
    case .identify:
      job.length = BlockRequest.identityLength
      let isWritten = (try? identify(request, memory)) != nil
      return end(job, isWritten ? .ok : .ioError, &queue, memory, by: thread)
    case .unsupported: return end(job, .unsupported, &queue, memory, by: thread)
    case .discard, .writeZeroes:
      let isDiscard = request.operation == .discard
      job.work = isDiscard ? .discard : request.segments[0].flags & 1 != 0 ? .clear : .zero
      let ranges = request.ranges(wholeBlocksOf: isDiscard ? UInt64(backend.blockSize) : 1)
      // What has no sectors is done already.
      guard !ranges.isEmpty else { return end(job, .ok, &queue, memory, by: thread) }
      job.begin(ranges, isDurable: !isDiscard && !flushes)
      // Parts of blocks can only be written.
      let part = UInt64(backend.blockSize - 1)
      if !isDiscard, (ranges[0].lowerBound | ranges[0].upperBound) & part != 0 { job.doWithout() }
      return add(job)
    case .flush:
      guard cache.isDurable else { return end(job, .ok, &queue, memory, by: thread) }
      job.work = .flush
    case .read:
      job.work = .read
      job.length = request.length
    case .write: job.work = flushes ? .write : .writeThrough
    }
    // The request's check says that the disk has them, so that this does not overflow.
    job.begin(at: request.operation == .flush ? 0 : request.sector * BlockRequest.sectorSize)
    do {
      try request.data(chain) { (address, count) throws(GuestMemoryError) in
        job.append(try memory.hostBytes(at: address, count: count))
      }
    } catch {
      return end(job, .ioError, &queue, memory, by: thread)
    }
    add(job)
  }

  private func add(_ job: BlockJob) {
    if let alignment, !job.isAligned(to: alignment) {
      job.isBounced = true
      bounced += 1
    }
    batch.append(job)
  }

  /// Whether the driver may ask for it.
  private func isAgreed(_ operation: BlockRequest.Operation) -> Bool {
    switch operation {
    case .discard: accepted & Feature.discard != 0
    case .writeZeroes: accepted & Feature.writeZeroes != 0
    case .read, .write, .flush, .identify, .unsupported: true
    }
  }

  private func identify(_ request: BlockRequest, _ memory: GuestMemory) throws(GuestMemoryError) {
    var place = 0
    try request.data(chain) { (address, count) throws(GuestMemoryError) in
      let part = identity[place..<min(place + count, identity.count)]
      try memory.write(Array(part), at: address)
      place += part.count
    }
  }

  package func collect(
    source index: Int, _ queues: inout [Virtqueue], memory: GuestMemory, by thread: ThreadContext
  ) {
    backend.takeCompleted(queue: index, into: &completed)
    complete(&queues[index], memory, by: thread)
    if unfinished.contains(index) { handle(&queues[index], index: index, memory: memory, by: thread) }
  }

  /// Completes a request, where its queue is still the one that it came from.
  private func end(
    _ job: BlockJob, _ status: BlockRequest.Status, _ queue: inout Virtqueue, _ memory: GuestMemory,
    by thread: ThreadContext
  ) {
    let isPushed = queue.canComplete(job.generation)
    if isPushed {
      // The place was in RAM when the chain was read, and RAM stays.
      try? memory.write(status.rawValue, at: job.status, .little)
      let data = status == .ok ? job.length : 0
      queue.push(head: job.head, written: UInt32(clamping: data + 1), memory)
    }
    observer.requestEnded(
      subject(of: job), status: isPushed ? status.rawValue : DeviceRequest.givenUp, by: thread)
    free.append(job)
  }

  private func subject(of job: BlockJob) -> DeviceRequest {
    DeviceRequest(device: id, queue: UInt16(job.queue), id: job.id, kind: job.kind)
  }
}

extension DeviceRequest.Kind {
  fileprivate init(_ operation: BlockRequest.Operation) {
    self =
      switch operation {
      case .read: .read
      case .write: .write
      case .flush: .flush
      case .identify, .unsupported, .discard, .writeZeroes: .other
      }
  }
}

extension BackendWork {
  fileprivate init(_ job: BlockJob) {
    self =
      switch job.work {
      case .read: job.isBounced ? .bouncedRead : .read
      case .write: job.isBounced ? .bouncedWrite : .write
      case .writeThrough: job.isBounced ? .bouncedDurableWrite : .durableWrite
      case .flush: .flush
      case .discard: .discard
      case .clear, .zero: .zero
      }
  }
}
