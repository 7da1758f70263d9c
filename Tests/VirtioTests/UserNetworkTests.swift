import Glibc
import Platform
import TestSupport
import Testing

@testable import Virtio

/// A socket of the host's on its loopback.
private final class LoopbackSocket {
  let raw: CInt

  init(_ kind: __socket_type) throws {
    raw = socket(AF_INET, CInt(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    try #require(raw >= 0)
  }

  init(owning raw: CInt) { self.raw = raw }

  deinit { close(raw) }

  private static func address(_ port: UInt16) -> sockaddr_in {
    sockaddr_in(
      sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian,
      sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
  }

  private func call(
    _ port: UInt16, _ body: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) -> CInt {
    var address = LoopbackSocket.address(port)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// Takes a port that is free.
  func bindAnywhere() throws -> UInt16 {
    try #require(call(0, bind) == 0)
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(raw, $0, &size) }
    }
    try #require(result == 0)
    return UInt16(bigEndian: address.sin_port)
  }

  /// TCP's goes on by itself: whoever listens has a queue.
  func connect(to port: UInt16) throws {
    let result = call(port, Glibc.connect)
    try #require(result == 0 || errno == EINPROGRESS, "\(errno)")
  }

  func accept() throws -> LoopbackSocket {
    try wait(POLLIN)
    let accepted = Glibc.accept(raw, nil, nil)
    try #require(accepted >= 0)
    return LoopbackSocket(owning: accepted)
  }

  func wait(_ events: Int32) throws {
    var entry = pollfd(fd: raw, events: Int16(events), revents: 0)
    try #require(poll(&entry, 1, 30_000) == 1)
  }

  /// As much as there is room for.
  func write(_ bytes: ArraySlice<UInt8>) -> Int {
    max(0, bytes.withUnsafeBytes { Glibc.send(raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) })
  }

  /// What has come: nil for nothing now, empty for the end.
  func read() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(raw, &buffer, buffer.count, CInt(MSG_DONTWAIT))
    return count < 0 ? nil : Array(buffer[..<count])
  }
}

@Suite("A network of the guest's own")
struct UserNetworkTests {
  private static let host = IPv4Address("10.0.2.2")!

  private func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
  }

  /// A guest that a port of the host's leads to, and the port. Others may take a free port meanwhile.
  private func forwarded(isDatagram: Bool, guestPort: UInt16, buffers: Int = 16) throws -> (
    WireGuest, UInt16
  ) {
    for _ in 0..<20 {
      let port = try LoopbackSocket(isDatagram ? SOCK_DGRAM : SOCK_STREAM).bindAnywhere()
      var options = UserNetworkOptions()
      options.forwards = [
        .init(
          isDatagram: isDatagram, hostAddress: IPv4Address("127.0.0.1")!, hostPort: port,
          guestPort: guestPort)
      ]
      do {
        return (try WireGuest(options, buffers: buffers), port)
      } catch is UserNetworkError {
        continue
      }
    }
    throw WireGuest.Missing(description: "no free port")
  }

  @Test("The host's Ethernet address is told to who asks")
  func resolution() throws {
    let guest = try WireGuest()
    try guest.send(guest.arp(operation: 1, to: [], Self.host))
    let frame = try #require(try guest.next())
    #expect(Array(frame[..<6]) == WireGuest.ethernet)
    #expect(Array(frame[12..<22]) == [8, 6, 0, 1, 8, 0, 6, 4, 0, 2])
    #expect(Array(frame[22..<28]) == guest.gateway)
    #expect(guest.number(frame, 28) == Self.host.value)
  }

  @Test("The host answers pings, of any length that fits into a frame", arguments: [0, 1, 56, 1472])
  func ping(length: Int) throws {
    let guest = try WireGuest()
    var message: [UInt8] = [8, 0, 0, 0, 0x12, 0x34, 0, 7] + pattern(length)
    message.replaceSubrange(2..<4, with: guest.bytes(WireGuest.checksum(message)))
    try guest.send(guest.ip(1, to: Self.host, message))
    let answer = try guest.next(protocol: 1)
    #expect(guest.number(answer, 26) == Self.host.value)
    #expect(answer[34] == 0)
    #expect(Array(answer[38..<42]) == [0x12, 0x34, 0, 7])
    #expect(Array(answer[42..<42 + length]) == pattern(length))
  }

