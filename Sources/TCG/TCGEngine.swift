import CUnicorn
import Engine
import GuestRAM

/// QEMU's translator as an engine: libunicorn, found when it is asked for. It needs no privilege and no /dev/kvm.
///
/// Instructions are executed by the library; interrupts, exceptions, local APICs and kicks are this module's, for the library has
/// none.
public final class TCGEngine: ExecutionEngine {
  /// Finds the library.
  ///
  /// - Throws: what is wrong, with the package to install.
  public init() throws(TCGLibraryError) {
    if let problem = cuc_load() { throw TCGLibraryError(problem: String(cString: problem)) }
  }

  /// The library's version, such as 2.0.1. Only where an engine could be made.
  public static var libraryVersion: String {
    let version = cuc_version()
    return [24, 16, 8].map { "\(version >> $0 & 0xff)" }.joined(separator: ".")
  }

  /// The name in messages.
  public var name: String { "TCG" }

  /// Kicks and interrupts through the same eventfds as with KVM, matched and waited for in this process.
  public var features: EngineFeatures { [.ioEventFd, .irqFd] }

  /// Refuses what is not there.
  public func check(_ requirements: MachineRequirements) throws {
    if requirements.vcpus > 64 {
      throw TCGError("--cpus \(requirements.vcpus): --engine tcg runs 64 at the most")
    }
    if requirements.tellsInstructionPointers {
      throw TCGError(
        "--trace-rip: the translator does not tell where in a block of instructions an access was; record without it, or use --engine kvm"
      )
    }
    if requirements.hasPerformanceCounters {
      throw TCGError("--pmu on: --engine tcg has no performance counters")
    }
  }

  /// Makes a machine with local APICs or without.
  public func makeMachine(
    _ requirements: MachineRequirements, memory: GuestMemory, reserved: Range<UInt64>
  ) throws -> TCGMachine {
    try TCGMachine(requirements, memory: memory)
  }
}

/// The library is not there, or not one that is known here.
public struct TCGLibraryError: Error, Sendable, CustomStringConvertible {
  /// What is wrong with it.
  public let problem: String
  /// The message, with the package to install.
  public var description: String {
    "the translator is not there: \(problem); install it (Debian: libunicorn2)"
  }
}

/// What the translator cannot do, or has refused.
public struct TCGError: Error, Sendable, CustomStringConvertible {
  /// The message.
  public let description: String

  init(_ description: String) { self.description = description }
}
