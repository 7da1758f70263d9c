import Engine
import Platform
import ScriptedEngine
import Synchronization

@testable import Machine

/// A machine on the scripted engine, running on a thread of its own while a test says what its vCPUs do.
final class ScriptedRun {
  let engine: ScriptedEngine
  let machine: Machine
  private let result: Result
  private let thread: DedicatedThread

  /// What the machine's thread is given and leaves; it alone runs the machine.
  private final class Result: @unchecked Sendable {
    let machine: Machine
    let outcome = Mutex<Swift.Result<RunSummary, MachineError>?>(nil)

    init(_ machine: Machine) { self.machine = machine }
  }

  /// Builds a machine and starts it. A script that comes to nothing ends after half a minute.
  init(
    features: EngineFeatures = [.ioEventFd, .irqFd], _ change: (inout MachineConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = MachineConfiguration()
    configuration.serial = .none
    configuration.timeLimit = 30_000_000_000
    change(&configuration)
    let engine = ScriptedEngine(features: features)
    self.engine = engine
    let machine = try Machine(configuration, engine: engine) { _ throws(MachineError) in
      try configuration.flatPlan([0xf4])
    }
    self.machine = machine
    result = Result(machine)
    thread = try DedicatedThread(name: "main") { [result] in
      let outcome: Swift.Result<RunSummary, MachineError>
      do throws(MachineError) {
        outcome = .success(try result.machine.run())
      } catch {
        outcome = .failure(error)
      }
      result.outcome.withLock { $0 = outcome }
    }
  }

  /// The engine's side of the machine.
  var board: ScriptedMachine { engine.machine! }
  /// The vCPUs.
  var vcpus: [ScriptedVcpu] { board.vcpus }

  /// Waits for the end of the run.
  func end() throws -> RunSummary {
    thread.join()
    return try result.outcome.withLock { $0! }.get()
  }

  /// Switches the machine off through ACPI's register and waits for the end.
  func powerOff() throws -> RunSummary {
    try vcpus[0].begin(Script.powerOff)
    return try end()
  }
}

/// Exits that tests have in common (docs/guest-abi.md).
enum Script {
  static let powerOff = ScriptedExit.write(port: 0x604, size: 2, bytes: [0x00, 0x34])
  static let suspend = ScriptedExit.write(port: 0x604, size: 2, bytes: [0x00, 0x24])
  static let reset = ScriptedExit.write(port: 0x64, size: 1, bytes: [0xfe])
  /// The exit status is 2 × value + 1.
  static func debugExit(_ value: UInt8) -> ScriptedExit { .write(port: 0xf4, size: 1, bytes: [value]) }
  /// A guest that tells that it is there: reads the scratch register.
  static let look = ScriptedExit.read(port: 0x590, size: 1, count: 1)
}
