/// What a guest's own network looks like (`UserNetwork`); the defaults are QEMU's.
package struct UserNetworkOptions: Sendable, Codable, Equatable {
  /// A port of the host's that leads to one of the guest's.
  package struct Forward: Sendable, Codable, Equatable {
    /// Whether it is UDP's; else TCP's.
    package var isDatagram: Bool
    /// The host's address that is listened at; zero for all of them.
    package var hostAddress: IPv4Address
    /// The host's port.
    package var hostPort: UInt16
    /// The guest's address; nil for the first that is given out.
    package var guestAddress: IPv4Address?
    /// The guest's port.
    package var guestPort: UInt16

    /// Describes one.
    package init(
      isDatagram: Bool = false, hostAddress: IPv4Address = IPv4Address(0), hostPort: UInt16,
      guestAddress: IPv4Address? = nil, guestPort: UInt16
    ) {
      self.isDatagram = isDatagram
      self.hostAddress = hostAddress
      self.hostPort = hostPort
      self.guestAddress = guestAddress
      self.guestPort = guestPort
    }
  }

  /// Bytes of a guest's name.
  package static let longestName = 253

  /// The network's address.
  package var network = IPv4Address(0x0a00_0200)
  /// Bits of addresses that are the network's, 8 to 29.
  package var prefix = 24
  /// The host's address, by which the guest reaches everything else.
  package var host = IPv4Address(0x0a00_0202)
  /// The address at which the host's name server is reached.
  package var nameServer = IPv4Address(0x0a00_0203)
  /// The first address that is given to a guest (DHCP).
  package var firstGuest = IPv4Address(0x0a00_020f)
  /// Whether the guest reaches nothing beyond its network, the host included; forwards lead to it all the same.
  package var isRestricted = false
  /// The name that the guest is given; nil for none.
  package var guestName: String?
  /// Ports of the host's that lead to the guest.
  package var forwards: [Forward] = []

  /// The default network: 10.0.2.0/24.
  package init() {}

  /// A network whose addresses end as the default's do.
  package init(network: IPv4Address, prefix: Int) {
    self.init()
    self.prefix = prefix
    self.network = IPv4Address(network.value & mask.value)
    func address(_ end: UInt32) -> IPv4Address { IPv4Address(self.network.value | end & ~mask.value) }
    host = address(0x0202)
    nameServer = address(0x0203)
    firstGuest = address(0x020f)
  }

  /// The bits that are the network's.
  package var mask: IPv4Address { IPv4Address(~0 << (32 - UInt32(prefix))) }

  /// What is wrong with it; nil where nothing is.
  package var problem: String? {
    guard (8...29).contains(prefix), network.value & ~mask.value == 0 else {
      return "a network of \(network)/\(prefix): give one such as 10.0.2.0/24, with 8 to 29 bits"
    }
    // A name of the domain name system in text (RFC 1035, section 3.1); DHCP's option has a byte for its length.
    if let name = guestName, name.utf8.count > UserNetworkOptions.longestName {
      return "a host name of \(name.utf8.count) bytes: give up to \(UserNetworkOptions.longestName)"
    }
    for forward in forwards {
      guard let guest = forward.guestAddress else { continue }
      let end = guest.value & ~mask.value
      guard guest.value & mask.value == network.value, end != 0, end != ~mask.value else {
        return "a forward leads to \(guest), which is no guest's in \(network)/\(prefix)"
      }
    }
    let addresses = [("host", host), ("name server", nameServer), ("first guest", firstGuest)]
    for (index, (name, address)) in addresses.enumerated() {
      let end = address.value & ~mask.value
      guard address.value & mask.value == network.value, end != 0, end != ~mask.value else {
        return "the \(name)'s address \(address) is none of \(network)/\(prefix)"
      }
      if let other = addresses[..<index].first(where: { $0.1 == address }) {
        return "\(other.0) and \(name) both have the address \(address)"
      }
    }
    return nil
  }
}

/// An address of the internet protocol, version 4.
package struct IPv4Address: Sendable, Codable, Equatable, CustomStringConvertible {
  /// The first byte is the highest.
  package let value: UInt32

  /// Takes an address as a number.
  package init(_ value: UInt32) { self.value = value }

  /// Reads four decimal numbers with dots between them.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { part in
      part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt8(part) : nil
    }
    guard parts.count == 4, bytes.count == 4 else { return nil }
    value = bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// With dots.
  package var description: String {
    [24, 16, 8, 0].map { "\(value >> $0 & 0xff)" }.joined(separator: ".")
  }
}
