import Board
import CLinux
import CTracepoints
import Devices
import Glibc
import Platform
import Virtio

extension Machine {
  /// Runs the guest until it ends, or is ended.
  ///
  /// The calling thread becomes the machine's main thread: it handles SIGINT, SIGTERM, SIGHUP and the time limit, reads
  /// KVM's counters each second, and answers sessions that begin to listen.
  ///
  /// - Parameters:
  ///   - limit: tells when the trace is as large as it may be; nil: it may be of any size.
  ///   - starting: called when nothing is left that could refuse the run, before the guest runs.
  /// - Throws: `MachineError` when a thread or descriptor cannot be had, or a reset fails.
  package func run(
    limit: RecordingLimit? = nil, starting: () throws(MachineError) -> Void = {}
  ) throws(MachineError) -> RunSummary {
    do {
      try DedicatedThread.prepareInterrupts()
      // A reader of the serial port's output that goes away costs its output, not the run.
      signal(SIGPIPE, SIG_IGN)
      // Before any thread starts, so that all inherit the blocked signals. Under nohup(1) hanging up is no reason to end.
      // Where the terminal is raw, it has to be given back before job control stops this process.
      let usesTerminal = input?.isTerminal == true
      let signals = try SignalDescriptor(
        [SIGINT, SIGTERM] + (SignalDescriptor.isIgnored(SIGHUP) ? [] : [SIGHUP])
          + (usesTerminal ? [SIGTSTP, SIGCONT] : []))
      // Only now: a signal that ended this process before would leave the terminal raw.
      if usesTerminal { Terminal.makeRaw() }
      let housekeeping = try Housekeeping(self, signals: signals, limit: limit)
      mainThread.enter()
      began = Clock.monotonic
      let threads = try startThreads(starting)
      let outcome = supervise(housekeeping, threads)
      control.finish()
      // A vCPU's thread that runs an event loop as well goes on with that alone.
      if !isSingle { for thread in threads.vcpus { thread.join() } }
      input?.stop()
      for output in outputs { output.finish() }
      for loop in loops {
        loop.watch?.stop()
        loop.end()
      }
      for thread in isSingle ? threads.vcpus : threads.loops { thread.join() }
      // What the guest wrote is written, whether or not it saw it completed.
      for disk in disks.all { disk.end() }
      for port in ports { port.1.end() }
      housekeeping.finish()
      Terminal.restore()
      return summary(outcome)
    } catch let error as MachineError {
      giveUp()
      throw error
    } catch {
      giveUp()
      throw MachineError("starting the machine's threads", error)
    }
  }

  /// Nothing was run.
  private func giveUp() {
    Terminal.restore()
    for output in outputs { output.withdraw() }
    for port in ports { port.1.withdraw() }
  }

  /// Empties the files that the guest writes, of which nobody knew before whether they would be written.
  private func beginOutput() throws(MachineError) {
    for output in outputs { try output.begin() }
    for (numbered, made) in zip(configuration.numberedPorts, ports) {
      do {
        try made.1.begin()
      } catch {
        throw MachineError("\(numbered.port.peer.option): cannot be emptied", error)
      }
    }
  }

  /// Whether the vCPU's thread runs the event loop.
  private var isSingle: Bool { devices.layout.threads.isSingle }

  private struct Threads {
    var vcpus: [DedicatedThread] = []
    var loops: [DedicatedThread] = []
  }

  /// Starts all threads. The guest runs only when every thread is there and the state dump is in the trace.
  private func startThreads(_ starting: () throws(MachineError) -> Void) throws(MachineError) -> Threads {
    do {
      return try makeThreads(starting)
    } catch let error as MachineError {
      throw error
    } catch {
      throw MachineError("starting the machine's threads", error)
    }
  }

