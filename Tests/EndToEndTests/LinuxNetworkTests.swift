import Foundation
import Testing

@Suite(
  "Linux on a network", .serialized, .needsTranslator,
  .enabled(if: GuestKernel.isBuilt, "needs the kernel that `make guest-kernel` builds"),
  .needsTracing,
  .enabled(if: NetworkNamespace.isPossible, "needs root, /dev/net/tun, ip and ping"))
struct LinuxNetworkTests {
  @Test(
    "A kernel answers the host's pings over a tap, by ioeventfd and by exits; every packet is in the report",
    arguments: GuestKernel.ways)
  func pings(engine: String, ioeventfd: String) throws {
    let namespace = try NetworkNamespace()
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let console = directory.url.appendingPathComponent("console")
    let tool: URL = try #require(Tools.find("ip"))
    let process = Process()
    process.executableURL = tool
    let words =
      " virtio_mmio.device=4K@0xd0200000:1 ip=\(NetworkNamespace.guest):::255.255.255.0:guest:eth0:off root=/dev/none rootwait"
    process.arguments =
      [
        "netns", "exec", namespace.name, Tools.exeunt.path, "run", "--kernel", GuestKernel.path("vmlinux"),
        "--append", GuestKernel.commandLine + words, "--net", "tap:tap0,mac=52:54:00:77:00:02", "--serial",
        console.path,
        "--engine", engine, "--ioeventfd", ioeventfd, "--trace", trace, "--timeout", "10m",
      ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    // All of it: what is read of a line that is being written may end anywhere.
    let configured = "hwaddr=52:54:00:77:00:02, ipaddr=\(NetworkNamespace.guest),"
    var text = ""
    let end = Date(timeIntervalSinceNow: 300)
    while Date() < end, process.isRunning, !text.contains(configured) {
      Thread.sleep(forTimeInterval: 0.05)
      text = (try? String(contentsOf: console, encoding: .utf8)) ?? ""
    }
    // The namespace's `ip` has become exeunt by then.
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    try #require(text.contains(configured), "\(text)")
    // Each of the large ones is in two Ethernet frames each way. One at a time: this guest may be slower than they come.
    let count = 20
    for size in ["56", "2000"] {
      let pinged = try run(
        tool,
        [
          "netns", "exec", namespace.name, try #require(Tools.find("ping")).path, "-q", "-A", "-c",
          "\(count)", "-s", size, "-W", "30", NetworkNamespace.guest,
        ])
      #expect(
        pinged.text.contains("\(count) received, 0% packet loss"), "\(pinged.text) \(pinged.standardError)")
    }
    process.terminate()
    process.waitUntilExit()

    let packets = try namespace.packets()
    #expect(packets.fromGuest >= 3 * count)
    let events = try run(try #require(Tools.find("babeltrace2")), [trace]).lines.map(OracleEvent.init)
    let number = try #require(
      events.first { $0.name == "device_info" && $0.label("name") == "net0" }?.number("device"))
    let ofDevice = events.filter { $0.number("device") == number }
    let began = ofDevice.filter { $0.name == "request_begin" }
    let ended = ofDevice.filter { $0.name == "request_end" }
    #expect(began.filter { $0.label("kind") == "transmit" }.count == packets.fromGuest)
    #expect(began.filter { $0.label("kind") == "receive" }.count == packets.toGuest)
    #expect(ended.count == began.count)
    #expect(ended.allSatisfy { $0.number("status") == 0 })
    let kicks = ofDevice.filter { $0.name == "ioeventfd_signal" }
    #expect(kicks.isEmpty == (ioeventfd == "off"))
    #expect(ofDevice.contains { $0.name == "handler_begin" && $0.label("source") == "packet" })
    let summary = try #require(try AnalyzerReport(["summary"], trace).summary)
    let paths = summary.paths.filter { $0.device == "net0" && $0.queue == 1 }
    #expect(paths.reduce(0) { $0 + $1.requests } == packets.fromGuest, "\(paths)")
  }
}
