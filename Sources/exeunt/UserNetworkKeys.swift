import ArgumentParser
import Virtio

/// The keys of a network of the guest's own (`user`), as QEMU has them.
enum UserNetworkKeys {
  /// The keys, for `KeyedArgument.allow`.
  static let names = ["net", "host", "dns", "dhcpstart", "hostname", "restrict", "hostfwd", "ipv4", "ipv6"]
  /// Those that may be given several times.
  static let repeatable: Set<String> = ["hostfwd"]

  /// What there is of the internet protocol, which may be said.
  private enum On: String, CaseIterable { case on }
  private enum Off: String, CaseIterable { case off }

  /// Reads them.
  static func options(_ words: KeyedArgument) throws -> UserNetworkOptions {
    var options = UserNetworkOptions()
    if let text = words.string("net") {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, let address = IPv4Address(parts[0]), let prefix = Int(parts[1]),
        (8...29).contains(prefix)
      else { throw words.failure("net=\(text): give a network such as 10.0.2.0/24, with 8 to 29 bits") }
      options = UserNetworkOptions(network: address, prefix: prefix)
    }
    if let host = try address("host", words) { options.host = host }
    if let nameServer = try address("dns", words) { options.nameServer = nameServer }
    if let first = try address("dhcpstart", words) { options.firstGuest = first }
    options.guestName = words.string("hostname")
    options.isRestricted = try words.isOn("restrict") ?? false
    let _: On? = try words.choice("ipv4")
    let _: Off? = try words.choice("ipv6")
    options.forwards = try words.strings("hostfwd").map { try forward($0, words) }
    if let problem = options.problem { throw words.failure(problem) }
    return options
  }

  private static func address(_ key: String, _ words: KeyedArgument) throws -> IPv4Address? {
    guard let text = words.string(key) else { return nil }
    guard let address = IPv4Address(text) else {
      throw words.failure("\(key)=\(text): give four numbers such as 10.0.2.2")
    }
    return address
  }

  /// `[tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT`.
  private static func forward(
    _ text: String, _ words: KeyedArgument
  ) throws -> UserNetworkOptions.Forward {
    let failure = words.failure(
      "hostfwd=\(text): give [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport, such as tcp::2222-:22")
    let sides = text.split(separator: "-", omittingEmptySubsequences: false)
      .map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    guard sides.count == 2, sides[0].count == 3, sides[1].count == 2,
      ["", "tcp", "udp"].contains(sides[0][0]), let hostPort = port(sides[0][2]),
      let guestPort = port(sides[1][1])
    else { throw failure }
    var forward = UserNetworkOptions.Forward(
      isDatagram: sides[0][0] == "udp", hostPort: hostPort, guestPort: guestPort)
    if !sides[0][1].isEmpty {
      guard let address = IPv4Address(sides[0][1]) else { throw failure }
      forward.hostAddress = address
    }
    if !sides[1][0].isEmpty {
      guard let address = IPv4Address(sides[1][0]) else { throw failure }
      forward.guestAddress = address
    }
    return forward
  }

  private static func port(_ text: Substring) -> UInt16? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(text), port > 0 else {
      return nil
    }
    return port
  }
}
