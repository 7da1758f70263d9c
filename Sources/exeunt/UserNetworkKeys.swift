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
    func failure(_ what: String) -> ValidationError { words.failure("hostfwd=\(text): \(what)") }
    func port(_ side: String, _ port: Substring) throws -> UInt16 {
      guard let number = UserNetworkKeys.port(port) else {
        throw failure("the \(side)'s port is '\(port)'; give 1 to 65535")
      }
      return number
    }
    func address(_ side: String, _ address: Substring) throws -> IPv4Address? {
      guard !address.isEmpty else { return nil }
      guard let found = IPv4Address(address) else {
        throw failure("the \(side)'s address is '\(address)'; give four numbers such as 127.0.0.1, or none")
      }
      return found
    }
    let sides = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      .map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    guard sides.count == 2, sides[0].count == 3, sides[1].count == 2 else {
      throw failure("give [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport, such as tcp::2222-:22")
    }
    guard ["", "tcp", "udp"].contains(sides[0][0]) else {
      throw failure("the protocol is '\(sides[0][0])'; give tcp or udp")
    }
    var forward = UserNetworkOptions.Forward(
      isDatagram: sides[0][0] == "udp", hostPort: try port("host", sides[0][2]),
      guestAddress: try address("guest", sides[1][0]), guestPort: try port("guest", sides[1][1]))
    if let host = try address("host", sides[0][1]) { forward.hostAddress = host }
    return forward
  }

  private static func port(_ text: Substring) -> UInt16? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(text), port > 0 else {
      return nil
    }
    return port
  }
}
