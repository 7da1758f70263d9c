import Platform

/// Has no request of a disk be over before a time has passed since it was submitted: as on a slower disk, whatever is behind this
/// one. Linux has that as dm-delay, and QEMU's null block driver as `latency-ns`.
///
/// What is behind carries a request out at once. It is held here until its time has come, and the next timer that a queue's
/// loop waits for is that of its first one.
package final class DelayedBackend: BlockBackend, @unchecked Sendable {
  /// Nanoseconds; 0 for none.
  package static let latencies: ClosedRange<UInt64> = 0...10_000_000_000

  /// What of one queue was carried out and is not over yet.
  private final class Channel {
    /// Stands in the loop's poller: the channel's arrival behind, and `timer`.
    let arrival: Epoll
    let timer: Timer
    /// In the order in which their times come.
    var held: [BlockJob] = []
    /// Taken from behind, and not held yet.
    var fresh: [BlockJob] = []
    /// When the timer will expire; 0 where it will not.
    var isSetTo: UInt64 = 0
    /// Whether nothing is held back any more, as somebody waits for all.
    var isReleased = false

    init(_ arrival: CInt) throws(Errno) {
      self.arrival = try Epoll()
      timer = try Timer()
      try self.arrival.add(arrival, for: .input, token: 0)
      try self.arrival.add(timer.descriptor.raw, for: .input, token: 1)
    }
  }

  private let inner: any BlockBackend
  private let latency: UInt64
  private let channels: [Channel]

  /// Wraps a backend whose arrivals are descriptors, not those of a loop's own ring.
  ///
  /// - Parameter latency: nanoseconds, one of `latencies`.
  /// - Throws: what the kernel says where there are no more descriptors.
  package init(_ inner: any BlockBackend, latency: UInt64, queues: Int) throws(Errno) {
    self.inner = inner
    self.latency = latency
    var channels: [Channel] = []
    for queue in 0..<queues { channels.append(try Channel(inner.arrival(queue: queue))) }
    self.channels = channels
  }

  package var sectors: UInt64 { inner.sectors }
  package var isReadOnly: Bool { inner.isReadOnly }
  package var blockSize: Int { inner.blockSize }
  package var alignment: DirectAlignment? { inner.alignment }
  package func start(name: String) throws(Errno) { try inner.start(name: name) }
  package func arrival(queue: Int) -> CInt { channels[queue].arrival.descriptor.raw }
  package func wake(queue: Int) { inner.wake(queue: queue) }

  package func end() {
    settle()
    inner.end()
  }

  package func submit(_ job: BlockJob) {
    job.due = Clock.monotonic + latency
    inner.submit(job)
  }

  package func endBatch(queue: Int, into jobs: inout [BlockJob]) {
    let channel = channels[queue]
    inner.endBatch(queue: queue, into: &channel.fresh)
    holdFresh(channel)
    handOut(channel, into: &jobs)
  }

  package func takeCompleted(queue: Int, into jobs: inout [BlockJob]) {
    let channel = channels[queue]
    inner.takeCompleted(queue: queue, into: &channel.fresh)
    holdFresh(channel)
    handOut(channel, into: &jobs)
  }

  /// Whoever waits for all, such as for a reset, does not wait for their times as well.
  package func settle() {
    inner.settle()
    for (queue, channel) in channels.enumerated() {
      inner.takeCompleted(queue: queue, into: &channel.fresh)
      holdFresh(channel)
      guard !channel.held.isEmpty else { continue }
      channel.isReleased = true
      inner.wake(queue: queue)
    }
  }

  /// What is submitted first is mostly done first, so that there is little to be moved.
  private func holdFresh(_ channel: Channel) {
    for job in channel.fresh {
      let place = channel.held.lastIndex { $0.due <= job.due }.map { $0 + 1 } ?? 0
      channel.held.insert(job, at: place)
    }
    channel.fresh.removeAll(keepingCapacity: true)
  }

  /// Hands out those whose time has come, and has the loop come back for the next one.
  private func handOut(_ channel: Channel, into jobs: inout [BlockJob]) {
    if channel.timer.consume() > 0 { channel.isSetTo = 0 }
    guard !channel.held.isEmpty else { return }
    let now = Clock.monotonic
    let count =
      channel.isReleased ? channel.held.count : channel.held.firstIndex { $0.due > now } ?? channel.held.count
    jobs += channel.held.prefix(count)
    channel.held.removeFirst(count)
    channel.isReleased = false
    guard let next = channel.held.first?.due, next != channel.isSetTo else { return }
    channel.isSetTo = next
    channel.timer.set(nanoseconds: next - now)
  }
}
