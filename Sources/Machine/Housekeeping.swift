import CLinux
import CTracepoints
import Glibc
import Platform

/// What the main thread waits for while the guest runs: vCPUs that want something, signals, the time limit, and a tick
/// each second.
final class Housekeeping {
  private enum Token: UInt32 {
    case attention
    case signal
    case tick
    case limit
  }

  private let machine: Machine
  private let epoll: Epoll
  private let signals: SignalDescriptor
  private let tick: Timer
  private let limit: Timer
  private var stateWasWanted = exeunt_state_dump_wanted() != 0
  private let events: UnsafeMutableBufferPointer<epoll_event>

  init(_ machine: Machine, signals: consuming SignalDescriptor) throws(Errno) {
    self.machine = machine
    epoll = try Epoll()
    tick = try Timer(seconds: 1, repeating: true)
    // Without a time limit the timer is as good as none: it would expire in decades.
    limit = try Timer(seconds: machine.configuration.timeout ?? .greatestFiniteMagnitude, repeating: false)
    events = .allocate(capacity: 8)
    events.initialize(repeating: epoll_event())
    self.signals = signals
    try epoll.add(machine.control.attention.descriptor.raw, token: Token.attention.rawValue)
    try epoll.add(self.signals.descriptor.raw, token: Token.signal.rawValue)
    try epoll.add(tick.descriptor.raw, token: Token.tick.rawValue)
    try epoll.add(limit.descriptor.raw, token: Token.limit.rawValue)
  }

  deinit { events.deallocate() }

  /// Waits for one of them and deals with it.
  ///
  /// - Parameter timeout: milliseconds, -1 for no limit.
  func wait(timeout: CInt) {
    let ready = (try? epoll.wait(events, timeout: timeout)) ?? 0
    for index in 0..<ready {
      switch Token(rawValue: events[index].data.u32) {
      case .attention: _ = machine.control.attention.consume()
      case .signal:
        while let signal = signals.next() { machine.control.end(.interrupted(signal: signal)) }
      case .tick:
        _ = tick.consume()
        everySecond()
      case .limit:
        _ = limit.consume()
        machine.control.end(.timedOut(""))
      case nil: break
      }
    }
  }

  private func everySecond() {
    // A session that has just begun to listen knows nothing of this machine yet.
    let wanted = exeunt_state_dump_wanted() != 0
    if wanted, !stateWasWanted { machine.recordState() }
    stateWasWanted = wanted
    guard wanted else { return }
    machine.dump.recordClocks()
    for item in machine.statistics { item.record(.periodic) }
  }

  /// Records the last counters and clocks.
  func finish() {
    machine.dump.recordClocks()
    for item in machine.statistics { item.record(.end) }
  }
}
