import Glibc
import Platform
import TestSupport
import Testing

@testable import exeunt

/// Peers of a console's ports, and devices that a built-in guest misses, as a user of `exeunt run` meets them.
@Suite("Devices of built-in guests on the command line", .needsEngine)
struct PortPeerTests {
  /// Connects to a socket as soon as somebody listens there.
  private func connect(_ path: String, _ guest: RunningExeunt) throws -> FileDescriptor {
    // Its name is there a moment before it is listened at.
    let deadline = Clock.monotonic + 30_000_000_000
    while Clock.monotonic < deadline, guest.wait(seconds: 0) == nil {
      if let connection = try? UnixSocket.connect(path) { return connection }
      usleep(1000)
    }
    return try UnixSocket.connect(path)
  }

  @Test(
    "A peer that leaves with data under way ends the guest console, which says whose it was",
    arguments: [0, 1])
  func leaves(port: Int) throws {
    try withTemporaryDirectory { directory in
      var pipe = try Pipe()
      let guest = try RunningExeunt(
        [
          "run", "--guest", "console", "depth=2", "--timeout", "60s", "--device", "virtio-serial-device",
          "--chardev", "socket,id=a,path=\(directory)/0,server=on", "--device", "virtconsole,chardev=a",
          "--chardev", "socket,id=b,path=\(directory)/1,server=on", "--device", "virtserialport,chardev=b",
        ], error: pipe.writeEnd)
      pipe.closeWriteEnd()
      let stays = try connect("\(directory)/\(1 - port)", guest)
      do {
        let leaves = try connect("\(directory)/\(port)", guest)
        // It has something from the guest: data are under way.
        var waited = pollfd(fd: leaves.raw, events: Int16(POLLIN), revents: 0)
        #expect(poll(&waited, 1, 30_000) == 1)
      }
      // The debug exit port's code of it, 9.
      #expect(guest.exitStatus(within: 60) == 19)
      let text = pipe.readText(until: "left", timeout: 5000)
      #expect(text.contains("FAILED: the peer of port \(port) left"), "\(text)")
      #expect(!text.contains("of the console"), "\(text)")
      withExtendedLifetime(stays) {}
    }
  }

  @Test("A file that cannot be written any more is told once, with why, and a socket whose peer left is not")
  func full() throws {
    let outcome = try Exeunt.run([
      "run", "--guest", "console", "depth=8", "--timeout", "60s", "--device", "virtio-serial-device",
      "--chardev", "file,id=a,path=/dev/full", "--device", "virtserialport,chardev=a",
      "--chardev", "null,id=b", "--device", "virtconsole,chardev=b",
    ])
    #expect(outcome.exitStatus == 19)
    let lines = outcome.standardError.split(separator: "\n").filter { $0.contains("/dev/full") }
    #expect(
      lines == [
        "exeunt: port 1 of the console: --chardev file,path=/dev/full cannot be written any more, and what the guest sends is "
          + "lost: \(Errno.noSpace)"
      ])
  }

  @Test("What devices cannot be is told before what the guest misses, in one line")
  func order() throws {
    let net = ["run", "--guest", "net", "iterations=1"]
    let user = ["--netdev", "user,id=n", "--device"]
    for (arguments, words) in [
      (net, "guest net drives a device that the machine lacks; use --net user or --net tap:NAME"),
      (net + (0..<5).flatMap { _ in ["--net", "user"] }, "5 network interfaces: give up to 4"),
      (
        net + user + ["virtio-net-device,netdev=n,iothread-vq-mapping=io0:io0"],
        "net0: 2 I/O threads for 1 pair of queues; give it more pairs of queues, or fewer threads"
      ),
      (
        net + user + ["virtio-net-device,netdev=n,mca=1"],
        "--device virtio-net-device,netdev=n,mca=1: unknown key 'mca'; did you mean 'mac'?"
      ),
    ] {
      let outcome = try Exeunt.run(arguments)
      #expect(outcome.exitStatus == 2)
      #expect(outcome.standardError == "exeunt: \(words)\n")
    }
  }
}