  private func makeThreads(_ starting: () throws(MachineError) -> Void) throws -> Threads {
    var threads = Threads()
    let gate = StartGate()
    let pins = configuration.pins
    for loop in loops where !isSingle {
      threads.loops.append(
        try DedicatedThread(name: loop.name) {
          pins[loop.name].map { try? DedicatedThread.pinCurrent(toCPU: $0) }
          loop.thread.enter()
          gate.arrive()
          gate.waitUntilOpen()
          loop.run()
          loop.thread.leave()
        })
    }
    for runner in vcpus {
      threads.vcpus.append(
        try DedicatedThread(name: runner.name) {
          pins[runner.name].map { try? DedicatedThread.pinCurrent(toCPU: $0) }
          runner.enterThread()
          if let loop = runner.visited { runner.during(loop) {} }
          gate.arrive()
          gate.waitUntilOpen()
          runner.run()
          if let loop = runner.visited { runner.during(loop) { loop.stay() } }
          runner.thread.leave()
        })
    }
    for (slot, disk) in zip(devices.layout.slots(of: .disk), disks.all) {
      try disk.start(name: slot.name)
    }
    try input?.start()
    let vcpuThreads = threads.vcpus
    for (runner, thread) in zip(vcpus, vcpuThreads) {
      guard let loop = runner.visited else { continue }
      try loop.watch?.start(
        name: ThreadModel.watchThread,
        first: {
          pins[ThreadModel.watchThread].map { try? DedicatedThread.pinCurrent(toCPU: $0) }
          // What it takes is taken for the loop.
          loop.thread.enterAccounting()
          loop.watchNumber = DedicatedThread.currentID
          gate.arrive()
        }, last: { loop.thread.leaveAccounting() },
        onReady: {
          runner.vcpu.requestImmediateExit()
          thread.interrupt()
        })
    }
    gate.waitForArrivals(loops.count + vcpus.count)
    try placeThreads()
    control.setInterrupt { [vcpus] in
      for runner in vcpus { runner.vcpu.requestImmediateExit() }
      for thread in vcpuThreads { thread.interrupt() }
    }
    try starting()
    try beginOutput()
    recordState()
    gate.open()
    return threads
  }

  /// Records the state dump, with what was counted until now. Nobody but the main thread emits before the first one.
  func recordState() {
    recordTotals(.start)
    dump.record(vcpus: vcpus, loops: loops, layout: devices.layout, statistics: statistics)
    recordStatistics(.start)
  }

  /// Records the counters that KVM and the host keep.
  func recordStatistics(_ moment: StatisticsMoment) {
    for item in statistics { item.record(moment) }
    // While nobody listens the files in /proc need not be read.
    guard Tracing.isEnabled else { return }
    for thread in threads { thread.recordStatistics(moment) }
  }

  /// Records how many events each thread has emitted. All are read before the first of these events is emitted, which
  /// the main thread's next reading counts.
  func recordTotals(_ moment: StatisticsMoment) {
    let totals = threads.map { ($0, $0.emitted) }
    for (thread, emitted) in totals {
      exeunt_trace_event_totals(
        thread.kind.rawValue, thread.id, moment.rawValue, UInt16(truncatingIfNeeded: totals.count), emitted)
    }
  }

  /// The main thread's loop.
  private func supervise(_ housekeeping: Housekeeping, _ threads: Threads) -> RunOutcome {
    // When vCPUs that do not react to being interrupted are given up.
    var deadline: UInt64?
    var isAsleep = false
    while true {
      switch control.nextTask() {
      case .nothing:
        housekeeping.wait(timeout: -1)
      case .waitForVcpus:
        let limit = deadline ?? Clock.monotonic + 5_000_000_000
        deadline = limit
        housekeeping.wait(timeout: 20)
        control.interruptAgain()
        if Clock.monotonic > limit, !control.missing.isEmpty { abandon() }
      case .reset:
        deadline = nil
        resets += 1
        do {
          try resetMachine()
        } catch {
          control.end(.crashed(error.description))
        }
        control.restart()
      case .suspend:
        deadline = nil
        do {
          if !isAsleep { try fallAsleep() }
          isAsleep = true
          guard let wait = try timeAsleep() else {
            try wakeUp()
            sleeps += 1
            isAsleep = false
            control.restart()
            continue
          }
          housekeeping.wait(timeout: wait)
        } catch {
          control.end(.crashed(error.description))
        }
      case .end(let outcome):
        guard case .timedOut = outcome else { return outcome }
        let limit = configuration.timeLimit.map(TimeText.seconds) ?? "its time limit"
        return .timedOut(
          "the guest was still running after \(limit):\n"
            + vcpus.map { "  " + $0.positionDescription() }.joined(separator: "\n"))
      }
    }
  }

