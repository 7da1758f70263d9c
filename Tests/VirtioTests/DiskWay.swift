import CURing
import Glibc
import Platform
import URing

@testable import Virtio

/// A way to carry out a disk's requests: by threads, or by io_uring in rings of their own or in that of the loop.
enum DiskWay: CaseIterable, Sendable {
  case threads, ring, sharedRing

  /// Those that this host allows.
  static let usable: [DiskWay] = {
    var error: CInt = 0
    guard let ring = curing_make(1, &error) else { return [.threads] }
    curing_free(ring)
    return allCases
  }()

  /// Has a file served.
  ///
  /// - Parameters:
  ///   - requests: how many the kernel is given at once.
  ///   - threads: how many there are.
  func backend(
    _ file: consuming DiskFile, queues: Int, requests: Int = 256, threads: Int = BlockWorkers.threadCount,
    loop: DiskLoop
  ) throws(Errno) -> any BlockBackend {
    switch self {
    case .threads: try BlockWorkers(file, queues: queues, threads: threads)
    case .ring: try BlockRings(file, queues: queues, requests: requests)
    case .sharedRing:
      try BlockRings(
        file, queues: queues, shared: Array(repeating: loop.poller.ring, count: queues), requests: requests)
    }
  }
}

/// The loop that serves a disk's queues, as far as it waits.
final class DiskLoop {
  let poller: RingPoller

  init() throws(Errno) { poller = try RingPoller() }

  /// Has it wait for the completions of a backend.
  func attach(_ backend: any BlockBackend, queues: Int) throws(Errno) {
    for queue in 0..<queues {
      try poller.add(backend.arrival(queue: queue), for: .input, token: UInt32(queue))
    }
  }

  /// Queues that have something to be taken.
  ///
  /// - Parameter timeout: milliseconds that it waits for one.
  func wait(_ timeout: CInt) throws(Errno) -> Set<Int> {
    var queues: Set<Int> = []
    for place in 0..<(try poller.wait(timeout: timeout)) { queues.insert(Int(poller.ready(at: place).token)) }
    return queues
  }
}
