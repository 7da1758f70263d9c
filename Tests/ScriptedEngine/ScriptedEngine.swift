import Engine
import GuestRAM
import Synchronization

/// An engine without a processor: a test says why a vCPU exits, and when. What the machine asks of it is noted.
///
/// Nothing here depends on time: a vCPU waits in "guest mode" until it is told to exit, or asked for an immediate exit.
public final class ScriptedEngine: ExecutionEngine {
  /// The name in messages.
  public let name = "script"
  /// What the test says that it does by itself.
  public let features: EngineFeatures
  private let made: Mutex<ScriptedMachine?> = Mutex(nil)

  /// Makes an engine.
  public init(features: EngineFeatures = [.ioEventFd, .irqFd]) { self.features = features }

  /// The machine that was made.
  public var machine: ScriptedMachine? { made.withLock { $0 } }

  /// Refuses more than 64 vCPUs.
  public func check(_ requirements: MachineRequirements) throws {
    if requirements.vcpus > 64 { throw ScriptError("the script has no more than 64 vCPUs") }
  }

  /// Makes a machine.
  public func makeMachine(
    _ requirements: MachineRequirements, memory: GuestMemory, reserved: Range<UInt64>
  ) throws -> ScriptedMachine {
    let machine = ScriptedMachine()
    made.withLock { $0 = machine }
    return machine
  }
}

/// What a script cannot do.
public struct ScriptError: Error, CustomStringConvertible {
  /// The message.
  public let description: String

  init(_ description: String) { self.description = description }
}
