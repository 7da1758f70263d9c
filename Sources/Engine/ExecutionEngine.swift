import GuestRAM

/// What executes guests: the seam below the machine. Memory, devices, threads and events are the machine's; instructions,
/// registers and interrupt delivery are the engine's.
///
/// Errors are the engine's own; their text says which request failed and why.
public protocol ExecutionEngine {
  /// The machines that it makes.
  associatedtype Machine: VirtualMachine

  /// The name in messages, such as `KVM`.
  var name: String { get }
  /// What it does by itself on this host, beyond running guests.
  var features: EngineFeatures { get }
  /// Refuses what it cannot do on this host, with what is missing and what to do.
  func check(_ requirements: MachineRequirements) throws
  /// Makes a machine without vCPUs.
  ///
  /// - Parameters:
  ///   - requirements: what `check` was asked.
  ///   - memory: becomes the guest's physical memory. The caller keeps it as long as the machine lives.
  ///   - reserved: guest physical addresses, whole pages, where nothing else is: the engine's to use.
  func makeMachine(
    _ requirements: MachineRequirements, memory: GuestMemory, reserved: Range<UInt64>
  ) throws -> Machine
}

/// What an engine does by itself, so that the vCPU need not exit for it.
public struct EngineFeatures: OptionSet, Sendable {
  /// The bits.
  public let rawValue: UInt8

  /// Makes a set from its bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Writes of the guest become signals of eventfds: `VirtualMachine.assign(_: IoEventFd)`.
  public static let ioEventFd = EngineFeatures(rawValue: 1)
  /// Signals of eventfds become interrupts: `VirtualMachine.assign(_: IrqFd)`.
  public static let irqFd = EngineFeatures(rawValue: 2)
  /// Writes of the guest are kept for later: `VirtualMachine.coalesce`.
  public static let coalescedWrites = EngineFeatures(rawValue: 4)
}

/// What a machine asks of its engine.
public struct MachineRequirements: Sendable {
  /// The interrupt controllers that the engine has, and not the machine.
  public enum InterruptControllers: Sendable {
    /// Two 8259s, an I/O APIC, an 8254 timer if the engine has one, and a local APIC for each vCPU.
    case all
    /// Local APICs only: the machine's I/O APIC sends them messages.
    case local
    /// None: a vCPU that halts exits.
    case none
  }

  /// Virtual CPUs, 1 or more.
  public var vcpus: Int
  /// The engine's interrupt controllers.
  public var interruptControllers: InterruptControllers
  /// Whether interrupts are sent by `VirtualMachine.signal`.
  public var signalsMessages: Bool

  /// Whether the guest may count what its processors do.
  public var hasPerformanceCounters = false

  /// Whether `Vcpu.instructionPointer` is asked for at exits.
  public var tellsInstructionPointers = false

  /// Whether `VirtualMachine.coalesce` is called.
  public var coalescesWrites = false

  /// Describes a machine.
  public init(vcpus: Int, interruptControllers: InterruptControllers, signalsMessages: Bool) {
    self.vcpus = vcpus
    self.interruptControllers = interruptControllers
    self.signalsMessages = signalsMessages
  }
}
