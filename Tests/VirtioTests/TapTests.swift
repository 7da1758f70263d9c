import CLinux
import Glibc
import Platform
import TestSupport
import Testing

@testable import Virtio

/// A thread in a network namespace of its own (network_namespaces(7)), in which it may make interfaces.
private enum OwnNetwork {
  static var isPossible: Bool { geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0 }

  private final class Outcome: @unchecked Sendable { var result: Result<Void, any Error>? }

  /// unshare(2), which is behind _GNU_SOURCE.
  private static func unshareNetwork() -> CInt {
    typealias Unshare = @convention(c) (CInt) -> CInt
    guard let function = dlsym(nil, "unshare") else { return -1 }
    return unsafeBitCast(function, to: Unshare.self)(0x4000_0000)
  }

  /// Does something there, and waits for it.
  static func run(_ body: @escaping @Sendable () throws -> Void) throws {
    let outcome = Outcome()
    let thread = try DedicatedThread(name: "own-network") {
      outcome.result = Result {
        try #require(unshareNetwork() == 0, "\(Errno.current)")
        try body()
      }
    }
    thread.join()
    try outcome.result?.get()
  }

  /// Packets that the host had from an interface and gave it.
  static func packets(_ name: String) throws -> (received: Int, sent: Int) {
    let text = try #require(TextFile.read("/proc/thread-self/net/dev"))
    let line = try #require(text.split(separator: "\n").first { $0.contains("\(name):") })
    let words = line.split(separator: ":")[1].split(separator: " ").compactMap { Int($0) }
    return (words[1], words[9])
  }
}

@Suite("A tap of the host", .enabled(if: OwnNetwork.isPossible, "needs root and /dev/net/tun"))
struct TapTests {
  /// A frame with its header to everybody, of a protocol that is nobody's.
  private static func send(_ tap: Tap, pair: Int) -> PacketTransfer {
    var bytes = [UInt8](repeating: 0, count: NetDevice.headerLength)
    bytes += [UInt8](repeating: 0xff, count: 6) + [0x52, 0x54, 0, 1, 2, 3, 0x88, 0xb5]
    bytes += [UInt8](repeating: 7, count: 60)
    return bytes.withUnsafeMutableBytes { raw in
      var vector = [iovec(iov_base: raw.baseAddress, iov_len: raw.count)]
      return vector.withUnsafeMutableBufferPointer { tap.send($0, pair: pair) }
    }
  }

  @Test("Each of several queues takes packets; those for the guest come through the queues that are in use")
  func queues() throws {
    try OwnNetwork.run {
      let tap = try Tap("several", pairs: 3)
      #expect(tap.pairs == 3)
      #expect(Set((0..<3).map(tap.descriptor)).count == 3)
      for pair in 0..<3 { #expect(Self.send(tap, pair: pair) == .done(NetDevice.headerLength + 74)) }
      #expect(try OwnNetwork.packets("several").received == 3)
      for (round, count) in [1, 3, 2, 2, 1, 3].enumerated() {
        #expect(tap.use(pairs: count))
        for flow in 0..<40 { try PacketSocket.send(UInt8(round), UInt8(flow), to: "several") }
        var found: Set<UInt8> = []
        for pair in 0..<3 {
          var buffer = [UInt8](repeating: 0, count: 2048)
          while case .done(let length) = buffer.withUnsafeMutableBytes({ tap.receive(into: $0, pair: pair) })
          {
            // The kernel has things of its own to say.
            guard length > 44, buffer[24] == 0x88, buffer[25] == 0xb5, buffer[26] == UInt8(round) else {
              continue
            }
            #expect(pair < count)
            found.insert(buffer[27])
          }
        }
        #expect(found.count == 40)
      }
      // Of the interface as a whole.
      tap.accept([.checksum, .segmentation4])
    }
  }

  @Test("Interfaces of another kind, and more queues than there are, are refused with what to do")
  func refused() throws {
    try OwnNetwork.run {
      func message(_ name: String, pairs: Int) -> String {
        do {
          _ = try Tap(name, pairs: pairs)
          return ""
        } catch {
          return error.description
        }
      }
      let one = try Tap("one")
      #expect(message("one", pairs: 1).contains("somebody else is attached to it"))
      #expect(message("one", pairs: 2).contains("no tap with several queues (mode tap multi_queue)"))
      #expect(message("lo", pairs: 1).contains("no tap with one queue"))
      #expect(message("longer-than-fifteen", pairs: 1).contains("a name of 1 to 15 bytes"))
      for (name, what) in [
        ("a/b", "'/'"), ("t5%d", "'%'"), ("a:1", "':'"), ("a b", "blanks"), ("a\u{7}", "blanks or control"),
      ] {
        #expect(
          message(name, pairs: 1).contains("tap '\(name)': an interface's name has no \(what)"), "\(name)")
      }
      #expect(message("..", pairs: 1).contains("no interface can have that name"))
      #expect(TextFile.read("/proc/thread-self/net/dev")?.contains("t50") == false)
      withExtendedLifetime(one) {}
    }
  }

