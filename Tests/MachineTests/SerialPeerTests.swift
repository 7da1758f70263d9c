import CTestGuests
import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@Suite("A serial port that leads to a UNIX socket or a pseudo-terminal", .needsEngine)
struct SerialPeerTests {
  /// Who talks to the guest: `echoPolling` and `echoInterrupts` send back what they get, and end at a q.
  private final class Peer: @unchecked Sendable {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    func send(_ text: String) {
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor.raw, $0.baseAddress, $0.count) }
        if count > 0 {
          rest = rest.dropFirst(count)
          continue
        }
        guard errno == EAGAIN || errno == EINTR, wait(POLLOUT) else { break }
      }
      #expect(rest.isEmpty)
    }

    /// Reads so many bytes; fewer where they do not come.
    func receive(_ count: Int) -> String {
      var bytes: [UInt8] = []
      while bytes.count < count, wait(POLLIN) {
        var chunk = [UInt8](repeating: 0, count: count - bytes.count)
        let length = read(descriptor.raw, &chunk, chunk.count)
        if length < 0, errno == EAGAIN || errno == EINTR { continue }
        guard length > 0 else { break }
        bytes += chunk[..<length]
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    private func wait(_ event: Int32) -> Bool {
      var state = pollfd(fd: descriptor.raw, events: Int16(event), revents: 0)
      return poll(&state, 1, 60_000) > 0
    }
  }

  private func text(_ count: Int) -> String {
    String(decoding: (0..<count).map { UInt8(ascii: "A") + UInt8($0 % 26) }, as: UTF8.self)
  }

  private func connect(_ path: String, _ guest: RunningExeunt) throws -> Peer {
    // Its name is there a moment before it is listened at, and the one before is to have left.
    let deadline = Clock.monotonic + 60_000_000_000
    while Clock.monotonic < deadline, guest.wait(seconds: 0) == nil {
      if let connection = try? UnixSocket.connect(path) { return Peer(connection) }
      usleep(1000)
    }
    return Peer(try UnixSocket.connect(path))
  }

  @Test(
    "What comes over a socket comes back, whole and in order, one peer after the other",
    arguments: [TestGuest.echoPolling, .echoInterrupts], [[], ["--threads", "single"]])
  func server(guest: TestGuest, arguments: [String]) throws {
    try withTemporaryDirectory { directory in
      try Exeunt.withImage(guest) { image in
        let path = "\(directory)/serial"
        let running = try RunningExeunt(
          ["run", "--flat", image, "--serial", "unix:\(path),server=on,wait=off", "--timeout", "120s"]
            + arguments)
        for round in 0..<2 {
          let peer = try connect(path, running)
          // More than the port holds: what does not fit waits here.
          let sent = text(3000 + round)
          let sender = try DedicatedThread(name: "sender") { [peer] in peer.send(sent) }
          #expect(peer.receive(sent.utf8.count) == sent, "round \(round)")
          sender.join()
        }
        let last = try connect(path, running)
        last.send("q")
        #expect(running.exitStatus(within: 60) == 0)
        #expect(access(path, F_OK) != 0, "the name stays")
      }
    }
  }

  @Test("Connected to somebody who listens, by --chardev too", arguments: [false, true])
  func client(byReference: Bool) throws {
    try withTemporaryDirectory { directory in
      try Exeunt.withImage(.echoInterrupts) { image in
        let path = "\(directory)/serial"
        let listener = try UnixSocket.listen(path)
        let arguments =
          byReference
          ? ["--chardev", "socket,id=com,path=\(path)", "--serial", "chardev:com"]
          : ["--serial", "unix:\(path)"]
        let running = try RunningExeunt(["run", "--flat", image, "--timeout", "120s"] + arguments)
        var accepted: FileDescriptor?
        let deadline = Clock.monotonic + 60_000_000_000
        while accepted == nil, Clock.monotonic < deadline {
          accepted = try UnixSocket.accept(listener)
          usleep(1000)
        }
        guard let descriptor = accepted.take() else {
          Issue.record("nobody connects")
          return
        }
        let peer = Peer(descriptor)
        peer.send("hello")
        #expect(peer.receive(5) == "hello")
        peer.send("q")
        #expect(running.exitStatus(within: 60) == 0)
      }
    }
  }

  @Test("A pseudo-terminal, whose path is told, is raw, and may be left and opened again")
  func terminal() throws {
    try Exeunt.withImage(.echoInterrupts) { image in
      var told = try Pipe()
      let running = try RunningExeunt(
        ["run", "--flat", image, "--serial", "pty", "--timeout", "120s"], error: told.writeEnd)
      told.closeWriteEnd()
      let line = told.line(with: " is at ")
      let path = try #require(line.firstMatch(of: /the serial port is at (\/dev\/\S+)/)).1
      for round in 0..<3 {
        let peer = Peer(try FileDescriptor.open(String(path), O_RDWR | O_NOCTTY | O_NONBLOCK))
        // Nothing of it means anything to a terminal.
        let sent = "round \(round)\r\u{3}\u{4}\u{11}\u{13}"
        peer.send(sent)
        #expect(peer.receive(sent.utf8.count) == sent)
        if round == 2 { peer.send("q") }
        if round == 2 { #expect(running.exitStatus(within: 60) == 0) }
      }
    }
  }

  @Test(
    "While nobody is connected the guest sends to nobody, and is not held back", arguments: ["pty", "unix"])
  func nobody(kind: String) throws {
    try withTemporaryDirectory { directory in
      let place = kind == "pty" ? "pty" : "unix:\(directory)/s,server=on"
      let outcome = try Exeunt.run(
        ["run", "--guest", "serial", "iterations=20000", "--serial", place, "--timeout", "60s"],
        timeout: 90_000)
      #expect(outcome.exitStatus == 0, "\(outcome.standardError)")
    }
  }

  @Test(
    "Nobody else connects, or opens the pseudo-terminal, where the umask is a usual one",
    arguments: ["022", "077"])
  func permissions(umask: String) throws {
    let shell = try #require(Subprocess.find("sh"))
    func mode(_ path: String) throws -> mode_t {
      var information = stat()
      try #require(stat(path, &information) == 0)
      #expect(information.st_uid == getuid())
      return information.st_mode
    }
    try withTemporaryDirectory { directory in
      try Exeunt.withImage(.echoInterrupts) { image in
        var told = try Pipe()
        let (serial, port) = ("\(directory)/serial", "\(directory)/port")
        let running = try RunningExeunt(
          [
            "-c", "umask \(umask); exec \"$@\"", "sh", Exeunt.path, "run", "--flat", image, "--timeout",
            "120s",
            "--serial", "unix:\(serial),server=on", "--device", "virtio-serial-device",
            "--chardev", "socket,id=a,path=\(port),server=on", "--device", "virtserialport,chardev=a",
            "--chardev", "pty,id=b", "--device", "virtserialport,chardev=b",
          ], of: shell, error: told.writeEnd)
        told.closeWriteEnd()
        let line = told.line(with: " is at ")
        let terminal = try #require(line.firstMatch(of: /of the console is at (\/dev\/\S+)/)).1
        let peer = try connect(serial, running)
        // unix(7): connecting takes the right to write.
        for path in [serial, port] { #expect(try mode(path) & 0o022 == 0) }
        // The group is that of terminals, which programs such as wall(1) have.
        #expect(try mode(String(terminal)) & 0o006 == 0)
        peer.send("q")
        #expect(running.exitStatus(within: 60) == 0)
      }
    }
  }

  @Test("What cannot be is refused with what to do")
  func refusals() throws {
    for (arguments, says) in [
      (["--serial", "unix:"], "name the socket"),
      (["--serial", "unix:/nowhere/at/all"], "start who listens there first"),
      (["--serial", "unix:a,sever=on"], "did you mean 'server'?"),
      (["--serial", "chardev:x"], "there is no chardev 'x'"),
      (["--chardev", "pty,id=a"], "no device has it"),
      (["--serial", "chardev:a", "--chardev", "pty,id=a,path=b"], "unknown key 'path'"),
      (["--serial", "file:"], "name a file"),
      (["--serial", "same", "--debugcon", "same"], "give each a file of its own"),
      (["--debug-exit-port", "65533"], "give a port up to 0xfffc"),
      (["--debug-exit-port", "0x3f8"], "addresses clash: serial0 has port 0x3f8–0x3ff"),
    ] {
      let outcome = try Exeunt.run(["run", "--guest", "serial", "iterations=1"] + arguments)
      #expect(outcome.exitStatus == 2)
      #expect(outcome.standardError.contains(says), "\(outcome.standardError)")
    }
  }
}

extension Pipe {
  /// Lines up to the first one that has some text; before it may be what engine runs the guest.
  fileprivate borrowing func line(with text: String) -> String {
    var lines = ""
    while !lines.contains(text) {
      let line = readText(until: "\n", timeout: 60_000)
      if line.isEmpty { break }
      lines += line
    }
    return lines
  }
}
