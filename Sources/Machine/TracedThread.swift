import CTracepoints
import Devices
import Platform
import Synchronization

/// A thread that emits events: how many it has emitted, and what the host knows of it.
///
/// Both are read by the main thread while the thread runs, and by itself when it ends, as nobody can afterwards.
final class TracedThread: Sendable {
  /// Which of the machine's threads it is.
  let kind: ThreadContext.Kind
  /// Its number among those.
  let id: UInt16

  private struct State: @unchecked Sendable {
    var number: UInt32 = 0
    // Points into the thread's own storage, which is there from `enter` to `leave`.
    var counter: UnsafePointer<UInt64>?
    // What the counter has beside this one's events: another's that share the thread.
    var others: UInt64 = 0
    // Opened before the guest runs, whether or not anybody records now: a session that begins to listen later must not
    // have this process open files.
    var accounting: ThreadAccounting?
    var lastEmitted: UInt64 = 0
    var lastSample: ThreadAccounting.Sample?

    var emitted: UInt64 { counter.map { exeunt_emitted($0) &- others } ?? lastEmitted }
  }
  private let state = Mutex(State())

  init(_ kind: ThreadContext.Kind, _ id: UInt16) {
    self.kind = kind
    self.id = id
  }

  /// The thread's number as the kernel knows it, once it has started.
  var number: UInt32 { state.withLock { $0.number } }

  /// How many events the thread has emitted so far.
  var emitted: UInt64 {
    state.withLock { $0.emitted }
  }

  /// Whether the thread emits nothing just now.
  var isQuiet: Bool {
    state.withLock { state in state.counter.map { exeunt_emission_is_quiet($0) != 0 } ?? true }
  }

  /// Nanoseconds that it has had a CPU; nil before it begins, and where the host does not tell.
  var processorTime: UInt64? { state.withLock { $0.accounting }?.processorTime }

  /// To be called first on the thread itself.
  func enter() {
    let counter = UnsafePointer<UInt64>(exeunt_emitted_counter()!)
    let number = DedicatedThread.currentID
    // By each thread for itself, as this takes some 20 us.
    let accounting = ThreadAccounting(thread: number)
    state.withLock { state in
      state.number = number
      state.counter = counter
      state.accounting = accounting
    }
  }

  /// To be called on the thread itself, which has entered as another one: what it emits from now on is this one's events. The
  /// host knows one thread of the two, and nothing of this one alone.
  func takeOver(from other: TracedThread) {
    let counter = UnsafePointer<UInt64>(exeunt_emitted_counter()!)
    let number = other.state.withLock { state in
      state.lastEmitted = state.emitted
      state.counter = nil
      return state.number
    }
    state.withLock { state in
      state.number = number
      state.others = exeunt_emitted(counter) &- state.lastEmitted
      state.counter = counter
    }
  }

  /// To be called on a thread that works for this one, which has none of its own: what the host knows of that is told as this
  /// one's.
  func enterAccounting() {
    let accounting = ThreadAccounting(thread: DedicatedThread.currentID)
    state.withLock { $0.accounting = accounting }
  }

  /// To be called last on that thread.
  func leaveAccounting() {
    state.withLock { state in
      if Tracing.isEnabled { state.lastSample = state.accounting?.sample() }
    }
  }

  /// To be called last on the thread itself, when it emits nothing any more.
  func leave() {
    state.withLock { state in
      state.lastEmitted = state.emitted
      state.counter = nil
      // Of no use to anybody unless somebody records it, and it takes tens of microseconds.
      if Tracing.isEnabled { state.lastSample = state.accounting?.sample() }
    }
  }

  /// Records what the host knows of the thread now, or when it ended, as `thread_stats`.
  func recordStatistics(_ moment: StatisticsMoment) {
    let last = state.withLock { state in state.lastSample ?? state.accounting?.sample() }
    guard let sample = last else { return }
    var known: UInt8 = 0
    func value(_ value: UInt64?, bit: UInt8) -> UInt64 {
      if value != nil { known |= 1 << bit }
      return value ?? 0
    }
    let running = value(sample.running, bit: 0)
    let waiting = value(sample.waiting, bit: 1)
    let voluntary = value(sample.voluntarySwitches, bit: 2)
    let involuntary = value(sample.involuntarySwitches, bit: 3)
    guard known != 0 else { return }
    exeunt_trace_thread_stats(
      kind.rawValue, id, moment.rawValue, known, running, waiting, voluntary, involuntary)
  }
}

/// Why counters are read; the raw values are those of `stats_moment` in the event catalogue.
enum StatisticsMoment: UInt8 {
  /// Together with the state dump.
  case start = 0
  /// Because `--stats-interval` has passed.
  case periodic = 1
  /// The run is over, or nothing of it is recorded any more.
  case end = 2
  /// In place of the end's totals: the trace is as large as it may be, and the run goes on.
  case limit = 3
}
