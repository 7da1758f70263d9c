import Board
import CLinux
import CTracepoints
import Devices
import Platform

/// What an event loop waits for; the raw values are those of `source_kind` in the event catalogue.
enum SourceKind: UInt8 {
  case kick = 0
  case timer = 1
  case serialInput = 2
  case control = 5
}

/// A thread with an event loop: waits for descriptors and runs the handler of each one that is ready.
final class IOThread: @unchecked Sendable {
  /// Something to wait for.
  struct Source {
    let kind: SourceKind
    let device: DeviceID
    let queue: UInt16
    let descriptor: CInt
    let handler: (ThreadContext) -> Void
  }

  let index: Int
  private let pollBudget: UInt32
  private let epoll: Epoll
  private let wake: EventFD
  // Filled before the thread starts, not changed afterwards.
  private var sources: [Source] = []
  /// What is counted of it.
  let thread: TracedThread

  private enum Order {
    case run
    case pause
    case end
  }
  private struct State {
    var order = Order.run
    var paused = false
  }
  private let monitor = Monitor(State())
  // The loop's own.
  private var isLastRound = false

  init(index: Int, pollBudget: UInt32) throws(Errno) {
    self.index = index
    self.pollBudget = pollBudget
    thread = TracedThread(.loop, UInt16(index))
    epoll = try Epoll()
    wake = try EventFD()
    try add(
      Source(kind: .control, device: .none, queue: 0, descriptor: wake.descriptor.raw) {
        [unowned self] _ in
        obey()
      })
  }

  /// The thread's name.
  var name: String { ThreadModel.loopThread(index) }

  /// Adds a source. Before the thread starts.
  func add(_ source: Source) throws(Errno) {
    try epoll.add(source.descriptor, token: UInt32(sources.count))
    sources.append(source)
  }

  /// Runs the loop until `end`.
  func run() {
    let capacity = 64
    let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: capacity)
    events.initialize(repeating: epoll_event())
    defer { events.deallocate() }
    let id = UInt16(index)
    var context = ThreadContext(kind: .loop, id: id)
    while true {
      var ready = poll(events, sequence: context.sequence)
      if ready == 0 {
        exeunt_trace_loop_wait(id, context.sequence, -1)
        // Fails only for a bad descriptor or buffer, which are this object's own.
        ready = (try? epoll.wait(events, timeout: -1)) ?? 0
        exeunt_trace_loop_wakeup(id, context.sequence, UInt16(truncatingIfNeeded: ready))
      }
      for index in 0..<ready {
        let source = sources[Int(events[index].data.u32)]
        exeunt_trace_handler_begin(
          id, context.sequence, source.kind.rawValue, source.device.rawValue, source.queue)
        source.handler(context)
        exeunt_trace_handler_end(
          id, context.sequence, source.kind.rawValue, source.device.rawValue, source.queue)
      }
      context.sequence &+= 1
      if isLastRound { return }
    }
  }

  /// Looks for ready descriptors without blocking for as long as the budget allows: an interrupt later is a wakeup
  /// less, at the price of a busy processor.
  private func poll(_ events: UnsafeMutableBufferPointer<epoll_event>, sequence: UInt32) -> Int {
    guard pollBudget > 0 else { return 0 }
    exeunt_trace_poll_begin(UInt16(index), sequence, pollBudget)
    let end = Clock.monotonic &+ UInt64(pollBudget)
    var ready = 0
    repeat {
      ready = (try? epoll.wait(events, timeout: 0)) ?? 0
      if ready == 0 { clinux_relax() }
    } while ready == 0 && Clock.monotonic < end
    exeunt_trace_poll_end(UInt16(index), sequence, ready > 0 ? 0 : 1)
    return ready
  }

  // MARK: Control from the main thread

  private func obey() {
    _ = wake.consume()
    // Whether the loop is paused changes only here, with the order seen: one that is resumed and paused again before it
    // woke up is still paused.
    var order = arrive()
    while order == .pause {
      monitor.wait { $0.order == .pause ? nil : () }
      order = arrive()
    }
    isLastRound = order == .end
  }

  private func arrive() -> Order {
    monitor.update { state in
      state.paused = state.order == .pause
      return state.order
    }
  }

  /// Returns when the loop is between two handlers and stays there until `resume`.
  func pause() {
    monitor.update { $0.order = .pause }
    wake.signal()
    // No handler blocks, so this is soon.
    monitor.wait { $0.paused ? () : nil }
  }

  /// Lets a paused loop go on.
  func resume() { monitor.update { $0.order = .run } }

  /// Makes the loop return after what is ready now has been handled: what was signalled before this call was ready
  /// when the loop found this order among its sources.
  func end() {
    monitor.update { $0.order = .end }
    wake.signal()
  }
}
