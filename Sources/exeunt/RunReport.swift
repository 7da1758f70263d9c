import Glibc
import GuestPrograms
import InertText
import Machine
import Platform
import Recorder

/// A run, with how long it took.
struct TimedRun {
  let summary: RunSummary
  /// From the first vCPU's start to the last one's end, and the machine's building before that, seconds.
  let seconds: Double

  /// Builds the machine and runs it.
  ///
  /// - Parameter starting: called when nothing is left that could refuse the run, before the guest runs.
  init(
    _ configuration: MachineConfiguration, _ selection: GuestSelection, _ recording: Recording?,
    starting: () throws(MachineError) -> Void
  ) throws {
    let machine = try Machine(configuration) { tscKilohertz throws(MachineError) in
      do {
        return try selection.plan(configuration, tscKilohertz: tscKilohertz)
      } catch {
        throw MachineError("\(error)")
      }
    }
    // The process ends with the run: the kernel takes everything back at once, and nobody waits for it to go piece by piece.
    _ = Unmanaged.passRetained(machine)
    for notice in machine.notices { Diagnostics.report(notice) }
    EndingSignals.block()
    let start = Clock.monotonic
    summary = try machine.run(
      limit: recording.map { recording in
        RecordingLimit(descriptor: recording.descriptor) { recording.isFull() }
      }, starting: starting)
    seconds = Double(Clock.monotonic - start) / 1e9
  }
}

/// What is told on standard error when a run is over.
struct RunReport {
  let run: TimedRun
  let report: GuestReport?
  let recorded: RecordingSummary?
  private let device: VirtioKind?

  init(_ run: TimedRun, selection: GuestSelection, recorded: RecordingSummary?) {
    self.run = run
    self.recorded = recorded
    report = run.summary.guestReport(selection)
    device = selection.virtio
  }

  func print() {
    let summary = run.summary
    if let message = summary.outcome.message { Diagnostics.report(message) }
    for warning in summary.warnings { Diagnostics.report(warning) }
    let total = summary.exits.reduce(0, +)
    var line = "\(total) userspace exits in \(decimal(run.seconds, 3)) s"
    if summary.exits.count > 1 {
      let shown = summary.exits.prefix(16).enumerated().map { "vcpu\($0.offset) \($0.element)" }
      let more = summary.exits.count - shown.count
      line += " (\(shown.joined(separator: ", "))" + (more > 0 ? " and \(more) more vCPUs)" : ")")
    }
    if summary.resets > 0 { line += ", \(summary.resets) resets" }
    if summary.sleeps > 0 { line += ", slept \(summary.sleeps) time\(summary.sleeps == 1 ? "" : "s")" }
    Diagnostics.report(line)
    if let report { Diagnostics.report("the guest reports: " + report.text(device)) }
    printLeftOutput()
    printUnclaimed()
    printRecording()
  }

  private func printLeftOutput() {
    for left in run.summary.leftOutput {
      Diagnostics.report(
        "\(left.output): \(left.bytes) bytes of \(left.source) are left out, from \(decimal(left.since, 3)) s on: the file was as large as it may be (--serial-limit), and the run went on"
      )
    }
  }

  private func printUnclaimed() {
    let summary = run.summary
    guard !summary.unclaimed.isEmpty else { return }
    let shown = summary.unclaimed.prefix(6).map { access in
      "\(access.isPort ? "port" : "memory") 0x\(String(access.address, radix: 16)) × \(access.count)"
    }
    let more = summary.unclaimed.count - shown.count
    var line = "no device claims: " + shown.joined(separator: ", ")
    if more > 0 { line += " and \(more) more addresses" }
    if summary.unclaimedElsewhere > 0 { line += "; \(summary.unclaimedElsewhere) accesses elsewhere" }
    Diagnostics.report(line)
  }

  private func printRecording() {
    guard let recorded else { return }
    if let kept = recorded.eventsRecorded, let lost = recorded.eventsLost {
      // Larger buffers help against one kind of loss only.
      let advice = lost > 0 && recorded.isComplete
      Diagnostics.report(
        "\(kept) events recorded, \(lost == 0 ? "none" : String(lost)) lost, in \(recorded.directory)"
          + (advice ? "; larger buffers (--trace-subbuf-size, --trace-subbufs) lose less" : ""))
    } else if let kept = recorded.eventsRecorded {
      Diagnostics.report("\(kept) events recorded, how many were not is not known, in \(recorded.directory)")
    } else {
      Diagnostics.report(
        "\(recorded.eventsEmitted) events emitted; how many of them are in \(recorded.directory) is not known"
      )
    }
    let leftOut = run.summary.eventsLeftOut
    if leftOut > 0 {
      Diagnostics.report(
        "\(leftOut) events are left out: the trace was as large as it may be (--trace-limit), and the run went on"
      )
    }
    for warning in recorded.warnings { Diagnostics.report(warning) }
    Diagnostics.report("see `exeunt-analyze \(InertText.shellWord(recorded.directory))`")
  }
}

extension RunSummary {
  /// What a built-in guest says of itself, if it came so far.
  func guestReport(_ selection: GuestSelection) -> GuestReport? {
    guard case .builtIn(let program, _) = selection else { return nil }
    return report.flatMap { bytes in
      bytes.withUnsafeBytes {
        try? GuestReport(decoding: $0, isBigEndian: program.architecture.isBigEndian)
      }
    }
  }
}

