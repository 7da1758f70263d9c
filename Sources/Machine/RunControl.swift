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

  private let monitor = Monitor()
  // Everything below is accessed within `monitor`.
  private var outcome: RunOutcome?
  private var pausing = false
  private var ended = false
  private var generation = 0
  private var parked: Set<Int> = []
  private var halted: Set<Int> = []
  private var interrupt: (() -> Void)?

  private let vcpus: Int
  private let onReboot: MachineConfiguration.RebootAction
  /// Signalled when the main thread has something to look at.
  let attention: EventFD

  init(vcpus: Int, onReboot: MachineConfiguration.RebootAction) throws(Errno) {
    self.vcpus = vcpus
    self.onReboot = onReboot
    attention = try EventFD()
  }

  /// Says how all vCPUs are interrupted, once their threads run.
  func setInterrupt(_ interrupt: @escaping () -> Void) {
    monitor.update {
      self.interrupt = interrupt
      // Something may have been asked for before there was anybody to interrupt.
      if pausing { interrupt() }
    }
  }

  // MARK: Asking

  /// Ends the run. The first reason given is the one that counts.
  func end(_ reason: RunOutcome) {
    monitor.update {
      guard outcome == nil else { return }
      outcome = reason
      pause()
    }
    attention.signal()
  }

  func powerOff() { end(.poweredOff) }
  func sleep(type: UInt8) {
    end(
      .crashed(
        "the guest went to sleep (SLP_TYP \(type)); this machine can only be switched off (\\_S5, SLP_TYP 5)"
      ))
  }
  func debugExit(value: UInt32) { end(.debugExit(value: value)) }

  func reset() {
    guard onReboot == .reset else { return end(.rebooted) }
    monitor.update {
      guard outcome == nil else { return }
      pause()
    }
    attention.signal()
  }

  /// Interrupts all vCPUs again, in case one was not in KVM_RUN yet when it was signalled.
  func interruptAgain() {
    monitor.update { if pausing { interrupt?() } }
  }

  private func pause() {
    pausing = true
    interrupt?()
  }

  // MARK: vCPU threads

  /// Where a vCPU's thread comes when KVM_RUN was interrupted. Returns at once where nothing was asked for.
  func checkpoint(vcpu: Int) -> Verdict {
    var arrived: Int?
    return monitor.wait { () -> Verdict? in
      if ended { return .end }
      if let arrived, generation != arrived { return .restarted }
      guard pausing else { return arrived == nil ? .carryOn : nil }
      if arrived == nil {
        arrived = generation
        parked.insert(vcpu)
        attention.signal()
      }
      return nil
    }
  }

  /// A vCPU halted and nothing but a reset or the end will wake it. When all have, the run ends.
  func halt(vcpu: Int) -> Verdict {
    let all = monitor.update { () -> Bool in
      halted.insert(vcpu)
      return halted.count == vcpus
    }
    if all { end(.halted) }
    monitor.wait { pausing || ended ? () : nil }
    return checkpoint(vcpu: vcpu)
  }

  // MARK: The main thread

  /// What the main thread has to do.
  enum Task {
    case nothing
    /// Some vCPUs have not arrived at a checkpoint yet.
    case waitForVcpus
    case reset
    case end(RunOutcome)
  }

  /// Looks whether all vCPUs have arrived, and what they wait for.
  func nextTask() -> Task {
    monitor.update {
      guard pausing else { return .nothing }
      guard parked.count == vcpus else { return .waitForVcpus }
      if let outcome { return .end(outcome) }
      return .reset
    }
  }

  /// How the run was asked to end, whether or not the vCPUs have arrived.
  var requestedOutcome: RunOutcome? { monitor.update { outcome } }

  /// vCPUs that have not arrived at a checkpoint.
  var missing: [Int] { monitor.update { (0..<vcpus).filter { !parked.contains($0) } } }

  /// Lets the vCPUs start again after a reset.
  func restart() {
    monitor.update {
      halted = []
      parked = []
      generation += 1
      // The end may have been asked for while the reset was under way.
      pausing = outcome != nil
    }
    interruptAgain()
  }

  /// Lets the vCPU threads end. They are not interrupted any more.
  func finish() {
    monitor.update {
      ended = true
      interrupt = nil
    }
  }
}
