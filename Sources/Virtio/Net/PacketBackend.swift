import Glibc
import Platform

/// What a network device's packets go to and come from, such as a tap.
///
/// Each packet has the header of virtio 1.2, section 5.1.6, in front of it, in both directions. Nothing here blocks. All calls
/// come one at a time.
package protocol PacketBackend: AnyObject, Sendable {
  /// Pairs of queues that packets may go through, at least one: those of one connection keep to one, in their order.
  var pairs: Int { get }
  /// Becomes readable when there is a packet for a pair, and writable when there is room for one. Valid as long as this
  /// object is.
  func descriptor(pair: Int) -> CInt
  /// What keeps packets from being moved now, and what to do about it; nil where nothing is known to.
  var notice: String? { get }
  /// Why somebody who wanted to connect to the guest had to wait, the first time; nil: nobody had.
  var keptWaiting: Errno? { get }
  /// Whether checksums and segmentation can be left to it.
  var hasOffloads: Bool { get }

  /// Says what packets it may deliver as they are, to a guest that takes them.
  func accept(_ offloads: PacketOffloads)
  /// Uses so many pairs, at least one, from the first on; nothing is to be moved by others. At first it is one.
  ///
  /// - Returns: whether it does; where not, nothing has changed for pairs that were used and are to be.
  @discardableResult
  func use(pairs: Int) -> Bool
  /// Sends one packet of a pair's, whole or not at all.
  func send(_ vectors: UnsafeMutableBufferPointer<iovec>, pair: Int) -> PacketTransfer
  /// Receives one packet for a pair. One that is longer than the buffer is cut.
  func receive(into buffer: UnsafeMutableRawBufferPointer, pair: Int) -> PacketTransfer
}

extension PacketBackend {
  package var notice: String? { nil }
  package var keptWaiting: Errno? { nil }
}

/// What became of a packet.
package enum PacketTransfer: Sendable, Equatable {
  /// It was moved: so many bytes, with its header.
  case done(Int)
  /// There is none, or no room for one: later.
  case notNow
  /// It was refused, or whatever it comes from is gone.
  case failed(Errno)
}

/// What a guest takes without a host's having completed it (virtio 1.2, section 5.1.3).
package struct PacketOffloads: OptionSet, Sendable {
  /// One bit for each.
  package let rawValue: UInt32

  /// Makes a set of bits.
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Packets with checksums that are not filled in: VIRTIO_NET_F_GUEST_CSUM.
  package static let checksum = PacketOffloads(rawValue: 1)
  /// TCP over IPv4 in segments larger than the link's: VIRTIO_NET_F_GUEST_TSO4.
  package static let segmentation4 = PacketOffloads(rawValue: 2)
  /// TCP over IPv6 in segments larger than the link's: VIRTIO_NET_F_GUEST_TSO6.
  package static let segmentation6 = PacketOffloads(rawValue: 4)
  /// The same with congestion notifications: VIRTIO_NET_F_GUEST_ECN.
  package static let congestion = PacketOffloads(rawValue: 8)
}