extension GuestReport {
  /// The counters that are not zero, in words.
  ///
  /// - Parameter device: the kind that the guest drives; nil for none.
  func text(_ device: VirtioKind?) -> String {
    let isTransfer = device?.isTransfer ?? false
    let counters: [(UInt64, String)] = [
      (iterations, "iterations"), (kicks, "kicks"), (completions, "completions"), (interrupts, "interrupts"),
      (marks, "marks"), (portAccesses, "port accesses"), (memoryAccesses, "memory-mapped accesses"),
      (diskRequests.reads, isTransfer ? "received" : "reads"),
      (diskRequests.writes, isTransfer ? "sent" : "writes"), (diskRequests.flushes, "flushes"),
    ]
    let parts = counters.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    let failed = failureText(device).map { "; FAILED: \($0)" } ?? ""
    return (parts.isEmpty ? "nothing done" : parts.joined(separator: ", ")) + failed
  }
}

/// A number with a fixed count of decimals.
func decimal(_ value: Double, _ places: Int) -> String {
  var scale = 1.0
  for _ in 0..<places { scale *= 10 }
  let scaled = UInt64((value * scale).rounded())
  let fraction = String(scaled % UInt64(scale))
  return "\(scaled / UInt64(scale))." + String(repeating: "0", count: places - fraction.count) + fraction
}

/// What `--result` writes: what the run did, as JSON, for scripts and tests.
struct RunResult: Encodable {
  struct Unclaimed: Encodable {
    let space: String
    let address: UInt64
    let count: UInt64
  }

  struct Guest: Encodable {
    let failureCode: UInt32
    let iterations, kicks, completions, interrupts, marks, portAccesses, memoryAccesses: UInt64
    let diskRequests: DiskRequests?
    /// Buffers that a guest received and sent over a network interface or console.
    let received, sent: UInt64?
    let detail: UInt64
  }

  /// What a file did not get, as it was as large as it may be.
  struct LeftOutput: Encodable {
    let output: String
    let bytes: UInt64
    /// Seconds from the run's begin on.
    let since: Double
  }

  struct Trace: Encodable {
    let directory: String
    let eventsEmitted: UInt64
    let eventsRecorded: UInt64?
    let eventsLost: UInt64?
    /// Not emitted, as the trace was as large as it may be.
    let eventsLeftOut: UInt64
    let isComplete: Bool
  }

  let version = 1
  /// As a number it may be the guest's as well as a signal's (137, 143): ``outcome`` says which.
  let exitStatus: Int32
  let outcome: String
  /// What the guest wrote to the debug exit port, where that ended the run.
  let debugExitValue: UInt32?
  /// The signal that ended the run.
  let signal: Int32?
  let seconds: Double
  let exits: [UInt64]
  let resets: Int
  let sleeps: Int
  let unclaimed: [Unclaimed]
  let leftOutput: [LeftOutput]
  let guest: Guest?
  let trace: Trace?

  init(_ run: TimedRun, selection: GuestSelection, recorded: RecordingSummary?) {
    exitStatus = run.summary.exitStatus
    outcome = run.summary.outcome.name
    debugExitValue = if case .debugExit(let value) = run.summary.outcome { value } else { nil }
    signal = if case .interrupted(let signal) = run.summary.outcome { signal } else { nil }
    seconds = run.seconds
    exits = run.summary.exits
    resets = run.summary.resets
    sleeps = run.summary.sleeps
    unclaimed = run.summary.unclaimed.map {
      Unclaimed(space: $0.isPort ? "pio" : "mmio", address: $0.address, count: $0.count)
    }
    leftOutput = run.summary.leftOutput.map {
      LeftOutput(output: $0.output, bytes: $0.bytes, since: $0.since)
    }
    let isTransfer = selection.virtio?.isTransfer ?? false
    guest = run.summary.guestReport(selection).map {
      Guest(
        failureCode: $0.failureCode, iterations: $0.iterations, kicks: $0.kicks, completions: $0.completions,
        interrupts: $0.interrupts, marks: $0.marks, portAccesses: $0.portAccesses,
        memoryAccesses: $0.memoryAccesses,
        diskRequests: $0.diskRequests.total > 0 && !isTransfer ? $0.diskRequests : nil,
        received: isTransfer ? $0.diskRequests.reads : nil, sent: isTransfer ? $0.diskRequests.writes : nil,
        detail: $0.detail)
    }
    trace = recorded.map { recorded in
      Trace(
        directory: recorded.directory, eventsEmitted: recorded.eventsEmitted,
        eventsRecorded: recorded.eventsRecorded, eventsLost: recorded.eventsLost,
        eventsLeftOut: run.summary.eventsLeftOut, isComplete: recorded.isComplete)
    }
  }
}

extension GuestSelection {
  /// The kind of virtio device that a built-in guest drives; nil for none.
  fileprivate var virtio: VirtioKind? {
    guard case .builtIn(let program, _) = self else { return nil }
    return program.requirements.virtio
  }
}

extension RunOutcome {
  /// The outcome in one word.
  fileprivate var name: String {
    switch self {
    case .poweredOff: "powered-off"
    case .debugExit: "debug-exit"
    case .rebooted: "rebooted"
    case .halted: "halted"
    case .crashed: "crashed"
    case .timedOut: "timed-out"
    case .interrupted: "interrupted"
    case .quit: "quit"
    }
  }
}
