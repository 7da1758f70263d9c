import Platform

/// A write that the engine turns into a signal of an eventfd: the guest goes on at once, and whoever waits for the eventfd
/// wakes up. KVM does so in the kernel (KVM_IOEVENTFD).
public struct IoEventFd: ~Copyable, Sendable {
  /// The address of the write.
  public enum Address: Sendable, Equatable {
    /// A port.
    case port(UInt16)
    /// A guest physical address.
    case memory(UInt64)
  }

  /// Where the guest writes.
  public let address: Address
  /// Bytes written: 1, 2, 4 or 8; other sizes exit to the VMM.
  public let size: UInt32
  /// Only writes of this value match; nil matches any.
  public let value: UInt64?
  /// The eventfd's descriptor.
  public let descriptor: CInt

  /// Describes a kick.
  ///
  /// - Parameter event: signalled at each kick; must outlive the machine that this is assigned to.
  public init(address: Address, size: UInt32, value: UInt64?, event: borrowing EventFD) {
    self.address = address
    self.size = size
    self.value = value
    descriptor = event.descriptor.raw
  }
}

/// An eventfd that raises an interrupt line whenever it is signalled: a thread that is no vCPU can interrupt the guest with
/// one write, and the vCPU does not exit. KVM does so in the kernel (KVM_IRQFD).
public struct IrqFd: ~Copyable, Sendable {
  /// The interrupt line, as in the machine's routing.
  public let line: UInt32
  /// What is signalled.
  public let event: EventFD

  /// Makes the eventfd for a line. It has no effect before it is assigned to a machine.
  public init(line: UInt32) throws(Errno) {
    self.line = line
    event = try EventFD()
  }

  /// Raises the line and lowers it again: an edge.
  public borrowing func raise() { event.signal() }
}
