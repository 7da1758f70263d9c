import Foundation
import Glibc
import Testing

/// A network namespace with a tap in it, and the host's end of the wire.
final class NetworkNamespace: Sendable {
  let name: String
  static let host = "10.77.0.1"
  static let guest = "10.77.0.2"

  static var isPossible: Bool {
    geteuid() == 0 && FileManager.default.fileExists(atPath: "/dev/net/tun") && Tools.find("ip") != nil
      && Tools.find("ping") != nil
  }

  init() throws {
    name = "exeunt-\(UUID().uuidString.prefix(8))"
    try ip("netns", "add", name)
    try ip("-n", name, "tuntap", "add", "tap0", "mode", "tap")
    // Neighbours of IPv6 would talk whenever they like, and packets are counted.
    try ip("netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/tap0/disable_ipv6")
    try ip("-n", name, "address", "add", NetworkNamespace.host + "/24", "dev", "tap0")
    try ip("-n", name, "link", "set", "tap0", "up")
  }

  deinit { _ = try? ip("netns", "delete", name) }

  @discardableResult
  func ip(_ arguments: String...) throws -> String {
    let output = try run(try #require(Tools.find("ip")), arguments)
    try #require(output.status == 0, "ip \(arguments): \(output.standardError)")
    return output.text
  }

  /// Packets that the host had from the guest and gave it, as the kernel counts.
  func packets() throws -> (fromGuest: Int, toGuest: Int) {
    struct Link: Decodable {
      struct Statistics: Decodable {
        struct Direction: Decodable { let packets: Int }
        let rx: Direction
        let tx: Direction
      }
      let stats64: Statistics
    }
    let text = try ip("-n", name, "-s", "-j", "link", "show", "tap0")
    let link = try #require(try JSONDecoder().decode([Link].self, from: Data(text.utf8)).first)
    return (link.stats64.rx.packets, link.stats64.tx.packets)
  }

  /// Runs a program in it, without waiting for its end.
  func start(_ program: URL, _ arguments: [String]) throws -> Process {
    let process = Process()
    let tool: URL = try #require(Tools.find("ip"))
    process.executableURL = tool
    process.arguments = ["netns", "exec", name, program.path] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  /// Waits until somebody is attached to the tap: packets are lost before, and wait from then on.
  func waitForCarrier(of process: Process) throws {
    while process.isRunning, try !ip("-n", name, "link", "show", "tap0").contains("LOWER_UP") {
      usleep(20_000)
    }
    try #require(process.isRunning, "nobody is attached to the tap")
  }

  /// Pings the guest, each time when the answer to the one before has come.
  func ping(_ count: Int, size: Int) throws {
    let output = try run(
      try #require(Tools.find("ip")),
      [
        "netns", "exec", name, try #require(Tools.find("ping")).path, "-q", "-A", "-c", "\(count)", "-s",
        "\(size)", "-W", "30", NetworkNamespace.guest,
      ])
    #expect(
      output.text.contains("\(count) received, 0% packet loss"), "\(output.text) \(output.standardError)")
  }

  /// A socket for datagrams to a port of the guest's, which waits 30 s for answers.
  func datagrams(toPort port: UInt16) throws -> FileHandle {
    // A thread is in a namespace for itself, and a socket in that of the thread that made it.
    let made = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var raw: CInt = -1
    let path = "/run/netns/\(name)"
    Thread {
      let namespace = open(path, O_RDONLY | O_CLOEXEC)
      if namespace >= 0, NetworkNamespace.enter(namespace) == 0 {
        raw = socket(AF_INET, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      }
      close(namespace)
      made.signal()
    }.start()
    made.wait()
    try #require(raw >= 0, "a socket in \(path)")
    let handle = FileHandle(fileDescriptor: raw, closeOnDealloc: true)
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, NetworkNamespace.guest, &address.sin_addr)
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(connected == 0)
    return handle
  }

  /// setns(2) with CLONE_NEWNET, which Swift does not import.
  private static func enter(_ descriptor: CInt) -> CInt {
    typealias Function = @convention(c) (CInt, CInt) -> CInt
    guard let symbol = dlsym(nil, "setns") else { return -1 }
    return unsafeBitCast(symbol, to: Function.self)(descriptor, 0x4000_0000)
  }

  /// Has the guest's Ethernet address for good, so that the host asks for it no more.
  func settleNeighbour(_ address: String) throws {
    try ip(
      "-n", name, "neigh", "replace", NetworkNamespace.guest, "lladdr", address, "dev", "tap0", "nud",
      "permanent")
  }
}
