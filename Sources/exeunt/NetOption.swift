import ArgumentParser
import Machine

/// A network interface on the command line: the tap that it leads to, and its Ethernet address.
struct NetOption {
  let network: MachineConfiguration.Network

  init(parsing argument: String) throws {
    let keyed = try KeyedArgument(argument, of: "--net", first: "tap: and the name of an interface")
    try keyed.allow(["mac"])
    let kind = "tap:"
    guard keyed.first.hasPrefix(kind), keyed.first.count > kind.count else {
      throw keyed.failure("begin with tap: and the name of an interface")
    }
    let name = String(keyed.first.dropFirst(kind.count))
    var address = NetOption.defaultAddress(name)
    if let text = keyed.string("mac") {
      guard let given = NetOption.address(text[...]) else {
        throw keyed.failure(
          "mac=\(text): give six bytes such as 52:54:00:12:34:56, the first one even")
      }
      address = given
    }
    network = .init(tap: name, address: address)
  }

  /// Six bytes with colons between them; not one of many receivers', nor zero.
  private static func address(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { $0.utf8.count == 2 && $0.first != "+" ? UInt8($0, radix: 16) : nil }
    guard parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0, bytes.contains(where: { $0 != 0 }) else {
      return nil
    }
    return bytes
  }

  /// The same for a tap in each run and another one for another tap, as guests on one bridge need it. Under QEMU's prefix.
  private static func defaultAddress(_ tap: String) -> [UInt8] {
    // FNV-1a, 32 bits.
    let hash = tap.utf8.reduce(0x811c_9dc5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    return [0x52, 0x54, 0x00] + [16, 8, 0].map { UInt8(truncatingIfNeeded: hash >> $0) }
  }
}
