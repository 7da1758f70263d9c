import Foundation
import TestSupport
import Testing

/// The built-in guest `net` on a network of its own, reached through a port of the host's loopback.
@Suite(
  "The guest on a network of its own answers who comes through a forward", .serialized,
  .needsEngine, .needsTracing)
struct UserNetworkGuestTests {
  @Test(
    "datagrams: what the host sent comes back, and the trace has each packet",
    arguments: ["on", "off"])
  func datagrams(ioeventfd: String) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let port = try LoopbackPort.free()
    let count = 40
    let process = Process()
    process.executableURL = Tools.exeunt
    process.arguments = [
      "run", "--guest", "net", "iterations=\(count)", "address=10.0.2.15", "wait=interrupt", "--netdev",
      "user,id=n0,hostfwd=udp:127.0.0.1:\(port)-:7", "--object", "iothread,id=net", "--device",
      "virtio-net-device,netdev=n0,iothread=net,ioeventfd=\(ioeventfd)", "--trace", trace, "--serial", "none",
      "--timeout", "120s",
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer { process.terminate() }
    let socket = try LoopbackPort.datagrams(to: port)
    var random = SeededGenerator(seed: 7)
    var sent: [[UInt8]] = []
    var answered = 0
    // Before the guest is there nobody listens, and an answer may come late.
    while process.isRunning, sent.count < 100 * count {
      let number = withUnsafeBytes(of: UInt32(sent.count).littleEndian, Array.init)
      sent.append(
        number
          + (0..<Int.random(in: 0...1400, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
          })
      guard send(socket.fileDescriptor, sent[sent.count - 1], sent[sent.count - 1].count, 0) > 0 else {
        Thread.sleep(forTimeInterval: 0.02)
        continue
      }
      var received = [UInt8](repeating: 0, count: 2000)
      let length = recv(socket.fileDescriptor, &received, received.count, 0)
      guard length >= 4 else {
        // Told at once, and told of the datagram before.
        if errno == ECONNREFUSED { Thread.sleep(forTimeInterval: 0.02) }
        continue
      }
      let index = received[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
      try #require(index < sent.count)
      #expect(Array(received.prefix(length)) == sent[index])
      answered += 1
    }
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    // One of the answers is to the question for the guest's Ethernet address.
    #expect(answered > 0 && answered <= count, "\(answered)")
    let device = try RequestTally(trace, of: "net0")
    #expect(device.failed == 0)
    #expect(device.begun["transmit"] ?? 0 >= UInt64(count))
    #expect(device.begun["receive"] ?? 0 >= UInt64(count))
    #expect((device.kicks > 0) == (ioeventfd == "on"))
  }
}

/// Sockets of the host's loopback.
enum LoopbackPort {
  private static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }

  private static func call(
    _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Int32
  ) -> Int32 {
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
    }
  }

  /// A port that nobody has now, neither for TCP nor for UDP.
  static func free() throws -> UInt16 {
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    for _ in 0..<50 {
      let stream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let datagram = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      defer {
        close(stream)
        close(datagram)
      }
      var anywhere = address(0)
      try #require(call(&anywhere) { bind(stream, $0, size) } == 0)
      try #require(call(&anywhere) { getsockname(stream, $0, &size) } == 0)
      if call(&anywhere, { bind(datagram, $0, size) }) == 0 { return UInt16(bigEndian: anywhere.sin_port) }
    }
    throw CocoaError(.featureUnsupported)
  }

  /// A socket that sends datagrams to a port, and waits half a second for each answer.
  static func datagrams(to port: UInt16) throws -> FileHandle {
    let raw = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    try #require(raw >= 0)
    var limit = timeval(tv_sec: 0, tv_usec: 500_000)
    setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var target = address(port)
    try #require(call(&target) { connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) } == 0)
    return FileHandle(fileDescriptor: raw, closeOnDealloc: true)
  }
}
