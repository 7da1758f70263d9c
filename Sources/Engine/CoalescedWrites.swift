/// A range of addresses to which writes may be kept for later: all that they do is known to their device alone, until the guest
/// accesses that device in another way, for which it leaves guest mode. KVM does so in the kernel
/// (KVM_REGISTER_COALESCED_MMIO).
public struct CoalescedRange: Sendable, Equatable {
  /// Whether it is of ports; else of memory.
  public let isPort: Bool
  /// The first address.
  public let start: UInt64
  /// Bytes, above 0. A write that is not all within it leaves guest mode.
  public let length: UInt32

  /// Describes a range.
  public init(isPort: Bool, start: UInt64, length: UInt32) {
    self.isPort = isPort
    self.start = start
    self.length = length
  }
}

/// A write that the engine kept. Which vCPU made it, and when, nobody knows any more.
public struct CoalescedWrite: Sendable, Equatable {
  /// Whether it is to a port; else to memory.
  public let isPort: Bool
  /// The port or guest physical address.
  public let address: UInt64
  /// Bytes: 1 to 8.
  public let size: Int
  /// What was written, in the low `size` bytes.
  public let value: UInt64

  /// Describes a write.
  public init(isPort: Bool, address: UInt64, size: Int, value: UInt64) {
    self.isPort = isPort
    self.address = address
    self.size = size
    self.value = value
  }
}

extension Vcpu {
  /// True, for engines that keep none.
  public var hasNoCoalescedWrites: Bool { true }
  /// None, for engines that keep none.
  public func takeCoalescedWrites(_ body: (CoalescedWrite) -> Void) -> Bool { true }
}

/// What an engine is asked for that it does not have.
public struct UnsupportedByEngine: Error, Sendable, CustomStringConvertible {
  /// What that is.
  public let description: String
}

extension VirtualMachine {
  /// Refuses, for engines that keep none.
  public func coalesce(_ range: CoalescedRange) throws {
    throw UnsupportedByEngine(description: "this engine keeps no writes")
  }
}