  /// A DHCP message (RFC 2131) of a kind.
  private func ask(_ guest: WireGuest, _ kind: UInt8, _ options: [UInt8] = []) throws -> [UInt8: [UInt8]] {
    let message: [UInt8] =
      [1, 1, 6, 0, 9, 8, 7, 6, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 16) + WireGuest.ethernet
      + [UInt8](repeating: 0, count: 10 + 64 + 128) + [99, 130, 83, 99, 53, 1, kind] + options + [255]
    try guest.send(guest.udp(to: IPv4Address(.max), 67, from: IPv4Address(0), 68, message))
    let answer = Array(try guest.next(protocol: 17)[42...])
    #expect(Array(answer[4..<8]) == [9, 8, 7, 6])
    var found: [UInt8: [UInt8]] = [0: Array(answer[16..<20])]
    var place = 240
    while place < answer.count, answer[place] != 255 {
      if answer[place] == 0 {
        place += 1
        continue
      }
      let length = Int(answer[place + 1])
      found[answer[place]] = Array(answer[place + 2..<place + 2 + length])
      place += 2 + length
    }
    return found
  }

  @Test("A guest is given address, router, name server and name", arguments: [false, true])
  func dynamicConfiguration(isOther: Bool) throws {
    var options = UserNetworkOptions()
    if isOther {
      options = UserNetworkOptions(network: IPv4Address("192.168.76.0")!, prefix: 24)
      options.nameServer = IPv4Address("192.168.76.5")!
      options.guestName = "box"
    }
    let guest = try WireGuest(options)
    guest.address = options.firstGuest
    let offer = try ask(guest, 1)
    #expect(offer[53] == [2])
    #expect(offer[0] == guest.bytes(options.firstGuest.value))
    let acknowledged = try ask(
      guest, 3, [50, 4] + guest.bytes(options.firstGuest.value) + [54, 4] + guest.bytes(options.host.value))
    #expect(acknowledged[53] == [5])
    #expect(acknowledged[1] == guest.bytes(options.mask.value))
    #expect(acknowledged[3] == guest.bytes(options.host.value))
    #expect(acknowledged[6] == guest.bytes(options.nameServer.value))
    #expect(acknowledged[12] == (isOther ? Array("box".utf8) : nil))
  }

  @Test("A port of the host's leads to the guest's: what is sent comes back whole, and the end is told")
  func forwardedConnection() throws {
    let (guest, port) = try forwarded(isDatagram: false, guestPort: 80)
    let socket = try LoopbackSocket(SOCK_STREAM)
    try socket.connect(to: port)
    let connection = try WireConnection(accepting: 80, of: guest)
    #expect(connection.peer == Self.host)
    let expected = pattern(150_000)
    var rest = expected[...]
    var back: [UInt8] = []
    var echoed = 0
    while back.count < expected.count {
      if !rest.isEmpty { rest = rest.dropFirst(socket.write(rest)) }
      if connection.data.count < expected.count { try connection.step() }
      if connection.data.count > echoed {
        let part = Array(connection.data[echoed...])
        echoed = connection.data.count
        try connection.write(part)
      }
      while let part = socket.read(), !part.isEmpty { back += part }
      if connection.data.count == expected.count, back.count < expected.count {
        try guest.turn(milliseconds: 10)
      }
    }
    #expect(connection.data == expected)
    #expect(back == expected)
    shutdown(socket.raw, CInt(SHUT_WR))
    while !connection.isFinished { try connection.step() }
    try connection.finish()
    while !connection.isTaken { try connection.step() }
    try socket.wait(POLLIN)
    #expect(socket.read() == [])
  }

