import CURing
import Glibc
import Platform

/// An instance of io_uring(7) that an event loop waits in (``RingPoller``), and to which queues of devices hand their requests
/// (``RingChannel``): both wait together, and one system call does for both.
///
/// Everything is done with the lock held but waiting itself, during which other threads go on handing over.
package final class Ring: @unchecked Sendable {
  /// What was prepared and not handed over; more makes a system call. A power of two.
  private static let requests: UInt32 = 512
  /// What was completed and not taken; the kernel keeps more itself. A power of two.
  private static let completions: UInt32 = 4096
  private static let batch = 64
  /// How often handing over is tried where the kernel has no memory for it.
  private static let tries = 1000
  /// Of completions that are of no interest.
  private static let nobody: UInt64 = 0xffff

  let raw: OpaquePointer
  let lock = Lock()
  // With the lock held.
  /// Polls that have completed and were not looked at: what tells them apart, and their results.
  var polls: [(tag: UInt64, result: Int32)] = []
  private(set) var channels: [RingChannel] = []
  /// The thread that waits; nil before the first time.
  private var owner: pthread_t?

  /// Makes one.
  ///
  /// - Throws: what the kernel says: EPERM or ENOSYS where io_uring is not to be had, or no such one (Linux 5.11).
  package init() throws(Errno) {
    var error: CInt = 0
    guard let ring = curing_make_shared(Ring.requests, Ring.completions, &error) else {
      throw Errno(rawValue: -error)
    }
    raw = ring
  }

  deinit { curing_free(raw) }

  /// Makes a channel, which is open as long as this is there.
  package func makeChannel() -> RingChannel {
    lock.withLock {
      let channel = RingChannel(self, number: UInt64(channels.count) + 1)
      channels.append(channel)
      return channel
    }
  }

  // MARK: With the lock held

  /// Whether nothing has to be waited for.
  var hasCompleted: Bool { !polls.isEmpty || channels.contains { !$0.landed.isEmpty } }

  /// Whether the calling thread is the one that waits, which hands over what was prepared when it does.
  var isWaiters: Bool { owner.map { pthread_equal($0, pthread_self()) != 0 } ?? false }

  /// The calling thread is the one that waits.
  func waits() { owner = pthread_self() }

  /// Prepares something; false where the kernel takes nothing any more.
  ///
  /// - Parameters:
  ///   - client: 0 for polls, or a channel's number.
  ///   - tag: the client's own, 48 bits.
  func prepare(client: UInt64, tag: UInt64, _ body: (OpaquePointer, UInt64) -> Bool) -> Bool {
    let tag = client << 48 | tag
    for _ in 0..<Ring.tries {
      if body(raw, tag) { return true }
      // There is room where the kernel has taken something.
      if !handOver() { sched_yield() }
    }
    return false
  }

  /// Ends a poll that was prepared; false where the kernel takes nothing any more.
  func endPoll(tag: UInt64) -> Bool {
    prepare(client: Ring.nobody, tag: 0) { curing_end_poll($0, tag, $1) }
  }

  /// Hands over all that was prepared, as far as the kernel takes it now; the rest with the next call, or the next wait.
  ///
  /// - Returns: whether it has taken all.
  @discardableResult
  func handOver() -> Bool {
    while true {
      let count = curing_publish(raw)
      guard count > 0 else { return true }
      let taken = curing_enter(raw, count, 0, -1)
      // Another thread may have had it take these.
      if taken < 0, taken != -EINTR { return curing_publish(raw) == 0 }
    }
  }

  /// Takes what was completed, each to whom it belongs. How much it was.
  @discardableResult
  func take() -> Int {
    var taken = 0
    withUnsafeTemporaryAllocation(of: curing_completion.self, capacity: Ring.batch) { completions in
      while true {
        let count = Int(curing_take(raw, completions.baseAddress, UInt32(Ring.batch)))
        for completion in completions.prefix(count) {
          let client = completion.tag >> 48
          if client == 0 {
            polls.append((completion.tag, completion.result))
          } else if client != Ring.nobody {
            let tag = completion.tag & 0xffff_ffff_ffff
            channels[Int(client) - 1].landed.append(.init(tag: tag, result: completion.result))
          }
        }
        taken += count
        if count < Ring.batch { return }
      }
    }
    return taken
  }

  /// Takes what was completed on a thread that is not the one that waits, which looks for it then.
  func takeElsewhere() {
    handOver()
    guard take() > 0, !isWaiters else { return }
    // It may be about to wait, and have found nothing: this is something to find.
    _ = prepare(client: Ring.nobody, tag: 0) { curing_nothing($0, $1) }
    handOver()
  }
}
