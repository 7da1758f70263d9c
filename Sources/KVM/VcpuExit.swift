import CKVM
import Platform

/// Why KVM_RUN returned, with what is needed to handle it.
///
/// The payload is borrowed from the vCPU's shared page: it is valid until the next `run()` of the same vCPU.
public enum VcpuExit {
  /// A port was accessed: KVM_EXIT_IO.
  case port(PortAccess)
  /// Memory that is not RAM was accessed: KVM_EXIT_MMIO.
  case memory(MemoryAccess)
  /// The guest halted and no interrupt controller in the kernel could wake it: KVM_EXIT_HLT.
  case halt
  /// A signal, or an immediate exit that was asked for: EINTR.
  case interrupted
  /// A triple fault: KVM_EXIT_SHUTDOWN.
  case shutdown
  /// The processor refused to enter the guest: KVM_EXIT_FAIL_ENTRY.
  case failedEntry(hardwareReason: UInt64)
  /// KVM could not go on: KVM_EXIT_INTERNAL_ERROR.
  case internalError(InternalError)
  /// The guest asked for shutdown, reset or crash through a platform interface: KVM_EXIT_SYSTEM_EVENT.
  case systemEvent(type: UInt32)
  /// The guest ended a level-triggered interrupt of the VMM's I/O APIC: KVM_EXIT_IOAPIC_EOI.
  case endOfInterrupt(vector: UInt8)
  /// Any other reason, by its number.
  case other(reason: UInt32)
  /// KVM_RUN itself failed.
  case failed(Errno)

  /// A port access. Several elements come from a string instruction.
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
  }

  /// An access to memory that is not RAM.
  public struct MemoryAccess {
    /// Guest physical address.
    public let address: UInt64
    /// Bytes: 1 to 8.
    public let size: Int
    /// Whether the guest writes.
    public let isWrite: Bool
    /// The bytes, little-endian as the guest's processor is; 8 bytes are there.
    public let data: UnsafeMutableRawPointer
  }

  /// What KVM tells of an internal error.
  public struct InternalError: Sendable {
    /// KVM_INTERNAL_ERROR_*: 1 is an instruction that could not be emulated.
    public let suberror: UInt32
    /// The instruction's bytes where KVM knows them, else empty.
    public let instruction: [UInt8]
    /// KVM's own data words.
    public let data: [UInt64]
  }

  @inline(__always)
  init(page: UnsafeMutablePointer<kvm_run>, mappingSize: Int) {
    switch Int32(bitPattern: page.pointee.exit_reason) {
    case KVM_EXIT_IO:
      let io = page.pointee.io
      let bytes = Int(io.size) &* Int(io.count)
      // The kernel places the data behind kvm_run, inside the mapping; a kernel that does not is not used.
      guard io.data_offset <= UInt64(mappingSize), bytes <= mappingSize &- Int(io.data_offset), bytes > 0
      else {
        self = .other(reason: UInt32(KVM_EXIT_IO))
        return
      }
      self = .port(
        PortAccess(
          port: io.port, size: Int(io.size), count: Int(io.count),
          isWrite: Int32(io.direction) == KVM_EXIT_IO_OUT,
          data: UnsafeMutableRawPointer(page) + Int(io.data_offset)))
    case KVM_EXIT_MMIO:
      let size = Int(page.pointee.mmio.len)
      guard size >= 1, size <= 8 else {
        self = .other(reason: UInt32(KVM_EXIT_MMIO))
        return
      }
      self = .memory(
        MemoryAccess(
          address: page.pointee.mmio.phys_addr, size: size, isWrite: page.pointee.mmio.is_write != 0,
          data: UnsafeMutableRawPointer(page) + Int(CKVM_RUN_MMIO_DATA_OFFSET)))
    default:
      self = VcpuExit.rare(page: page)
    }
  }

  private static func rare(page: UnsafeMutablePointer<kvm_run>) -> VcpuExit {
    let reason = page.pointee.exit_reason
    switch Int32(bitPattern: reason) {
    case KVM_EXIT_HLT: return .halt
    case KVM_EXIT_INTR: return .interrupted
    case KVM_EXIT_SHUTDOWN: return .shutdown
    case KVM_EXIT_FAIL_ENTRY:
      return .failedEntry(hardwareReason: page.pointee.fail_entry.hardware_entry_failure_reason)
    case KVM_EXIT_INTERNAL_ERROR: return .internalError(InternalError(page: page))
    case KVM_EXIT_SYSTEM_EVENT: return .systemEvent(type: page.pointee.system_event.type)
    case KVM_EXIT_IOAPIC_EOI: return .endOfInterrupt(vector: page.pointee.eoi.vector)
    default: return .other(reason: reason)
    }
  }

  /// The kernel's number of the reason, KVM_EXIT_*.
  public var reason: UInt32 {
    switch self {
    case .port: UInt32(KVM_EXIT_IO)
    case .memory: UInt32(KVM_EXIT_MMIO)
    case .halt: UInt32(KVM_EXIT_HLT)
    case .interrupted: UInt32(KVM_EXIT_INTR)
    case .shutdown: UInt32(KVM_EXIT_SHUTDOWN)
    case .failedEntry: UInt32(KVM_EXIT_FAIL_ENTRY)
    case .internalError: UInt32(KVM_EXIT_INTERNAL_ERROR)
    case .systemEvent: UInt32(KVM_EXIT_SYSTEM_EVENT)
    case .endOfInterrupt: UInt32(KVM_EXIT_IOAPIC_EOI)
    case .other(let reason): reason
    case .failed: UInt32(KVM_EXIT_UNKNOWN)
    }
  }
}

extension VcpuExit.InternalError {
  fileprivate init(page: UnsafeMutablePointer<kvm_run>) {
    suberror = page.pointee.`internal`.suberror
    let count = min(Int(page.pointee.`internal`.ndata), 16)
    data = withUnsafeBytes(of: page.pointee.`internal`.data) { raw in
      Array(raw.bindMemory(to: UInt64.self).prefix(count))
    }
    // With KVM_CAP_EXIT_ON_EMULATION_FAILURE's layout, data[0] holds flags and data[1...2] a length and 15 bytes.
    let failure = page.pointee.emulation_failure
    let known = failure.flags & UInt64(CKVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0
    if Int32(bitPattern: suberror) == KVM_INTERNAL_ERROR_EMULATION, count >= 3, known {
      let length = min(Int(failure.insn_size), 15)
      instruction = withUnsafeBytes(of: failure.insn_bytes) { Array($0.prefix(length)) }
    } else {
      instruction = []
    }
  }
}