  @Test("A guest connects to a server on the host's loopback, and is refused where none listens")
  func outwardConnection() throws {
    let server = try LoopbackSocket(SOCK_STREAM)
    let port = try server.bindAnywhere()
    let guest = try WireGuest()
    #expect(try WireConnection(to: Self.host, port, from: 4000, of: guest).isReset)
    try #require(listen(server.raw, 1) == 0)
    let connection = try WireConnection(to: Self.host, port, from: 4001, of: guest)
    #expect(!connection.isReset)
    let accepted = try server.accept()
    try connection.write(Array("question".utf8))
    try accepted.wait(POLLIN)
    #expect(accepted.read() == Array("question".utf8))
    #expect(accepted.write(Array("answer".utf8)[...]) == 6)
    while connection.data.count < 6 { try connection.step() }
    #expect(connection.data == Array("answer".utf8))
  }

  @Test("A server that takes nothing holds the guest back; nothing is lost when it goes on")
  func slowServer() throws {
    let server = try LoopbackSocket(SOCK_STREAM)
    let port = try server.bindAnywhere()
    try #require(listen(server.raw, 1) == 0)
    var room: CInt = 4096
    setsockopt(server.raw, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<CInt>.size))
    let guest = try WireGuest()
    let connection = try WireConnection(to: Self.host, port, from: 4000, of: guest)
    let accepted = try server.accept()
    let expected = pattern(32 << 20)
    // Until the window is shut: what the guest could send it would only keep.
    var sent = 0
    while connection.window > 0, sent < expected.count {
      let part = Array(expected[sent..<min(sent + min(1400, connection.window), expected.count)])
      try connection.write(part)
      sent += part.count
    }
    #expect(sent > 4096 && sent < expected.count)
    var found: [UInt8] = []
    while found.count < sent {
      if let part = accepted.read() { found += part }
      try guest.turn(milliseconds: 1)
    }
    #expect(found == Array(expected[..<sent]))
  }

  @Test("Datagrams reach the guest's port, and its answers who sent them")
  func forwardedDatagrams() throws {
    let (guest, port) = try forwarded(isDatagram: true, guestPort: 5353)
    let socket = try LoopbackSocket(SOCK_DGRAM)
    try socket.connect(to: port)
    for round in 0..<3 {
      #expect(socket.write([UInt8(round), 2, 3][...]) == 3)
      let frame = try guest.next(protocol: 17)
      #expect(guest.number16(frame, 36) == 5353)
      #expect(Array(frame[42..<45]) == [UInt8(round), 2, 3])
      let source = IPv4Address(guest.number(frame, 26))
      try guest.send(guest.udp(to: source, guest.number16(frame, 34), 5353, [9, UInt8(round)]))
      try socket.wait(POLLIN)
      #expect(socket.read() == [9, UInt8(round)])
    }
  }

  @Test("A guest without receive buffers is waited for")
  func starved() throws {
    let (guest, port) = try forwarded(isDatagram: false, guestPort: 80, buffers: 0)
    let socket = try LoopbackSocket(SOCK_STREAM)
    try socket.connect(to: port)
    #expect(socket.write(pattern(1000)[...]) == 1000)
    for _ in 0..<20 { try guest.turn(milliseconds: 1) }
    for slot in 0..<16 { try guest.addBuffer(slot) }
    let connection = try WireConnection(accepting: 80, of: guest)
    while connection.data.count < 1000 { try connection.step() }
    #expect(connection.data == pattern(1000))
  }

  @Test("With restrict nothing of the host is reached")
  func restricted() throws {
    let server = try LoopbackSocket(SOCK_STREAM)
    let port = try server.bindAnywhere()
    try #require(listen(server.raw, 1) == 0)
    var options = UserNetworkOptions()
    options.isRestricted = true
    let guest = try WireGuest(options)
    try guest.send(guest.tcp(to: Self.host, port, from: 4000, sequence: 1, WireConnection.begin))
    // Its answer comes after whatever that brought about.
    try guest.send(guest.arp(operation: 1, to: [], Self.host))
    while let frame = try guest.next(), frame[12...13] != [8, 6] {
      #expect(frame[23] != 6 || frame[47] & WireConnection.begin == 0)
    }
    var entry = pollfd(fd: server.raw, events: Int16(POLLIN), revents: 0)
    #expect(poll(&entry, 1, 0) == 0)
  }

  @Test("A port that somebody has, and networks that cannot be, are refused with what to do")
  func refused() throws {
    let taken = try LoopbackSocket(SOCK_STREAM)
    let port = try taken.bindAnywhere()
    try #require(listen(taken.raw, 1) == 0)
    func message(_ change: (inout UserNetworkOptions) -> Void) -> String {
      var options = UserNetworkOptions()
      change(&options)
      do {
        _ = try UserNetwork(options)
        return ""
      } catch {
        return error.description
      }
    }
    #expect(
      message {
        $0.forwards = [.init(hostAddress: IPv4Address("127.0.0.1")!, hostPort: port, guestPort: 1)]
      }.contains("127.0.0.1:\(port) failed: Address already in use; somebody has that port"))
    #expect(
      message {
        $0.forwards = [.init(hostAddress: IPv4Address("192.0.2.1")!, hostPort: 9, guestPort: 1)]
      }.contains("failed"))
    #expect(message { $0.host = IPv4Address("10.0.3.2")! }.contains("the host's address 10.0.3.2"))
    #expect(message { _ in } == "")
  }

  @Test("Frames of anything at all are survived, and the network goes on", arguments: 0..<8 as Range<UInt64>)
  func garbage(seed: UInt64) throws {
    let guest = try WireGuest()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<400 {
      var frame: [UInt8]
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        frame = (0..<Int.random(in: 0..<200, using: &random)).map { _ in .random(in: 0...255, using: &random)
        }
      case 1: frame = guest.arp(operation: .random(in: 0...3, using: &random), to: guest.gateway, Self.host)
      case 2: frame = guest.udp(to: Self.host, .random(in: 1...600, using: &random), 68, pattern(300))
      default:
        let length = Int.random(in: 0..<60, using: &random)
        frame = guest.ip([1, 2, 6, 17].randomElement(using: &random)!, to: Self.host, pattern(length))
      }
      for _ in 0..<Int.random(in: 0..<4, using: &random) where frame.count > 14 {
        frame[Int.random(in: 14..<frame.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      // Never to another host.
      if frame.count >= 34, frame[12...13] == [8, 0] { frame.replaceSubrange(30..<34, with: [10, 0, 2, 2]) }
      try guest.send(frame)
      try guest.turn(milliseconds: 0)
    }
    #expect(guest.faults.faults.isEmpty)
    try guest.send(guest.arp(operation: 1, to: [], Self.host))
    while let frame = try guest.next() {
      if frame[12...13] == [8, 6], frame[20...21] == [0, 2] { return }
    }
    Issue.record("the host answers no more")
  }
}

@Suite("Packets that wait for a guest")
struct PacketRingTests {
  @Test(
    "come in their order, those that there is no room for are dropped", arguments: 0..<10 as Range<UInt64>)
  func order(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var ring = PacketRing()
    var model: [[UInt8]] = []
    var buffer = [UInt8](repeating: 0, count: 3000)
    for _ in 0..<2000 {
      if Int.random(in: 0..<100, using: &random) < 55 {
        let length = Int.random(in: 1...PacketRing.packetLimit + 10, using: &random)
        let packet = [UInt8](repeating: .random(in: 0...255, using: &random), count: length)
        packet.withUnsafeBytes { ring.append($0) }
        if model.count < PacketRing.capacity, length <= PacketRing.packetLimit { model.append(packet) }
      } else if ring.count > 0 {
        let count = buffer.withUnsafeMutableBytes { ring.take(into: $0) }
        #expect(Array(buffer[..<count]) == model.removeFirst())
      }
      #expect(ring.count == model.count)
    }
  }
}
