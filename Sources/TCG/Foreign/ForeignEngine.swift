import Engine
import GuestRAM
import Processors

/// QEMU's translator as an engine for guests of other architectures than x86, by the same library as `TCGEngine`.
public final class ForeignEngine: ExecutionEngine {
  private let description: ForeignProcessor

  /// Finds the library.
  ///
  /// - Throws: what is wrong, with the package to install.
  public init(_ architecture: Architecture) throws {
    _ = try TCGEngine()
    guard let description = ForeignProcessor(architecture) else {
      throw TCGError("\(architecture.rawValue) is not one of the other architectures")
    }
    self.description = description
  }

  /// The name in messages.
  public var name: String { "TCG" }

  /// Kicks through the same eventfds as with KVM, matched in this process.
  public var features: EngineFeatures { [.ioEventFd] }

  /// Refuses what is not there.
  public func check(_ requirements: MachineRequirements) throws {
    let architecture = "--arch \(description.architecture.rawValue)"
    if requirements.vcpus > 1 {
      throw TCGError("--cpus \(requirements.vcpus): \(architecture) has one processor")
    }
    if requirements.interruptControllers != .none {
      throw TCGError("--irqchip: \(architecture) has no interrupt controllers; use --irqchip none")
    }
    if requirements.tellsInstructionPointers {
      throw TCGError(
        "--trace-rip: the translator does not tell where in a block of instructions an access was; record without it"
      )
    }
    if requirements.hasPerformanceCounters {
      throw TCGError("--pmu on: \(architecture) has no performance counters")
    }
  }

  /// Makes a machine.
  public func makeMachine(
    _ requirements: MachineRequirements, memory: GuestMemory, reserved: Range<UInt64>
  ) throws -> ForeignMachine {
    ForeignMachine(description, memory: memory)
  }
}
