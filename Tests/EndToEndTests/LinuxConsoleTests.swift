import Foundation
import Platform
import Testing

/// The far end of a console's socket: it asks the kernel itself, with ^O and a letter (MAGIC_SYSRQ), which needs no program in the
/// guest to read.
private final class KernelAsker: @unchecked Sendable {
  private let path: String
  private let steps: [(after: String, say: String)]
  private let ended = DispatchSemaphore(value: 0)
  /// What came from the guest; to be read after ``wait()``.
  private(set) var heard = Data()
  private(set) var said = 0

  /// - Parameter steps: what to say once something has come, in this order.
  init(_ path: String, _ steps: [(after: String, say: String)]) {
    (self.path, self.steps) = (path, steps)
  }

  func start() {
    Thread {
      self.connect()
      self.ended.signal()
    }.start()
  }

  private func connect() {
    let end = Date(timeIntervalSinceNow: 60)
    while Date() < end {
      if let socket = try? UnixSocket.connect(path) { return talk(socket) }
      usleep(5000)
    }
  }

  private func talk(_ socket: borrowing FileDescriptor) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      var state = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
      poll(&state, 1, -1)
      let count = recv(socket.raw, &bytes, bytes.count, 0)
      guard count > 0 else { return }
      heard.append(contentsOf: bytes[..<count])
      while said < steps.count, heard.firstRange(of: Data(steps[said].after.utf8)) != nil {
        let words = Array(steps[said].say.utf8)
        guard send(socket.raw, words, words.count, CInt(MSG_NOSIGNAL)) == words.count else { return }
        said += 1
      }
    }
  }

  /// Until the guest's end is closed.
  func wait() { ended.wait() }
}

@Suite(
  "Linux on a console's port", .serialized,
  .needsTranslator, .needsTracing,
  .enabled(if: GuestKernel.isBuilt, "needs the kernel that `make guest-kernel` builds"))
struct LinuxConsoleTests {
  @Test(
    "What comes over a named port's socket reaches the kernel, which answers there; each byte is in the trace",
    arguments: GuestKernel.ways)
  func bothWays(engine: String, ioeventfd: String) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let socket = directory.url.appendingPathComponent("hvc").path
    // The kernel opens the last console that it has when its drivers are started, and the ports of a virtio console come later, from a
    // work queue: a network device that it waits 12 s for in vain (ip=) is time enough. When it waits for a disk that does
    // not come either, it has opened its console.
    let asker = KernelAsker(
      socket,
      [
        ("Waiting for root device", "\u{f}h"), ("sysrq: HELP", "\u{f}m"), ("pages reserved", "\u{f}b"),
      ])
    asker.start()
    let output = try run(
      Tools.exeunt,
      [
        "run", "--engine", engine, "--kernel", GuestKernel.path("vmlinux"), "--on-reboot", "exit",
        "--timeout", "10m", "--append",
        GuestKernel.commandLine
          + " virtio_mmio.device=4K@0xd0111000:7 console=hvc0 root=/dev/none rootwait ip=192.0.2.2:::::none0:off",
        "--ioeventfd", ioeventfd, "--trace", trace, "--device", "virtio-serial-device", "--chardev",
        "socket,id=c,server=on,path=\(socket)", "--device", "virtconsole,chardev=c,name=org.exeunt.console",
      ])
    asker.wait()
    let heard = String(decoding: asker.heard, as: UTF8.self)
    #expect(output.status == 0 && asker.said == 3, "\(output.standardError)\(heard)")
    // Whatever had the console's lock when it was told to reset may have kept the kernel from saying so.
    #expect(output.standardError.contains("the guest reset the machine"), "\(output.standardError)")
    for line in ["show-memory-usage(m)", "Mem-Info:"] {
      #expect(heard.contains(line), "\(heard)")
    }

    let events = try run(try #require(Tools.find("babeltrace2")), [trace]).lines.map(OracleEvent.init)
    let console = try #require(
      events.first { $0.name == "device_info" && $0.label("name") == "console0" }?.number("device"))
    let requests = events.filter { $0.name == "request_begin" && $0.number("device") == console }
    func bytes(_ kind: String, _ queue: UInt64) -> UInt64 {
      requests.filter { $0.label("kind") == kind && $0.number("queue") == queue }.reduce(0) {
        $0 + $1.number("bytes")
      }
    }
    #expect(bytes("receive", 0) == 6)
    #expect(bytes("transmit", 1) == UInt64(asker.heard.count), "\(heard)")
    let kicks = events.filter { $0.name == "ioeventfd_signal" && $0.number("device") == console }
    #expect(kicks.isEmpty == (ioeventfd == "off"))
  }
}
