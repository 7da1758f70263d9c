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
  private let monitor = Monitor()
  // Everything below is accessed within `monitor`.
  private var place = Place.outside
  private var next: ScriptedExit?
  private var begun = 0
  private var finished = 0
  private var answer: [UInt8] = []
  private var mustExit = false
  private var isDeaf = false
  private var interruptions = 0
  private var registers = CPUState()
  private var powerOn = CPUState()
  private var resetCount = 0
  private var failure = VcpuExit.InternalError(suberror: 0, instruction: [], data: [])
  private var recovers = false

  init(id: UInt32) { self.id = id }

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
    let number = monitor.wait { () -> Int?? in
      if place == .ended { return .some(nil) }
      // A deaf vCPU is told what it does even where it should have left guest mode.
      guard place == .inGuest, !mustExit || isDeaf else { return nil }
      // From here on it has exited, whatever it is asked before its thread runs.
      place = .handling
      next = exit
      begun += 1
      return begun
    }
    monitor.update {}
    guard let number else { throw ScriptError("vCPU \(id) has ended") }
    return number
  }

  /// Waits until an exit was handled.
  @discardableResult
  public func finish(_ number: Int) throws -> [UInt8] {
    let answer = monitor.wait { () -> [UInt8]?? in
      if finished >= number { return self.answer }
      return place == .ended ? .some(nil) : nil
    }
    guard let answer else { throw ScriptError("vCPU \(id) has ended") }
    return answer
  }

  /// Whether an exit has been handled.
  public func hasFinished(_ number: Int) -> Bool { monitor.update { finished >= number } }

  /// Makes the vCPU stay in guest mode whatever it is asked, or hear again: as one that is just on its way into KVM_RUN.
  public func setDeaf(_ deaf: Bool) { monitor.update { isDeaf = deaf } }

  /// Waits until somebody has asked for an immediate exit.
  public func waitUntilAsked() { monitor.wait { mustExit ? () : nil } }

  /// How often the vCPU left guest mode because it was asked to.
  public var timesInterrupted: Int { monitor.update { interruptions } }
  /// How often it was put back to power-on.
  public var resets: Int { monitor.update { resetCount } }

  /// Says what `internalError` tells, and whether the vCPU recovers from it.
  public func setFailure(_ failure: VcpuExit.InternalError, recovers: Bool) {
    monitor.update {
      self.failure = failure
      self.recovers = recovers
    }
  }

  // MARK: The machine's side

  /// Runs the script.
  public func run(_ handler: some VcpuExitHandler) {
    while true {
      handler.willEnterGuest()
      monitor.update { place = .inGuest }
      let exit = monitor.wait { () -> ScriptedExit?? in
        if let exit = next {
          next = nil
          return exit
        }
        guard mustExit, !isDeaf else { return nil }
        interruptions += 1
        place = .handling
        return .some(nil)
      }
      monitor.update {}
      let (bytes, goesOn) = exit.map { $0.perform(handler) } ?? ([], handler.handle(.interrupted))
      monitor.update {
        if exit != nil {
          finished += 1
          answer = bytes
        }
        place = goesOn ? .outside : .ended
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
  public func requestImmediateExit() { monitor.update { mustExit = true } }
  /// Takes that back.
  public func clearImmediateExit() { monitor.update { mustExit = false } }

  /// What the test said.
  public func internalError() -> VcpuExit.InternalError { monitor.update { failure } }
  /// What the test said.
  public func recoverFromInternalError() -> Bool { monitor.update { recovers } }

  /// What was set last.
  public func state() throws -> CPUState { monitor.update { registers } }
  /// Notes it.
  public func setState(_ state: CPUState) throws { monitor.update { registers = state } }
  /// There is no paging.
  public func translate(linear address: UInt64) throws -> UInt64? { address }

  /// The number of exits, so that a test can tell when it was read.
  public func timeStampCounter() -> UInt64? { monitor.update { UInt64(begun) } }
  /// Nobody tells.
  public func timeStampCounterOffset() -> UInt64? { nil }

  /// Notes the registers.
  public func keepPowerOnState() throws { monitor.update { powerOn = registers } }
  /// Puts them back.
  public func reset() throws {
    monitor.update {
      registers = powerOn
      resetCount += 1
    }
  }

  /// Keeps none.
  public func counters() throws -> (any CounterSource)? { nil }
}