  /// A vCPU's thread is stuck inside the kernel: nothing can be done for it but to end the process, which the kernel
  /// does in its own time.
  private func abandon() -> Never {
    let stuck = control.missing.map { "vcpu\($0)" }.joined(separator: ", ")
    let reason = control.requestedOutcome
    let text = "exeunt: \(stuck) did not leave the guest within 5 s of being interrupted; giving up\n"
    Terminal.restore()
    // Whoever should read that may not read any more.
    var output = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    if poll(&output, 1, 1000) > 0 { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }
    exit(reason?.exitStatus ?? 4)
  }

  /// The time that all vCPUs together have had a CPU, ns; nil where the host does not tell, or vCPUs that halt exit.
  var vcpuTime: UInt64? {
    guard machine.haltsInGuestMode else { return nil }
    var total: UInt64 = 0
    for runner in vcpus {
      guard let time = runner.thread.processorTime else { return nil }
      total &+= time
    }
    return total
  }

  /// Whether a line may wake a vCPU that has interrupts off.
  var hasUnmaskableLines: Bool {
    if let routes, routes.hasUnmaskableLines { return true }
    return (try? machine.hasUnmaskableLines()) ?? true
  }

  /// Where what the guest sends character by character goes.
  var outputs: [SerialOutput] { output === debugOutput ? [output] : [output, debugOutput] }

  private func name(of device: DeviceID) -> String {
    devices.layout.slots.first { $0.id == device.rawValue }?.name ?? "device \(device.rawValue)"
  }

  private var crashWarnings: [String] {
    let count = control.crashResets
    return count == 0
      ? [] : ["\(count) triple fault\(count == 1 ? "" : "s") reset the machine (--on-crash reset)"]
  }

  private func summary(_ outcome: RunOutcome) -> RunSummary {
    let unclaimed = UnclaimedAccesses.merge(vcpus.map(\.unclaimed))
    let failures = portFailures
    let leftOut = leftOutput(since: began)
    return RunSummary(
      outcome: outcome, exits: vcpus.map(\.exits), resets: resets, sleeps: sleeps,
      unclaimed: unclaimed.accesses,
      unclaimedElsewhere: unclaimed.elsewhere, report: readReport(),
      eventsEmitted: threads.reduce(0) { $0 &+ $1.emitted }, eventsLeftOut: exeunt_events_left_out(),
      warnings: warnings + crashWarnings + burden.texts + queues.texts
        + devices.devices.flatMap { device in
          ((device as? MMIOTransport)?.troubles ?? []).map { "\(name(of: device.id)): \($0)" }
        }
        + networks.flatMap { network in
          network.losses.texts.map { "\(name(of: network.id)): \($0)" }
        } + outputs.compactMap(\.complaint) + failures.map(\.text),
      lacksOutput: outputs.contains { $0.complaint != nil } || failures.contains { $0.isOutput }
        || !leftOut.isEmpty,
      leftOutput: leftOut)
  }
}

/// Holds threads back until all have started.
private final class StartGate: Sendable {
  private struct State {
    var arrived = 0
    var isOpen = false
  }
  private let monitor = Monitor(State())

  func arrive() { monitor.update { $0.arrived += 1 } }
  func waitForArrivals(_ count: Int) { monitor.wait { $0.arrived == count ? () : nil } }
  func open() { monitor.update { $0.isOpen = true } }
  func waitUntilOpen() { monitor.wait { $0.isOpen ? () : nil } }
}
