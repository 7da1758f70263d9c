/// An address in the guest's physical memory, in bytes.
public struct GuestAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The address.
  public var value: UInt64

  /// Wraps an address.
  public init(_ value: UInt64) { self.value = value }

  /// Lower addresses come first.
  public static func < (left: GuestAddress, right: GuestAddress) -> Bool { left.value < right.value }

  /// The address `distance` bytes further; wraps at 2^64, and is then outside any RAM.
  public func advanced(by distance: UInt64) -> GuestAddress { GuestAddress(value &+ distance) }

  /// The message.
  public var description: String { "0x" + String(value, radix: 16) }
}

/// The order of the bytes of a number in guest memory.
public enum ByteOrder: Sendable {
  /// Least significant byte first: x86, virtio 1.
  case little
  /// Most significant byte first: network protocols, big-endian guests.
  case big
}

/// An access to guest memory that was refused.
public enum GuestMemoryError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Some of the bytes are not RAM.
  case outside(GuestAddress, count: Int)
  /// The address is not a multiple of the size that an atomic access needs.
  case misaligned(GuestAddress, size: Int)

  /// The message.
  public var description: String {
    switch self {
    case .outside(let address, let count): "\(count) bytes at \(address) are not all in guest RAM"
    case .misaligned(let address, let size): "\(address) is not a multiple of \(size)"
    }
  }
}
