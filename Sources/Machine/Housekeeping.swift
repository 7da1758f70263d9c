import CLinux
import CTracepoints
import Glibc
import Platform

/// What the main thread waits for while the guest runs: vCPUs that want something, signals, the time limit, a tick each
/// second, and the moments at which counters are read.
final class Housekeeping {
  private enum Token: UInt32 {
    case attention
    case signal
    case tick
    case statistics
    case limit
  }

  private let machine: Machine
  private let epoll: Epoll
  private let signals: SignalDescriptor
  private let tick: Timer
  private let statistics: Timer
  private let limit: Timer
  private var stateWasWanted = Tracing.isEnabled
  private let events: UnsafeMutableBufferPointer<epoll_event>

  init(_ machine: Machine, signals: consuming SignalDescriptor) throws(Errno) {
    self.machine = machine
    epoll = try Epoll()
    tick = try Timer(nanoseconds: 1_000_000_000, repeating: true)
    // Without a limit or an interval a timer is as good as none: it would expire in decades.
    let interval = machine.configuration.statisticsInterval
    statistics = try Timer(nanoseconds: interval > 0 ? interval : .max, repeating: true)
    limit = try Timer(nanoseconds: machine.configuration.timeLimit ?? .max, repeating: false)
    events = .allocate(capacity: 8)
    events.initialize(repeating: epoll_event())
    self.signals = signals
    try epoll.add(machine.control.attention.descriptor.raw, token: Token.attention.rawValue)
    try epoll.add(self.signals.descriptor.raw, token: Token.signal.rawValue)
    try epoll.add(tick.descriptor.raw, token: Token.tick.rawValue)
    try epoll.add(statistics.descriptor.raw, token: Token.statistics.rawValue)
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
        while let signal = signals.next() {
          switch signal {
          case SIGTSTP: Terminal.suspend()
          case SIGCONT: Terminal.resume(wasStopped: true)
          default: machine.control.end(.interrupted(signal: signal))
          }
        }
      case .tick:
        _ = tick.consume()
        everySecond()
      case .statistics:
        _ = statistics.consume()
        if stateWasWanted { machine.recordStatistics(.periodic) }
      case .limit:
        _ = limit.consume()
        machine.control.end(.timedOut(""))
      case nil: break
      }
    }
  }

  private func everySecond() {
    // The shell's fg does not say so where the process was running in the background.
    Terminal.resume()
    // A session that has just begun to listen knows nothing of this machine yet.
    let wanted = Tracing.isEnabled
    if wanted, !stateWasWanted {
      // Events are enabled one by one, and only then does the session begin: what came sooner would not be in it.
      usleep(5000)
      // What is recorded up to here was emitted before the totals are read: the analyzer has that from this event.
      machine.dump.recordClocks()
      machine.recordState()
    }
    stateWasWanted = wanted
    if wanted { machine.dump.recordClocks() }
  }

  /// Records the last counters and clocks, and at the very end how many events there were. The other threads have ended.
  func finish() {
    machine.dump.recordClocks()
    machine.recordStatistics(.end)
    machine.recordTotals(.end)
  }
}
