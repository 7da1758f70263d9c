import Devices
import Platform

/// Starts, pauses, resets and ends a run: what vCPU threads, devices and the main thread agree on.
///
/// Whoever wants something calls `end` or `reset`. That interrupts every vCPU; each finds out at its next
/// `checkpoint` and waits there. When all have arrived the main thread decides: it ends them, or resets the machine
/// and lets them go on.
final class RunControl: PowerControl, @unchecked Sendable {
  /// What a vCPU's thread does after a checkpoint.
  enum Verdict {
    /// Nothing was asked: enter the guest again.
    case carryOn
    /// The machine was reset: start from the power-on state.
    case restarted
    /// The run is over.
    case end
  }

  private struct State {
    var outcome: RunOutcome?
    var pausing = false
    // Of what they are asked to pause for, a reset where this is not set. A reset outdoes a sleep.
    var suspending = false
    var ended = false
    /// Resets so far.
    var generation = 0
    var parked: Set<Int> = []
    var halted: Set<Int> = []
    var interrupt: (() -> Void)?
    // A look at whether vCPUs wait for good: what they have told; nil while nobody looks.
    var told: [Int: UInt64?]?
    var crashResets = 0

    mutating func pause() {
      pausing = true
      interrupt?()
    }
  }
  private let monitor = Monitor(State())

  private let vcpus: Int
  private let hasInterruptController: Bool
  private let onReboot: MachineConfiguration.RebootAction
  private let onCrash: MachineConfiguration.CrashAction
  /// Signalled when the main thread has something to look at.
  let attention: EventFD

  init(
    vcpus: Int, onReboot: MachineConfiguration.RebootAction,
    onCrash: MachineConfiguration.CrashAction = .exit,
    hasInterruptController: Bool = true
  ) throws(Errno) {
    self.vcpus = vcpus
    self.hasInterruptController = hasInterruptController
    self.onReboot = onReboot
    self.onCrash = onCrash
    attention = try EventFD()
  }

  /// Says how all vCPUs are interrupted, once their threads run.
  func setInterrupt(_ interrupt: @escaping () -> Void) {
    monitor.update { state in
      state.interrupt = interrupt
      // Something may have been asked for before there was anybody to interrupt.
      if state.pausing { interrupt() }
    }
  }

  /// Whether vCPUs are asked to come to a checkpoint.
  var isPausing: Bool { monitor.read { $0.pausing || $0.ended } }

  // MARK: Asking

  /// Ends the run. The first reason given is the one that counts.
  func end(_ reason: RunOutcome) {
    monitor.update { state in
      guard state.outcome == nil else { return }
      state.outcome = reason
      state.pause()
    }
    attention.signal()
  }

  func powerOff() { end(.poweredOff) }

  func suspend() {
    monitor.update { state in
      guard state.outcome == nil, !state.pausing else { return }
      state.suspending = true
      state.pause()
    }
    attention.signal()
  }

  func sleep(type: UInt8) {
    end(
      .crashed(
        "the guest went to sleep (SLP_TYP \(type)); this machine can be suspended (\\_S3, SLP_TYP 1) and switched off (\\_S5, SLP_TYP 5)"
      ))
  }

  func debugExit(value: UInt32) { end(.debugExit(value: value)) }

  func reset() {
    guard onReboot == .reset else { return end(.rebooted) }
    monitor.update { state in
      guard state.outcome == nil else { return }
      state.suspending = false
      state.pause()
    }
    attention.signal()
  }

  /// Resets the machine after a triple fault, as a PC's chipset does, where that is wanted.
  ///
  /// - Returns: false where a crash is the end.
  func resetAfterCrash() -> Bool {
    guard onCrash == .reset else { return false }
    monitor.update { $0.crashResets += 1 }
    reset()
    return true
  }

  /// How often a triple fault reset the machine, or was to.
  var crashResets: Int { monitor.read { $0.crashResets } }

