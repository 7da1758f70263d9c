import CKVM
import Platform

/// A write that the kernel turns into a signal of an eventfd (KVM_IOEVENTFD): the guest goes on at once, and
/// whoever waits for the eventfd wakes up.
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
  private let descriptor: CInt

  /// Describes a kick.
  ///
  /// - Parameter event: signalled at each kick; must outlive the machine that this is assigned to.
  public init(address: Address, size: UInt32, value: UInt64?, event: borrowing EventFD) {
    self.address = address
    self.size = size
    self.value = value
    descriptor = event.descriptor.raw
  }

  func request(deassign: Bool) -> kvm_ioeventfd {
    var request = kvm_ioeventfd()
    request.fd = descriptor
    request.len = size
    if let value {
      request.datamatch = value
      request.flags |= CKVM_IOEVENTFD_FLAG_DATAMATCH
    }
    switch address {
    case .port(let port):
      request.addr = UInt64(port)
      request.flags |= CKVM_IOEVENTFD_FLAG_PIO
    case .memory(let memory):
      request.addr = memory
    }
    if deassign { request.flags |= CKVM_IOEVENTFD_FLAG_DEASSIGN }
    return request
  }
}

/// An eventfd that raises an interrupt line whenever it is signalled (KVM_IRQFD): a thread that is no vCPU can
/// interrupt the guest with one write, and KVM_RUN does not return.
public struct IrqFd: ~Copyable, Sendable {
  /// The interrupt line, as in the machine's routing.
  public let line: UInt32
  let event: EventFD

  /// Makes the eventfd for a line. It has no effect before it is assigned to a machine.
  public init(line: UInt32) throws(Errno) {
    self.line = line
    event = try EventFD()
  }

  /// Raises the line and lowers it again: an edge.
  public borrowing func raise() { event.signal() }
}
