import Platform

/// Why a vCPU left guest mode, with what is needed to handle it.
///
/// The numbers and names of the reasons are those that Linux gives them (KVM_EXIT_* of linux/kvm.h): it is the vocabulary
/// of the event catalogue, whatever executes the guest. It is a plain value: handing it on costs no reference count.
public enum VcpuExit {
  /// A port was accessed.
  case port(PortAccess)
  /// Memory that is not RAM was accessed.
  case memory(MemoryAccess)
  /// The guest halted and nothing in the engine could wake it.
  case halt
  /// Somebody asked for an immediate exit, or the thread was interrupted.
  case interrupted
  /// A triple fault.
  case shutdown
  /// The processor refused to enter the guest.
  case failedEntry(hardwareReason: UInt64)
  /// The engine could not go on; `Vcpu.internalError` says more.
  case internalError
  /// The guest asked for shutdown (1), reset (2) or crash (3) through a platform interface.
  case systemEvent(type: UInt32)
  /// The guest ended a level-triggered interrupt of the VMM's I/O APIC.
  case endOfInterrupt(vector: UInt8)
  /// RAM at a guest physical address could not be reached.
  case memoryFault(MemoryFault)
  /// The guest did what locks the memory bus for every processor of the host: an atomic access to memory that is not cached, or
  /// across two cache lines.
  case busLock
  /// The guest kept the processor from taking interrupts for too long.
  ///
  /// - Parameter isContextLost: the processor could not save the guest's state, which cannot go on.
  case notify(isContextLost: Bool)
  /// Nothing is to be done, or the engine has refused what the guest asked for: the guest goes on.
  case settled(reason: UInt32)
  /// Any other reason, by its number: the guest cannot go on.
  case other(reason: UInt32)
  /// Entering the guest failed.
  case failed(Errno)

  /// A port access. Several elements come from a string instruction.
  ///
  /// The data is borrowed from the engine, and valid while the exit is handled.
  public struct PortAccess {
    /// The port.
    public let port: UInt16
    /// Bytes in an element: 1, 2 or 4.
    public let size: Int
    /// Elements, at least 1.
    public let count: Int
    /// Whether the guest writes.
    public let isWrite: Bool
    /// The elements, to be read where the guest writes and filled where it reads; `size * count` bytes.
    public let data: UnsafeMutableRawPointer

    /// Describes an access.
    @inlinable
    public init(port: UInt16, size: Int, count: Int, isWrite: Bool, data: UnsafeMutableRawPointer) {
      self.port = port
      self.size = size
      self.count = count
      self.isWrite = isWrite
      self.data = data
    }
  }

  /// An access to memory that is not RAM. The data is borrowed as above.
  public struct MemoryAccess {
    /// Guest physical address.
    public let address: UInt64
    /// Bytes: 1 to 8.
    public let size: Int
    /// Whether the guest writes.
    public let isWrite: Bool
    /// The bytes, in the order in which they would lie in memory; `size` bytes are there. Devices take them as little-endian numbers,
    /// whatever the guest's processor is.
    public let data: UnsafeMutableRawPointer

    /// Describes an access.
    @inlinable
    public init(address: UInt64, size: Int, isWrite: Bool, data: UnsafeMutableRawPointer) {
      self.address = address
      self.size = size
      self.isWrite = isWrite
      self.data = data
    }
  }

  /// What an engine tells of an internal error.
  public struct InternalError: Sendable {
    /// KVM_INTERNAL_ERROR_*: 1 is an instruction that could not be emulated.
    public let suberror: UInt32
    /// The instruction's bytes where the engine knows them, else empty.
    public let instruction: [UInt8]
    /// The engine's own data words.
    public let data: [UInt64]

    /// What an engine other than KVM says of it; nil for KVM's.
    public let message: String?

    /// Describes an error of KVM's.
    public init(suberror: UInt32, instruction: [UInt8], data: [UInt64]) {
      self.suberror = suberror
      self.instruction = instruction
      self.data = data
      message = nil
    }

    /// Describes an error of another engine's.
    public init(instruction: [UInt8], message: String) {
      suberror = 0
      self.instruction = instruction
      data = []
      self.message = message
    }
  }

  /// Where guest memory could not be reached: what is behind it on the host is gone, or was never there.
  public struct MemoryFault: Sendable, Equatable {
    /// Guest physical address of the first byte.
    public let address: UInt64
    /// Bytes; 0 where the engine does not tell.
    public let size: UInt64
    /// What the host answered.
    public let errno: Errno

    /// Describes a fault.
    public init(address: UInt64, size: UInt64, errno: Errno) {
      self.address = address
      self.size = size
      self.errno = errno
    }
  }

  /// The number of the reason.
  public var reason: UInt32 {
    switch self {
    case .port: ExitReason.io
    case .memory: ExitReason.mmio
    case .halt: ExitReason.halt
    case .interrupted: ExitReason.interrupted
    case .shutdown: ExitReason.shutdown
    case .failedEntry: ExitReason.failedEntry
    case .internalError: ExitReason.internalError
    case .systemEvent: ExitReason.systemEvent
    case .endOfInterrupt: ExitReason.endOfInterrupt
    case .memoryFault: ExitReason.memoryFault
    case .busLock: ExitReason.busLock
    case .notify: ExitReason.notify
    case .settled(let reason), .other(let reason): reason
    case .failed: ExitReason.unknown
    }
  }
}