  @Test("One that is made is switched on; that one which is there is down is told, and it stays down")
  func down() throws {
    try OwnNetwork.run {
      #expect(try Tap("made").notice == nil)
      let file = try FileDescriptor.open("/dev/net/tun", O_RDWR)
      #expect(clinux_tap_attach(file.raw, "there", true) == 0)
      let tap = try Tap("there", pairs: 2)
      #expect(tap.notice == "tap there is down: no packets until it is switched on (ip link set there up)")
      #expect(clinux_interface_is_up("there") == 0)
      #expect(clinux_interface_up("there") == 0)
      #expect(tap.notice == nil)
    }
  }

  @Test("One that is taken away refuses what is sent, and says that nothing comes any more")
  func removed() throws {
    try OwnNetwork.run {
      let tap = try Tap("going", pairs: 2)
      #expect(tap.use(pairs: 2))
      #expect(Self.send(tap, pair: 1) == .done(NetDevice.headerLength + 74))
      try Netlink.remove("going")
      for pair in 0..<2 {
        var entry = pollfd(fd: tap.descriptor(pair: pair), events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 30_000) == 1)
        #expect(Self.send(tap, pair: pair) == .failed(Errno(rawValue: EBADFD)))
        var buffer = [UInt8](repeating: 0, count: 100)
        #expect(
          buffer.withUnsafeMutableBytes { tap.receive(into: $0, pair: pair) }
            == .failed(Errno(rawValue: EBADFD)))
      }
    }
  }
}

/// As `ip link delete` does (rtnetlink(7)).
private enum Netlink {
  static func remove(_ name: String) throws {
    let raw = socket(16, CInt(SOCK_RAW.rawValue), 0)
    try #require(raw >= 0)
    defer { close(raw) }
    let index = if_nametoindex(name)
    try #require(index > 0)
    func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value, Array.init) }
    // nlmsghdr with RTM_DELLINK, NLM_F_REQUEST and NLM_F_ACK; ifinfomsg.
    let message =
      bytes(UInt32(32)) + bytes(UInt16(17)) + bytes(UInt16(5)) + bytes(UInt32(1)) + bytes(UInt32(0))
      + [0, 0, 0, 0] + bytes(index) + bytes(UInt32(0)) + bytes(UInt32(0))
    try #require(Glibc.send(raw, message, message.count, 0) == message.count)
    var answer = [UInt8](repeating: 0, count: 4096)
    let count = recv(raw, &answer, answer.count, 0)
    // nlmsgerr with the error 0.
    try #require(count >= 20 && answer[16..<20] == [0, 0, 0, 0])
  }
}

/// Frames from the host to an interface (packet(7)), of a protocol that is nobody's.
private enum PacketSocket {
  static func send(_ first: UInt8, _ second: UInt8, to name: String) throws {
    let raw = socket(17, CInt(SOCK_RAW.rawValue), 0)
    try #require(raw >= 0)
    defer { close(raw) }
    let frame =
      [UInt8](repeating: 0xff, count: 6) + [0x52, 0x54, 0, 1, second, first, 0x88, 0xb5, first, second]
      + [UInt8](repeating: second, count: 60)
    // sockaddr_ll: family, protocol, interface, and what the kernel fills in.
    let address =
      [17, 0, 0x88, 0xb5] + withUnsafeBytes(of: CInt(if_nametoindex(name)), Array.init)
      + [0, 0, 0, 6] + [UInt8](repeating: 0xff, count: 6) + [0, 0]
    let count = address.withUnsafeBytes {
      sendto(
        raw, frame, frame.count, 0, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self),
        socklen_t($0.count))
    }
    try #require(count == frame.count, "\(Errno.current)")
  }
}
