import ArgumentParser
import Machine

/// `--netdev KIND,id=NAME[,key=value…]`: what is behind a network interface.
struct NetdevOption: Sendable {
  let id: String
  let words: KeyedArgument
  /// The tap on the host.
  let tap: String

  /// What QEMU would run to set a tap up, or do in the kernel: nothing, and so may be said.
  private enum Script: String, CaseIterable { case no }
  private enum Vhost: String, CaseIterable { case off }

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let words = try KeyedArgument(argument, of: "--netdev", first: "a kind")
    guard words.first == "tap" else { throw words.unknown("kind", words.first, among: ["tap"]) }
    try words.allow(["id", "ifname", "script", "downscript", "vhost"])
    let _: Script? = try words.choice("script")
    let _: Script? = try words.choice("downscript")
    let _: Vhost? = try words.choice("vhost")
    tap = try words.required("ifname", "the tap interface, which is made where it is not there")
    _ = try words.required("id", "the name by which --device virtio-net-device,netdev=NAME refers to it")
    id = try words.identifier() ?? ""
    self.words = words
  }
}

/// `--net tap:NAME[,mac=ADDRESS]`: the short form, a netdev and its device in one.
struct NetOption: Sendable {
  let network: MachineConfiguration.Network

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let words = try KeyedArgument(argument, of: "--net", first: "tap: and the name of an interface")
    try words.allow(["mac"])
    let kind = "tap:"
    guard words.first.hasPrefix(kind), words.first.count > kind.count else {
      throw words.failure("begin with tap: and the name of an interface")
    }
    let name = String(words.first.dropFirst(kind.count))
    network = .init(tap: name, address: try EthernetAddress.read(words) ?? EthernetAddress.ofTap(name))
  }
}

/// `--device virtio-net-device,netdev=NAME…`.
struct NetDeviceOption: Sendable {
  private let words: KeyedArgument
  private let netdev: String
  private let address: [UInt8]?
  private let service: MachineConfiguration.Service

  /// Reads what a user gave.
  init(_ words: KeyedArgument) throws {
    try words.allow(["netdev", "mac", "id"] + ServiceKeys.names)
    _ = try words.identifier()
    netdev = try words.required("netdev", "the id of a --netdev")
    address = try EthernetAddress.read(words)
    service = try ServiceKeys.service(words)
    self.words = words
  }

  /// The interface with what is behind it.
  func network(_ netdevs: inout ReferredOptions<NetdevOption>) throws -> MachineConfiguration.Network {
    let netdev = try netdevs.take(netdev, for: words)
    var network = MachineConfiguration.Network(
      tap: netdev.tap, address: address ?? EthernetAddress.ofTap(netdev.tap))
    network.service = service
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
  static func ofTap(_ name: String) -> [UInt8] {
    // FNV-1a, 32 bits.
    let hash = name.utf8.reduce(0x811c_9dc5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    return [0x52, 0x54, 0x00] + [16, 8, 0].map { UInt8(truncatingIfNeeded: hash >> $0) }
  }
}
