import CURing
import Glibc
import Platform

/// Waits for descriptors in a ring: IORING_OP_POLL_ADD. A ``RingChannel`` is ready while something of it was completed and not
/// taken.
///
/// A poll completes once. To be level-triggered, what was told is polled anew with the system call that waits next, which finds at
/// once what is still ready; one that goes on by itself (multishot) would tell of changes alone. Looking without blocking
/// (`wait(timeout: 0)`) makes a system call only where there is something to poll anew, or the kernel has something to add.
package final class RingPoller: Poller {
  private struct Source {
    let descriptor: CInt
    let token: UInt32
    let channel: RingChannel?
    var interest: Readiness
    /// How often what is polled for has changed: polls of before are of no interest.
    var generation: UInt16 = 0
    var isPolled = false
    /// Among those that are to be polled.
    var isListed = false
  }

  /// The ring that is waited in.
  package let ring: Ring
  private var sources: [Source] = []
  private var places: [UInt32: Int] = [:]
  private var toPoll: [Int] = []
  /// Tags of polls that are to be ended.
  private var toEnd: [UInt64] = []
  private var told: [(token: UInt32, readiness: Readiness)] = []

  /// Makes an empty set with a ring of its own.
  package init() throws(Errno) { ring = try Ring() }

  package func add(_ descriptor: CInt, for interest: Readiness, token: UInt32) throws(Errno) {
    let channel = ring.lock.withLock { ring.channels.first { $0.source == descriptor } }
    guard channel != nil || fcntl(descriptor, F_GETFD) >= 0 else { throw Errno.current }
    places[token] = sources.count
    sources.append(Source(descriptor: descriptor, token: token, channel: channel, interest: interest))
    list(sources.count - 1)
  }

  package func change(
    _ descriptor: CInt, from old: Readiness, to interest: Readiness, token: UInt32
  ) throws(Errno) {
    guard let place = places[token] else { throw .noSuchFileOrDirectory }
    sources[place].interest = interest
    if sources[place].isPolled {
      toEnd.append(tag(place))
      sources[place].isPolled = false
      sources[place].generation &+= 1
    }
    list(place)
  }

  private func tag(_ place: Int) -> UInt64 {
    UInt64(sources[place].generation) << 32 | UInt64(UInt32(truncatingIfNeeded: place))
  }

  private func list(_ place: Int) {
    guard !sources[place].isListed, sources[place].channel == nil else { return }
    sources[place].isListed = true
    toPoll.append(place)
  }

  package func wait(timeout: CInt) throws(Errno) -> Int {
    told.removeAll(keepingCapacity: true)
    let end = timeout > 0 ? Clock.monotonic &+ UInt64(timeout) * 1_000_000 : 0
    var left: Int64 = timeout > 0 ? Int64(timeout) * 1_000_000 : -1
    while true {
      let (requests, blocks) = ring.lock.withLock {
        ring.waits()
        prepare()
        return (curing_publish(ring.raw), timeout != 0 && !ring.hasCompleted)
      }
      // Another thread may have had the kernel take these too: then this returns at once.
      let result =
        requests > 0 || blocks ? curing_enter(ring.raw, requests, blocks ? 1 : 0, left) : 0
      ring.lock.withLock {
        ring.take()
        tell()
      }
      if !told.isEmpty || timeout == 0 || result == -EINTR { return told.count }
      switch -result {
      case EAGAIN, EBUSY, ENOMEM: sched_yield()
      case ETIME, ..<1: break
      default: throw Errno(rawValue: -result)
      }
      guard timeout > 0 else { continue }
      left = Int64(truncatingIfNeeded: end &- Clock.monotonic)
      if left <= 0 { return 0 }
    }
  }

  package func ready(at place: Int) -> (token: UInt32, readiness: Readiness) { told[place] }

  // MARK: With the ring's lock held

  /// Prepares to be told of what is waited for, as far as there is room.
  private func prepare() {
    while let last = toEnd.last {
      guard ring.endPoll(tag: last) else { return }
      toEnd.removeLast()
    }
    while let place = toPoll.last {
      let source = sources[place]
      if !source.interest.isEmpty, !source.isPolled {
        guard
          ring.prepare(
            client: 0, tag: tag(place), { curing_poll($0, source.descriptor, source.interest.events, $1) })
        else { return }
        sources[place].isPolled = true
      }
      sources[place].isListed = false
      toPoll.removeLast()
    }
  }

  /// Says what is ready.
  private func tell() {
    for (tag, result) in ring.polls {
      let place = Int(tag & 0xffff_ffff)
      guard sources[place].isPolled, sources[place].generation == UInt16(truncatingIfNeeded: tag >> 32) else {
        continue
      }
      sources[place].isPolled = false
      if result >= 0 { told.append((sources[place].token, Readiness(events: CInt(result)))) }
      // What is no descriptor any more is never ready. Polls are cancelled when the thread that began them ends.
      if result >= 0 || result == -ECANCELED { list(place) }
    }
    ring.polls.removeAll(keepingCapacity: true)
    for source in sources where source.channel?.landed.isEmpty == false && source.interest.contains(.input) {
      if !told.contains(where: { $0.token == source.token }) { told.append((source.token, .input)) }
    }
  }
}

extension Readiness {
  /// Events of poll(2) to ask for; hang-ups are told of anyway.
  fileprivate var events: UInt32 {
    UInt32((contains(.input) ? POLLIN : 0) | (contains(.output) ? POLLOUT : 0))
  }

  fileprivate init(events: CInt) {
    self = []
    let failed = events & (POLLERR | POLLHUP | POLLNVAL) != 0
    if failed || events & POLLIN != 0 { insert(.input) }
    if failed || events & POLLOUT != 0 { insert(.output) }
    if failed { insert(.hangUp) }
  }
}
