import Glibc
import Platform

/// What the main thread waits for while the guest runs: vCPUs that want something, signals, the time limit, a tick each
/// second, and the moments at which counters are read.
final class Housekeeping {
  private let machine: Machine
  private let loop: EventLoop<Epoll, Unobserved>
  private let signals: SignalDescriptor
  private var stateWasWanted = Tracing.isEnabled
  private var recordingSource: EventLoop<Epoll, Unobserved>.SourceID?
  private var halts = HaltWatch()

  init(
    _ machine: Machine, signals: consuming SignalDescriptor, limit recording: RecordingLimit?
  ) throws(Errno) {
    self.machine = machine
    self.signals = signals
    loop = EventLoop(try Epoll(), observer: Unobserved())
    let control = machine.control
    try loop.add(control.attention.descriptor.raw, label: ()) { _, _ in _ = control.attention.consume() }
    try loop.add(self.signals.descriptor.raw, label: ()) { [unowned self] _, _ in handleSignals() }
    try loop.addTimer(nanoseconds: 1_000_000_000, repeating: true, label: ()) { [unowned self] _, _ in
      everySecond()
    }
    if let recording {
      // Once: what else is readable there is the end of the process that records, for ever.
      recordingSource = try loop.add(recording.descriptor, label: ()) { [unowned self] _, _ in
        if recording.isReached() { machine.endRecording() }
        if let recordingSource { try? loop.setInterest(of: recordingSource, to: []) }
      }
    }
    let interval = machine.configuration.statisticsInterval
    if interval > 0 {
      try loop.addTimer(nanoseconds: interval, repeating: true, label: ()) { [unowned self] _, _ in
        // Behind the limit of a recording, too: they are counted with what is left out.
        if stateWasWanted { machine.recordStatistics(.periodic) }
      }
    }
    if let limit = machine.configuration.timeLimit {
      try loop.addTimer(nanoseconds: limit, repeating: false, label: ()) { _, _ in control.end(.timedOut(""))
      }
    }
  }

  /// Waits for one of them and deals with it.
  ///
  /// - Parameter timeout: milliseconds, -1 for no limit.
  func wait(timeout: CInt) { loop.runOnce(timeout: timeout) }

  private func handleSignals() {
    while let signal = signals.next() {
      switch signal {
      case SIGTSTP: Terminal.suspend()
      case SIGCONT: Terminal.resume(wasStopped: true)
      default: machine.control.end(.interrupted(signal: signal))
      }
    }
  }

  private func everySecond() {
    // The shell's fg does not say so where the process was running in the background.
    Terminal.resume()
    // A session that has just begun to listen knows nothing of this machine yet.
    let wanted = Tracing.isEnabled || machine.isRecordingEnded
    if wanted, !stateWasWanted {
      // Events are enabled one by one, and only then does the session begin: what came sooner would not be in it.
      usleep(5000)
      // What is recorded up to here was emitted before the totals are read: the analyzer has that from this event.
      machine.dump.recordClocks()
      machine.recordState()
    }
    stateWasWanted = wanted
    if wanted { machine.dump.recordClocks() }
    let control = machine.control
    let isHalted = halts.tick(used: machine.vcpuTime, waits: { control.endlessWaits }, ask: control.look)
    if isHalted, !machine.hasUnmaskableLines { control.end(.halted()) }
  }

  /// Records the last counters and clocks, and at the very end how many events there were. The other threads have ended.
  func finish() {
    guard !machine.isRecordingEnded else { return }
    machine.dump.recordClocks()
    machine.recordStatistics(.end)
    machine.recordTotals(.end)
  }
}
