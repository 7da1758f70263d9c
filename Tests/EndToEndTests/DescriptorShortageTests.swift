import Foundation
import Platform
import Testing

/// A process that may open nothing any more, when somebody wants to be connected to its guest.
@Suite(
  "A host without a descriptor for who connects", .serialized, .needsEngine,
  .enabled(if: Tools.find("prlimit") != nil, "needs prlimit"))
struct DescriptorShortageTests {
  /// A run that others can connect to, and its messages.
  private final class Guest {
    let process = Process()
    let directory: TemporaryDirectory
    private let messages: URL

    init(_ arguments: [String], _ directory: TemporaryDirectory) throws {
      self.directory = directory
      messages = directory.url.appendingPathComponent("messages")
      _ = FileManager.default.createFile(atPath: messages.path, contents: nil)
      process.executableURL = Tools.exeunt
      process.arguments = ["run", "--serial", "none", "--timeout", "120s"] + arguments
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      process.standardError = try FileHandle(forWritingTo: messages)
      try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Descriptors that it may open: those below the number.
    func limit(to number: Int) throws {
      let output = try run(
        try #require(Tools.find("prlimit")), ["--pid", "\(process.processIdentifier)", "--nofile=\(number):"])
      try #require(output.status == 0, "\(output.standardError)")
    }

    var sockets: Int {
      let place = "/proc/\(process.processIdentifier)/fd"
      return ((try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []).count { name in
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(place)/\(name)"))?.hasPrefix("socket:")
          == true
      }
    }

    /// Processor time that it has used, in hundredths of a second: utime and stime of proc(5).
    func ticks() throws -> Int {
      let text = try String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
      let fields = try #require(text.split(separator: ")").last).split(separator: " ")
      return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }

    func wait(_ condition: () throws -> Bool) rethrows -> Bool {
      for _ in 0..<3000 where process.isRunning {
        if try condition() { return true }
        usleep(10_000)
      }
      return false
    }

    /// Ends it, and gives its messages.
    func end() throws -> [Substring] {
      process.terminate()
      process.waitUntilExit()
      return try String(contentsOf: messages, encoding: .utf8).split(separator: "\n")
    }
  }

  /// Somebody who is connected, by a shell, until this goes away.
  private final class Peer {
    private let process = Process()

    init(_ script: String) throws {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = ["-c", script]
      process.standardInput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
    }

    var isRunning: Bool { process.isRunning }

    func end() {
      // Signals that a thread of the tests has blocked are so in its children too, but for this one.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }

    deinit { end() }
  }

  @Test("lets it wait at no cost, takes it later, and tells that once", arguments: ["port", "forward"])
  func waiting(way: String) throws {
    let directory = try TemporaryDirectory()
    let socket = directory.url.appendingPathComponent("port").path
    let port = try LoopbackPort.free()
    let script =
      way == "port"
      ? "exec python3 -c 'import socket, time; s = socket.socket(socket.AF_UNIX); s.connect(\"\(socket)\"); time.sleep(90)'"
      : "exec 3<>/dev/tcp/127.0.0.1/\(port) && exec sleep 90"
    // A guest that sleeps for ever (cli; hlt; jmp), and one that waits for packets.
    let image = directory.url.appendingPathComponent("guest.bin")
    try Data([0xfa, 0xf4, 0xeb, 0xfd]).write(to: image)
    let guest = try Guest(
      way == "port"
        ? [
          "--flat", image.path, "--device", "virtio-serial-device", "--chardev",
          "socket,id=a,path=\(socket),server=on", "--device", "virtserialport,chardev=a",
        ]
        : [
          "--guest", "net", "iterations=1000000", "wait=interrupt", "address=10.0.2.15", "--netdev",
          "user,id=n,hostfwd=tcp:127.0.0.1:\(port)-:7", "--device", "virtio-net-device,netdev=n",
        ], directory)
    // That one is taken shows that the guest and its device are there.
    #expect(
      try guest.wait {
        let before = guest.sockets
        guard before > 0 else { return false }
        let first = try Peer(script)
        defer { first.end() }
        // One that finds nobody listening ends.
        for _ in 0..<1000 where first.isRunning {
          usleep(10_000)
          if guest.sockets > before { return true }
        }
        return false
      })
    usleep(300_000)
    let before = guest.sockets
    // What is open stays so.
    try guest.limit(to: 3)
    let peer = try Peer(script)
    // Its interpreter may take that long to start on a busy machine.
    usleep(1_500_000)
    let ticks = try guest.ticks()
    usleep(1_000_000)
    #expect(try guest.ticks() - ticks < 20, "a loop that spins takes all of the 100")
    #expect(guest.sockets <= before)
    try guest.limit(to: 1024)
    #expect(guest.wait { guest.sockets > before })
    let messages = try guest.end().filter { $0.hasSuffix(String(cString: strerror(EMFILE))) }
    #expect(messages.count == 1, "\(messages)")
    withExtendedLifetime(peer) {}
  }
}
