import CTracepoints
import Glibc
import Platform
import Synchronization

/// A device with two queues whose requests overlap: one queue is taken from by a loop, the other by a vCPU, and two more loops
/// complete what they find, in any order.
final class OverlappingRequests: Sendable {
  private struct Request {
    let queue: UInt16
    let id: UInt32
  }

  private struct State {
    /// As in a ring of descriptors, an id is free again when its request ended.
    var free: [[UInt32]] = [Array(0..<16), Array(0..<16)]
    var open: [Request] = []
    var left: Int
    /// Taken, but not begun yet: whoever ends requests has to wait for them.
    var taken = 0
    var failed = 0
    var random: UInt64 = 1

    mutating func below(_ bound: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(random >> 33) % bound
    }
  }

  private static let device: UInt16 = 4
  private let state: Mutex<State>

  /// - Parameter count: Requests in all.
  init(count: Int) { state = Mutex(State(left: count)) }

  /// Requests that ended with another status than 0.
  var failed: Int { state.withLock { $0.failed } }

  /// Begins and ends all requests.
  func run() throws {
    let threads = [
      try DedicatedThread(name: "take 0") { self.takeOnLoop() },
      try DedicatedThread(name: "take 1") { self.takeOnVcpu() },
      try DedicatedThread(name: "complete 1") { self.complete(loop: 1) },
      try DedicatedThread(name: "complete 2") { self.complete(loop: 2) },
    ]
    threads.forEach { $0.join() }
  }

  private func pause(upTo microseconds: Int) {
    usleep(useconds_t(state.withLock { $0.below(microseconds) }))
  }

  /// Ids of requests to begin; nil: there will be no more.
  private func take(_ queue: UInt16) -> [UInt32]? {
    state.withLock { state in
      guard state.left > 0 else { return nil }
      let count = min(1 + state.below(4), state.left, state.free[Int(queue)].count)
      state.left -= count
      state.taken += count
      let ids = Array(state.free[Int(queue)].suffix(count))
      state.free[Int(queue)].removeLast(count)
      return ids
    }
  }

  private func begin(_ kind: UInt8, _ thread: UInt16, _ seq: UInt32, _ queue: UInt16, _ ids: [UInt32]) {
    for id in ids {
      exeunt_trace_request_begin(kind, thread, seq, Self.device, queue, id, UInt8(1 + queue), 512)
      state.withLock {
        $0.taken -= 1
        $0.open.append(Request(queue: queue, id: id))
      }
    }
  }

  private func takeOnLoop() {
    var seq: UInt32 = 0
    while let ids = take(0) {
      exeunt_trace_loop_wait(0, seq, -1)
      pause(upTo: 60)
      exeunt_trace_loop_wakeup(0, seq, 1)
      exeunt_trace_handler_begin(0, seq, 0, Self.device, 0)
      begin(1, 0, seq, 0, ids)
      exeunt_trace_handler_end(0, seq, 0, Self.device, 0)
      seq += 1
    }
  }

  private func takeOnVcpu() {
    var seq: UInt32 = 0
    while let ids = take(1) {
      exeunt_trace_vcpu_run_enter(0, seq)
      pause(upTo: 60)
      exeunt_trace_vcpu_run_exit(0, seq, 6, 0xd000_0000, 4, 2, 1)
      exeunt_trace_dispatch_begin(0, 0, seq, Self.device, 0)
      begin(0, 0, seq, 1, ids)
      exeunt_trace_dispatch_end(0, 0, seq, Self.device)
      seq += 1
    }
  }

  /// Requests to end, in no order; nil: there will be no more.
  private func finished() -> [Request]? {
    state.withLock { state in
      guard state.left > 0 || state.taken > 0 || !state.open.isEmpty else { return nil }
      return (0..<min(1 + state.below(3), state.open.count)).map { _ in
        state.open.remove(at: state.below(state.open.count))
      }
    }
  }

  private func complete(loop: UInt16) {
    var seq: UInt32 = 0
    while let requests = finished() {
      exeunt_trace_loop_wait(loop, seq, -1)
      pause(upTo: 60)
      exeunt_trace_loop_wakeup(loop, seq, requests.isEmpty ? 0 : 1)
      if !requests.isEmpty {
        exeunt_trace_handler_begin(loop, seq, 5, Self.device, 0xffff)
        for request in requests { end(request, loop, seq) }
        exeunt_trace_interrupt(1, loop, seq, Self.device, 5, 0)
        exeunt_trace_handler_end(loop, seq, 5, Self.device, 0xffff)
      }
      seq += 1
    }
  }

  private func end(_ request: Request, _ loop: UInt16, _ seq: UInt32) {
    let fails = request.id % 7 == 3
    exeunt_trace_request_end(1, loop, seq, Self.device, request.queue, request.id, fails ? 1 : 0)
    state.withLock {
      if fails { $0.failed += 1 }
      $0.free[Int(request.queue)].append(request.id)
    }
  }
}
