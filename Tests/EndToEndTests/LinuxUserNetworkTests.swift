import Foundation
import Testing

@Suite(
  "Linux on a network of its own", .serialized, .needsTranslator,
  .enabled(if: GuestKernel.isBuilt, "needs the kernel that `make guest-kernel` builds"),
  .needsTracing)
struct LinuxUserNetworkTests {
  @Test(
    "A kernel refuses a connection that a forward brings it, by ioeventfd and by exits; all packets are traced",
    arguments: GuestKernel.ways)
  func forward(engine: String, ioeventfd: String) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let console = directory.url.appendingPathComponent("console")
    let port = try LoopbackPort.free()
    let process = Process()
    process.executableURL = Tools.exeunt
    let words =
      " virtio_mmio.device=4K@0xd0200000:1 ip=10.0.2.15::10.0.2.2:255.255.255.0:guest:eth0:off root=/dev/none rootwait"
    process.arguments = [
      "run", "--engine", engine, "--kernel", GuestKernel.path("vmlinux"), "--append",
      GuestKernel.commandLine + words, "--serial",
      console.path, "--netdev", "user,id=n0,hostfwd=tcp:127.0.0.1:\(port)-:80", "--object", "iothread,id=net",
      "--device", "virtio-net-device,netdev=n0,iothread=net,ioeventfd=\(ioeventfd)", "--trace", trace,
      "--timeout", "10m",
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    // All of it: what is read of a line that is being written may end anywhere.
    let configured = "hwaddr=52:54:00:12:34:56, ipaddr=10.0.2.15,"
    var text = ""
    let end = Date(timeIntervalSinceNow: 300)
    while Date() < end, process.isRunning, !text.contains(configured) {
      Thread.sleep(forTimeInterval: 0.05)
      text = (try? String(contentsOf: console, encoding: .utf8)) ?? ""
    }
    try #require(text.contains(configured), "\(text)")
    // The forward takes the connection; that it ends without a word is the guest's doing, of which no program listens.
    let connected = try run(
      URL(fileURLWithPath: "/bin/bash"),
      ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(port) && timeout 120 cat <&3; echo \"status $?\""])
    #expect(connected.text == "status 0\n" || connected.standardError.contains("reset by peer"))
    process.terminate()
    process.waitUntilExit()

    let events = try run(try #require(Tools.find("babeltrace2")), [trace]).lines.map(OracleEvent.init)
    let number = try #require(
      events.first { $0.name == "device_info" && $0.label("name") == "net0" }?.number("device"))
    let ofDevice = events.filter { $0.number("device") == number }
    let began = ofDevice.filter { $0.name == "request_begin" }
    // A question for the guest's address, and the beginning of a connection; an answer to each.
    for kind in ["transmit", "receive"] { #expect(began.filter { $0.label("kind") == kind }.count >= 2) }
    let ended = ofDevice.filter { $0.name == "request_end" }
    #expect(ended.count == began.count)
    #expect(ended.allSatisfy { $0.number("status") == 0 })
    #expect(ofDevice.contains { $0.name == "ioeventfd_signal" } == (ioeventfd == "on"))
  }
}
