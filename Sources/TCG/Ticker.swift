import Glibc
import Platform
import Synchronization

/// The thread that does what the kernel does beside KVM's vCPUs: waits for eventfds of interrupt lines and for timers, and takes
/// turns away.
final class Ticker: @unchecked Sendable {
  private let poller: Epoll
  private let wake: EventFD
  private struct State {
    // Token of the poller to line and descriptor; 0 is `wake`.
    var lines: [(line: UInt32, descriptor: CInt)] = []
    var deadlines: [UInt32: UInt64] = [:]
    var timers: [UInt32: @Sendable (UInt64) -> Void] = [:]
    var isStopping = false
  }
  private let state = Mutex(State())
  private var thread: DedicatedThread?
  var turns: TranslationTurns?

  init() throws(Errno) {
    poller = try Epoll()
    wake = try EventFD()
    try poller.add(wake.descriptor.raw, for: .input, token: 0)
  }

  /// Begins to wait; `pulse` is called with each line that is signalled.
  func start(_ pulse: @escaping @Sendable (UInt32) -> Void) throws(Errno) {
    thread = try DedicatedThread(name: "tcg") { [unowned self] in loop(pulse) }
  }

  /// Has it look at once what there is to do. From any thread.
  func wakeUp() { wake.signal() }

  func stop() {
    state.withLock { $0.isStopping = true }
    wake.signal()
    thread?.join()
    thread = nil
  }

  func add(_ descriptor: CInt, line: UInt32) throws(Errno) {
    let token = state.withLock { state in
      state.lines.append((line, descriptor))
      return UInt32(state.lines.count)
    }
    try poller.add(descriptor, for: .input, token: token)
  }

  func onTimer(_ vcpu: UInt32, _ body: @escaping @Sendable (UInt64) -> Void) {
    state.withLock { $0.timers[vcpu] = body }
  }

  func setTimer(_ vcpu: UInt32, at deadline: UInt64?) {
    let isSooner = state.withLock { state -> Bool in
      let first = state.deadlines.values.min() ?? .max
      state.deadlines[vcpu] = deadline
      return deadline ?? .max < first
    }
    if isSooner { wake.signal() }
  }

  private func loop(_ pulse: (UInt32) -> Void) {
    while true {
      let (isStopping, first) = state.withLock { ($0.isStopping, $0.deadlines.values.min()) }
      if isStopping { return }
      var timeout: CInt = -1
      if let first {
        // epoll_wait(2) counts milliseconds; what is left below one is waited for by asking again.
        let now = Clock.monotonic
        timeout = first <= now ? 0 : CInt(clamping: (first - now) / 1_000_000)
      }
      if turns?.isWanted == true { timeout = timeout < 0 ? 1 : min(timeout, 1) }
      // Nothing here can fail but a signal, after which the next look is as good.
      let count = (try? poller.wait(timeout: timeout)) ?? 0
      for place in 0..<count { serve(poller.ready(at: place).token, pulse) }
      turns?.takeAway()
      ring()
    }
  }

  private func serve(_ token: UInt32, _ pulse: (UInt32) -> Void) {
    guard token > 0 else {
      _ = wake.consume()
      return
    }
    let (line, descriptor) = state.withLock { $0.lines[Int(token) - 1] }
    if EventFD.consume(descriptor) > 0 { pulse(line) }
  }

  private func ring() {
    let now = Clock.monotonic
    let due = state.withLock { state in
      let due = state.deadlines.filter { $0.value <= now }
      for vcpu in due.keys { state.deadlines[vcpu] = nil }
      return due.compactMap { vcpu, deadline in state.timers[vcpu].map { ($0, deadline) } }
    }
    for (body, deadline) in due { body(deadline) }
  }
}
