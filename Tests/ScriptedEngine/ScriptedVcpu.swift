import Engine
import Platform
import Synchronization

/// A vCPU of the scripted engine: in guest mode it waits for the test to say why it exits.
public final class ScriptedVcpu: Vcpu, @unchecked Sendable {
  private enum Place {
    /// Not run yet, or on its way back into guest mode.
    case outside
    case inGuest
    /// An exit is being handled.
    case handling
    /// `run` has returned.
    case ended
  }

  /// Its number.
  public let id: UInt32
  private struct State {
    var place = Place.outside
    var next: ScriptedExit?
    var begun = 0
    var finished = 0
    var answer: [UInt8] = []
    var mustExit = false
    var isDeaf = false
    var interruptions = 0
    var registers = CPUState()
    var powerOn = CPUState()
    var resetCount = 0
    var failure = VcpuExit.InternalError(suberror: 0, instruction: [], data: [])
    var recovers = false
    var remains: [String] = []
    var endlessWait: UInt64?

    /// A deaf vCPU is told what it does even where it should have left guest mode.
    var isReachable: Bool { place == .inGuest && (!mustExit || isDeaf) }
  }
  private let monitor = Monitor(State())
  private let kept: KeptWrites

  init(id: UInt32, kept: KeptWrites) {
    self.id = id
    self.kept = kept
  }

  // MARK: The test's side

  /// Makes the vCPU exit, once it is in guest mode, and waits until that was handled.
  ///
  /// - Returns: what a read was filled with.
  @discardableResult
  public func exit(_ exit: ScriptedExit) throws -> [UInt8] {
    try finish(begin(exit))
  }

  /// Makes the vCPU exit, once it is in guest mode.
  ///
  /// - Returns: the exit's number, for `finish`.
  @discardableResult
  public func begin(_ exit: ScriptedExit) throws -> Int {
    let number = monitor.update(when: { $0.place == .ended || $0.isReachable }) { state -> Int? in
      if state.place == .ended { return nil }
      // From here on it has exited, whatever it is asked before its thread runs.
      state.place = .handling
      state.next = exit
      state.begun += 1
      return state.begun
    }
    guard let number else { throw ScriptError("vCPU \(id) has ended") }
    return number
  }

  /// Waits until an exit was handled.
  @discardableResult
  public func finish(_ number: Int) throws -> [UInt8] {
    let answer = monitor.wait { state -> [UInt8]?? in
      if state.finished >= number { return state.answer }
      return state.place == .ended ? .some(nil) : nil
    }
    guard let answer else { throw ScriptError("vCPU \(id) has ended") }
    return answer
  }

  /// Whether an exit has been handled.
  public func hasFinished(_ number: Int) -> Bool { monitor.read { $0.finished >= number } }

  /// Makes the vCPU stay in guest mode whatever it is asked, or hear again: as one that is just on its way into KVM_RUN.
  public func setDeaf(_ deaf: Bool) { monitor.update { $0.isDeaf = deaf } }

  /// Waits until somebody has asked for an immediate exit.
  public func waitUntilAsked() { monitor.wait { $0.mustExit ? () : nil } }

  /// How often the vCPU left guest mode because it was asked to.
  public var timesInterrupted: Int { monitor.read { $0.interruptions } }
  /// How often it was put back to power-on.
  public var resets: Int { monitor.read { $0.resetCount } }

  /// Says what `internalError` tells, and whether the vCPU recovers from it.
  public func setFailure(_ failure: VcpuExit.InternalError, recovers: Bool) {
    monitor.update { state in
      state.failure = failure
      state.recovers = recovers
    }
  }

  /// Says what a reset cannot put back.
  public func setRemains(_ remains: [String]) { monitor.update { $0.remains = remains } }

  /// Says where the vCPU waits for good; nil: it does not.
  public func setEndlessWait(_ position: UInt64?) { monitor.update { $0.endlessWait = position } }

  // MARK: The machine's side

  /// Runs the script.
  public func run(_ handler: some VcpuExitHandler) {
    while true {
      handler.willEnterGuest()
      monitor.update { $0.place = .inGuest }
      let exit = monitor.update(when: { $0.next != nil || $0.mustExit && !$0.isDeaf }) {
        state -> ScriptedExit? in
        if let exit = state.next {
          state.next = nil
          return exit
        }
        state.interruptions += 1
        state.place = .handling
        return nil
      }
      let (bytes, goesOn) = exit.map { $0.perform(handler) } ?? ([], handler.handle(.interrupted))
      monitor.update { state in
        if exit != nil {
          state.finished += 1
          state.answer = bytes
        }
        state.place = goesOn ? .outside : .ended
      }
      guard goesOn else { return }
    }
  }

  /// Has the handler handle the same exit again and again, with nothing in between: for counting what that costs.
  @inlinable
  public func repeatExit<Handler: VcpuExitHandler>(_ exit: VcpuExit, times: Int, _ handler: Handler) {
    for _ in 0..<times {
      handler.willEnterGuest()
      _ = handler.handle(exit)
    }
  }

  /// Makes it leave guest mode.
  public func requestImmediateExit() { monitor.update { $0.mustExit = true } }
  /// Takes that back.
  public func clearImmediateExit() { monitor.update { $0.mustExit = false } }

  /// Whether the machine has none.
  public var hasNoCoalescedWrites: Bool { kept.isEmpty }
  /// The machine's.
  public func takeCoalescedWrites(_ body: (CoalescedWrite) -> Void) -> Bool { kept.take(body) }

  /// What the test said.
  public func internalError() -> VcpuExit.InternalError { monitor.read { $0.failure } }
  /// What the test said.
  public func recoverFromInternalError() -> Bool { monitor.read { $0.recovers } }

  /// What was set last.
  public func state() throws -> CPUState { monitor.read { $0.registers } }
  /// Notes it.
  public func setState(_ state: CPUState) throws { monitor.update { $0.registers = state } }
  /// There is no paging.
  public func translate(linear address: UInt64) throws -> UInt64? { address }

  /// What the test said.
  public func positionOfEndlessWait() throws -> UInt64? { monitor.read { $0.endlessWait } }

  /// What the registers say that were set last.
  public var instructionPointer: UInt64 { monitor.read { $0.registers.rip } }

  /// The number of exits, so that a test can tell when it was read.
  public func timeStampCounter() -> UInt64? { monitor.read { UInt64($0.begun) } }
  /// Nobody tells.
  public func timeStampCounterOffset() -> UInt64? { nil }

  /// Notes the registers.
  public func keepPowerOnState() throws { monitor.update { $0.powerOn = $0.registers } }
  /// Puts them back.
  public func reset() throws -> [String] {
    monitor.update { state in
      state.registers = state.powerOn
      state.resetCount += 1
      return state.remains
    }
  }

  /// Keeps none.
  public func counters() throws -> (any CounterSource)? { nil }
}
