import ArgumentParser
import Board
import Machine

/// `--netdev KIND,id=NAME[,key=value…]`: what is behind a network interface.
struct NetdevOption: Sendable {
  let id: String
  let peer: MachineConfiguration.Network.Peer
  /// Pairs of queues.
  let pairs: Int

  /// What QEMU would run to set a tap up, or do in the kernel: nothing, and so may be said.
  private enum Script: String, CaseIterable { case no }
  private enum Vhost: String, CaseIterable { case off }

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let words = try KeyedArgument(
      argument, of: "--netdev", first: "a kind", repeatable: UserNetworkKeys.repeatable)
    var pairs: Int?
    switch words.first {
    case "tap":
      try words.allow(["id", "ifname", "queues", "script", "downscript", "vhost"])
      let _: Script? = try words.choice("script")
      let _: Script? = try words.choice("downscript")
      let _: Vhost? = try words.choice("vhost")
      peer = .tap(try words.required("ifname", "the tap interface, which is made where it is not there"))
      pairs = try words.number("queues", in: 1...BoardOptions.maximumQueuePairs)
    case "user":
      try words.allow(["id"] + UserNetworkKeys.names)
      peer = .user(try UserNetworkKeys.options(words))
    default: throw words.unknown("kind", words.first, among: ["tap", "user"])
    }
    _ = try words.required("id", "the name by which --device virtio-net-device,netdev=NAME refers to it")
    id = try words.identifier() ?? ""
    self.pairs = pairs ?? 1
  }
}

/// `--net tap:NAME[,mac=ADDRESS]` and `--net user[,key=value…]`: the short form, a netdev and its device in one.
struct NetOption: Sendable {
  private let peer: MachineConfiguration.Network.Peer
  private let address: [UInt8]?

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let what = "tap: and the name of an interface, or with user"
    let words = try KeyedArgument(
      argument, of: "--net", first: what, repeatable: UserNetworkKeys.repeatable)
    let kind = "tap:"
    if words.first == "user" {
      try words.allow(["mac"] + UserNetworkKeys.names)
      peer = .user(try UserNetworkKeys.options(words))
    } else {
      guard words.first.hasPrefix(kind), words.first.count > kind.count else {
        throw words.failure("begin with \(what)")
      }
      try words.allow(["mac"])
      peer = .tap(String(words.first.dropFirst(kind.count)))
    }
    address = try EthernetAddress.read(words)
  }

  /// The interface, beside those that there are already.
  func network(beside others: [MachineConfiguration.Network]) -> MachineConfiguration.Network {
    .init(peer, address: address ?? EthernetAddress.chosen(for: peer, beside: others))
  }
}

/// `--device virtio-net-device,netdev=NAME…`.
struct NetDeviceOption: Sendable {
  private let words: KeyedArgument
  private let netdev: String
  private let address: [UInt8]?
  private let hasSeveralQueues: Bool?
  private let service: MachineConfiguration.Service

  /// Reads what a user gave.
  init(_ words: KeyedArgument) throws {
    try words.allow(["netdev", "mac", "mq", "id"] + ServiceKeys.names)
    _ = try words.identifier()
    netdev = try words.required("netdev", "the id of a --netdev")
    address = try EthernetAddress.read(words)
    hasSeveralQueues = try words.isOn("mq")
    service = try ServiceKeys.service(words)
    self.words = words
  }

  /// The interface with what is behind it, beside those that there are already.
  func network(
    _ netdevs: inout ReferredOptions<NetdevOption>, beside others: [MachineConfiguration.Network]
  ) throws -> MachineConfiguration.Network {
    let netdev = try netdevs.take(netdev, for: words)
    var network = MachineConfiguration.Network(
      netdev.peer, address: address ?? EthernetAddress.chosen(for: netdev.peer, beside: others))
    network.pairs = netdev.pairs
    network.service = service
    switch hasSeveralQueues {
    case true? where netdev.pairs == 1:
      throw words.failure("mq=on: its netdev has one pair of queues; give it queues=2, or more")
    case false? where netdev.pairs > 1:
      throw words.failure("mq=off: its netdev has queues=\(netdev.pairs); give one of them")
    default: break
    }
    return network
  }
}

/// A network interface's address: six bytes.
private enum EthernetAddress {
  /// The value of the key `mac`: six bytes with colons between them; not one of many receivers', nor zero.
  static func read(_ words: KeyedArgument) throws -> [UInt8]? {
    guard let text = words.string("mac") else { return nil }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { $0.utf8.count == 2 && $0.first != "+" ? UInt8($0, radix: 16) : nil }
    guard parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0, bytes.contains(where: { $0 != 0 }) else {
      throw words.failure("mac=\(text): give six bytes such as 52:54:00:12:34:56, the first one even")
    }
    return bytes
  }

  /// The same for a tap in each run and another one for another tap, as guests on one bridge need it. Under QEMU's prefix.
  static func chosen(
    for peer: MachineConfiguration.Network.Peer, beside others: [MachineConfiguration.Network]
  ) -> [UInt8] {
    guard case .tap(let name) = peer else {
      // QEMU's own where nobody else is on the network; the guest tells its interfaces apart by them all the same.
      var address: [UInt8] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56]
      while others.contains(where: { $0.address == address }) { address[5] += 1 }
      return address
    }
    // FNV-1a, 32 bits.
    let hash = name.utf8.reduce(0x811c_9dc5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    return [0x52, 0x54, 0x00] + [16, 8, 0].map { UInt8(truncatingIfNeeded: hash >> $0) }
  }
}
