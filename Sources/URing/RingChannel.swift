import CURing
import Glibc
import Platform

/// One queue's way through a shared ring: requests of a kind that the ring knows nothing of, and their completions.
///
/// Its loop finds completions where it waits: there is no descriptor between. All calls come one at a time, from any thread.
package final class RingChannel: @unchecked Sendable {
  // The ring has its channels.
  private unowned let ring: Ring
  private let number: UInt64
  /// Prepared, and not submitted.
  @exclusivity(unchecked) private var prepared = 0
  /// Completed, and not taken. With the ring's lock held.
  var landed: [curing_completion] = []

  init(_ ring: Ring, number: UInt64) {
    self.ring = ring
    self.number = number
  }

  /// What its loop has among its sources for it (``RingPoller/add(_:for:token:)``): no descriptor, but a number below 0.
  package var source: CInt { -1 - CInt(number) }

  /// Prepares a request.
  ///
  /// - Parameters:
  ///   - tag: what its completion has, 48 bits.
  ///   - body: is given the ring and the tag to prepare it with, and says whether there was room.
  /// - Returns: whether the kernel still takes requests.
  package func prepare(tag: UInt64, _ body: (OpaquePointer, UInt64) -> Bool) -> Bool {
    let isPrepared = ring.lock.withLock { ring.prepare(client: number, tag: tag, body) }
    if isPrepared { prepared += 1 }
    return isPrepared
  }

  /// What was prepared is to be carried out: at once, or when the loop waits next, where this is its thread.
  ///
  /// - Returns: how many requests that is.
  package func submit() -> Int {
    ring.lock.withLock {
      if !ring.isWaiters { ring.handOver() }
    }
    return submitted()
  }

  private func submitted() -> Int {
    defer { prepared = 0 }
    return prepared
  }

  /// Takes what was completed; the loop has found it, or it was waited for.
  ///
  /// - Returns: how many there were.
  package func take(into completions: UnsafeMutableBufferPointer<curing_completion>) -> Int {
    ring.lock.withLock {
      let count = min(landed.count, completions.count)
      for place in 0..<count { completions[place] = landed[place] }
      if count == landed.count { landed.removeAll(keepingCapacity: true) } else { landed.removeFirst(count) }
      return count
    }
  }

  /// Submits what was prepared, and waits a moment for something to be completed: also where the loop cannot, as it waits for what
  /// the caller has.
  ///
  /// - Returns: how many requests were submitted.
  package func submitAndWait() -> Int {
    let hasLanded = ring.lock.withLock {
      ring.takeElsewhere()
      return !landed.isEmpty
    }
    if !hasLanded {
      // The loop may take it meanwhile: then nothing more comes.
      var state = pollfd(fd: curing_descriptor(ring.raw), events: Int16(POLLIN), revents: 0)
      poll(&state, 1, 1)
    }
    return submitted()
  }
}
