import Foundation
import Testing

/// A system of this host's parts: BusyBox, and Debian's guest agent.
private enum GuestSystem {
  static let busybox: String? = ["/bin/busybox", "/usr/bin/busybox"].first { access($0, X_OK) == 0 }
  static let agent: String? = ["/usr/sbin/qemu-ga", "/usr/bin/qemu-ga"].first { access($0, X_OK) == 0 }

  /// A ramdisk whose first program is a shell, to be told `/boot.sh`.
  static func ramdisk(_ script: String, agent: Bool = false) throws -> Data {
    var disk = Ramdisk()
    for name in ["dev", "proc", "sys", "tmp", "run"] { disk.directory(name) }
    disk.file("bin/busybox", Array(try Data(contentsOf: URL(fileURLWithPath: try #require(busybox)))))
    for name in ["sh", "mount", "dd", "sync", "cmp", "reboot", "uname", "grep", "ping"] {
      disk.link("bin/\(name)", to: "busybox")
    }
    if agent { try disk.program(try #require(GuestSystem.agent)) }
    disk.file(
      "boot.sh",
      Array(
        "mount -t devtmpfs none /dev; mount -t proc none /proc; mount -t sysfs none /sys\n\(script)\n".utf8))
    return disk.finished()
  }
}

@Suite(
  "Linux with programs, under the translator", .serialized, .needsTranslator,
  .enabled(if: GuestKernel.isBuilt, "needs the kernel that `make guest-kernel` builds"),
  .enabled(if: GuestSystem.busybox != nil, "needs busybox (busybox-static)"))
struct TranslatedLinuxTests {
  /// Arguments of `exeunt run` for a system with devices at these addresses and lines.
  private func arguments(
    _ directory: TemporaryDirectory, _ ramdisk: Data, devices: [String], words: String = ""
  ) throws -> [String] {
    let file = directory.url.appendingPathComponent("initrd")
    try ramdisk.write(to: file)
    let found = devices.map { " virtio_mmio.device=4K@\($0)" }.joined()
    return [
      "run", "--engine", "tcg", "--kernel", GuestKernel.path("vmlinux"), "--initrd", file.path, "--memory",
      "128M", "--append",
      "console=ttyS0 panic=-1 reboot=k quiet\(found)\(words) rdinit=/bin/sh -- /boot.sh",
      "--on-reboot", "exit", "--timeout", "10m",
    ]
  }

  @Test(
    "a kernel runs a program, and dd copies a disk byte for byte, by ioeventfd and by exits; every request is in the trace",
    .needsTracing, arguments: ["on", "off"])
  func copy(ioeventfd: String) throws {
    let directory = try TemporaryDirectory()
    let places = ["from", "to", "trace", "result"].map { directory.url.appendingPathComponent($0).path }
    var random = SystemRandomNumberGenerator()
    let content = Data((0..<(1 << 20)).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    try content.write(to: URL(fileURLWithPath: places[0]))
    try Data(count: content.count).write(to: URL(fileURLWithPath: places[1]))
    let ramdisk = try GuestSystem.ramdisk(
      "dd if=/dev/vda of=/dev/vdb bs=64k && sync && cmp /dev/vda /dev/vdb && echo copied; reboot -f")
    let output = try run(
      Tools.exeunt,
      arguments(directory, ramdisk, devices: ["0xd0100000:6", "0xd0101000:14"]) + [
        "--disk", places[0], "--disk", places[1], "--ioeventfd", ioeventfd, "--trace", places[2], "--result",
        places[3],
      ])
    #expect(output.status == 0 && output.text.contains("copied"), "\(output.text)\(output.standardError)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: places[1])) == content)

    let result = try JSONDecoder().decode(
      RecordedRun.RunResult.self, from: Data(contentsOf: URL(fileURLWithPath: places[3])))
    #expect(result.trace?.eventsLost == 0)
    let events = try run(try #require(Tools.find("babeltrace2")), [places[2]]).lines.map(OracleEvent.init)
    #expect(events.filter { $0.name == "vcpu_run_exit" }.count == result.exits[0])
    for (name, kind) in [("disk0", "read"), ("disk1", "write")] {
      let number = try #require(
        events.first { $0.name == "device_info" && $0.label("name") == name }?.number("device"))
      let ofDisk = events.filter { $0.number("device") == number }
      let began = ofDisk.filter { $0.name == "request_begin" && $0.label("kind") == kind }
      // All of the disk, and what the kernel reads of its beginning and `cmp` of both.
      #expect(began.reduce(0) { $0 + $1.number("bytes") } >= content.count, "\(name)")
      #expect(ofDisk.count { $0.name == "request_begin" } == ofDisk.count { $0.name == "request_end" })
      #expect(ofDisk.contains { $0.name == "ioeventfd_signal" } == (ioeventfd == "on"))
    }
  }

  @Test(
    "Debian's guest agent in a guest answers over its port",
    .enabled(if: GuestSystem.agent != nil, "needs qemu-ga (qemu-guest-agent)"))
  func agent() throws {
    let directory = try TemporaryDirectory()
    let socket = directory.url.appendingPathComponent("ga.sock").path
    let ramdisk = try GuestSystem.ramdisk(
      "qemu-ga -m virtio-serial -p /dev/vport0p1 -t /tmp; reboot -f", agent: true)
    let process = Process()
    process.executableURL = Tools.exeunt
    process.arguments =
      try arguments(directory, ramdisk, devices: ["0xd0111000:7"]) + [
        "--chardev", "socket,id=ga,server=on,path=\(socket)", "--device", "virtio-serial-device", "--device",
        "virtserialport,chardev=ga,name=org.qemu.guest_agent.0",
      ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    // The socket is there before the guest is; the agent waits for its answer.
    let end = Date(timeIntervalSinceNow: 300)
    while access(socket, R_OK) != 0, process.isRunning, Date() < end { usleep(10_000) }
    let asked = { (words: [String]) in
      try run(Tools.exeunt, ["agent", "--socket", socket, "--timeout", "4m"] + words)
    }
    let answer = try asked(["exec", "--", "/bin/uname", "-sr"])
    #expect(answer.status == 0 && answer.text.hasPrefix("Linux 6.1."), "\(answer)")
    let status = try asked(["exec", "--", "/bin/grep", "-q", "no such word", "/proc/version"])
    #expect(status.status == 1, "\(status)")
    let written = try asked(["--format", "json", "file-open", #"{"path": "/tmp/note", "mode": "w"}"#])
    #expect(written.status == 0, "\(written)")
  }
}