  // MARK: Looking whether vCPUs wait for good

  /// Asks every vCPU where it waits, if it does so for good. They do not stop for it.
  func look() {
    monitor.update { state in
      guard state.outcome == nil, !state.pausing else { return }
      state.told = [:]
      state.interrupt?()
    }
  }

  /// Whether a vCPU is to tell where it waits.
  func isLooking(at vcpu: Int) -> Bool { monitor.read { $0.told.map { $0[vcpu] == nil } ?? false } }

  /// Tells where a vCPU waits for good; nil: it does not.
  func tell(vcpu: Int, _ position: UInt64?) {
    monitor.update { state in
      if state.told != nil { state.told?.updateValue(position, forKey: vcpu) }
    }
  }

  /// Where each vCPU waits for good, once all have told, and all do.
  var endlessWaits: [UInt64]? {
    monitor.read { state in
      guard let told = state.told else { return nil }
      let positions = (0..<vcpus).compactMap { told[$0] ?? nil }
      return positions.count == vcpus ? positions : nil
    }
  }

  /// Interrupts all vCPUs again, in case one was not in KVM_RUN yet when it was signalled.
  func interruptAgain() {
    monitor.read { if $0.pausing { $0.interrupt?() } }
  }

  // MARK: vCPU threads

  /// Where a vCPU's thread comes when KVM_RUN was interrupted. Returns at once where nothing was asked for.
  func checkpoint(vcpu: Int) -> Verdict {
    /// What is found on arrival: a verdict at once, or none yet for this generation.
    enum Arrival {
      case verdict(Verdict)
      case parked(generation: Int)
    }
    let arrival = monitor.update { state -> Arrival in
      if state.ended { return .verdict(.end) }
      guard state.pausing else { return .verdict(.carryOn) }
      state.parked.insert(vcpu)
      return .parked(generation: state.generation)
    }
    switch arrival {
    case .verdict(let verdict): return verdict
    case .parked(let generation):
      attention.signal()
      return monitor.wait { $0.ended ? .end : $0.generation != generation ? .restarted : nil }
    }
  }

  /// A vCPU halted and nothing but a reset or the end will wake it. When all have, the run ends.
  func halt(vcpu: Int) -> Verdict {
    let all = monitor.update { state in
      state.halted.insert(vcpu)
      return state.halted.count == vcpus
    }
    if all { end(.halted(hasController: hasInterruptController)) }
    monitor.wait { $0.pausing || $0.ended ? () : nil }
    return checkpoint(vcpu: vcpu)
  }

  // MARK: The main thread

  /// What the main thread has to do.
  enum Task {
    case nothing
    /// Some vCPUs have not arrived at a checkpoint yet.
    case waitForVcpus
    case reset
    case suspend
    case end(RunOutcome)
  }

  /// Looks whether all vCPUs have arrived, and what they wait for.
  func nextTask() -> Task {
    monitor.read { state in
      guard state.pausing else { return .nothing }
      guard state.parked.count == vcpus else { return .waitForVcpus }
      if let outcome = state.outcome { return .end(outcome) }
      return state.suspending ? .suspend : .reset
    }
  }

  /// How the run was asked to end, whether or not the vCPUs have arrived.
  var requestedOutcome: RunOutcome? { monitor.read { $0.outcome } }

  /// vCPUs that have not arrived at a checkpoint.
  var missing: [Int] { monitor.read { state in (0..<vcpus).filter { !state.parked.contains($0) } } }

  /// Lets the vCPUs start again after a reset, or a sleep.
  func restart() {
    monitor.update { state in
      state.halted = []
      state.suspending = false
      state.parked = []
      state.generation += 1
      // The end may have been asked for while the reset was under way.
      state.pausing = state.outcome != nil
    }
    interruptAgain()
  }

  /// Lets the vCPU threads end. They are not interrupted any more.
  func finish() {
    monitor.update { state in
      state.ended = true
      state.interrupt = nil
    }
  }
}
