import Foundation
import TestSupport
import Testing

/// The kernels of `make guest-kernel` (Tests/GuestKernel/README.md), booted as a user would.
enum GuestKernel {
  static let directory = Tools.root.appendingPathComponent(".cache/guest-kernel")
  static func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
  static var isBuilt: Bool {
    ["vmlinux", "System.map", "vmlinux-int3", "bzImage", "distribution", "initrd"].allSatisfy {
      FileManager.default.fileExists(atPath: path($0))
    }
  }

  /// What the kernel has to be told so that KVM without hardware virtualization can run it; others are not hurt. The words
  /// are those of the page that tells users of them.
  static let commandLine: String = {
    let told = words(in: "Tests/GuestKernel/README.md") ?? ""
    return "console=ttyS0 panic=-1 reboot=k " + told.replacingOccurrences(of: "LPJ", with: "\(loopsPerTick)")
  }()

  /// The line of a page that is for a kernel's command line.
  static func words(in page: String) -> String? {
    let text = try? String(contentsOf: Tools.root.appendingPathComponent(page), encoding: .utf8)
    return text?.split(separator: "\n").first { $0.hasPrefix("    noxsave ") }?.trimmingCharacters(
      in: .whitespaces)
  }

  /// `lpj` for HZ=100, as the page says: the kHz of the time stamp counter times ten.
  private static var loopsPerTick: Int {
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let megahertz = information.firstMatch(of: /cpu MHz\s*: ([0-9.]+)/).flatMap { Double($0.1) } ?? 2500
    return Int(megahertz * 10_000)
  }

  /// Engines and values of --ioeventfd that a kernel is tried with.
  static let ways =
    [("tcg", "on"), ("tcg", "off")] + (HostEngine.hasQuickKVM ? [("kvm", "on"), ("kvm", "off")] : [])

  /// Boots a kernel until it resets the machine.
  ///
  /// - Parameter words: more of its command line.
  static func boot(_ kernel: String, _ arguments: [String], _ words: String = "") throws -> Output {
    try run(
      Tools.exeunt,
      [
        "run", "--kernel", path(kernel), "--initrd", path("initrd"), "--append", commandLine + words,
        "--on-reboot",
        "exit",
        "--timeout", "10m",
      ] + arguments)
  }

  /// Lines in which a kernel complains of what firmware, or the VMM in its stead, has left undone.
  static func complaints(_ console: String) -> [Substring] {
    console.split(whereSeparator: \.isNewline).filter { line in
      ["Firmware Bug", "MTRRs disabled", "TSC doesn't count", "Disabled fast string", "APIC id mismatch"]
        .contains {
          line.contains($0)
        }
    }
  }

  /// The kernel's own last words where its first program ran, or could not.
  static func isFinished(_ console: String) -> Bool {
    console.contains("init: a program runs") || console.contains("Attempted to kill init!")
  }
}

// One after the other: each boot keeps a processor busy.
@Suite(
  "Linux boots", .serialized,
  .enabled(if: GuestKernel.isBuilt, "needs the kernel that `make guest-kernel` builds"))
struct LinuxBootTests {
  @Test(
    "A vmlinux by its PVH entry to /init, recorded; the report has every exit of the boot by device",
    .needsEngine, .needsTracing)
  func recorded() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let resultFile = directory.url.appendingPathComponent("result.json")
    let output = try GuestKernel.boot("vmlinux", ["--trace", trace, "--result", resultFile.path])
    #expect(output.status == 0, "\(output.standardError)")
    #expect(output.text.contains("Linux version 6.1."), "\(output.text)")
    #expect(output.text.contains("Run /init as init process"), "\(output.text)")
    #expect(GuestKernel.isFinished(output.text), "\(output.text)")
    #expect(GuestKernel.complaints(output.text) == [])
    #expect(output.text.contains("kvm-clock: Using msrs"), "\(output.text)")
    let result = try JSONDecoder().decode(RecordedRun.RunResult.self, from: Data(contentsOf: resultFile))
    #expect(result.trace?.eventsLost == 0)

    let summary = try AnalyzerReport(["summary"], trace)
    #expect(summary.trace.discardedEvents == 0)
    #expect(summary.trace.events == result.trace?.eventsRecorded)
    let vcpu = try #require(summary.summary?.vcpus.first)
    #expect(
      vcpu.inKvmRun + vcpu.dispatch + vcpu.lockWait + vcpu.other + vcpu.unknown + vcpu.outside == vcpu.span)
    let exits = try #require(try AnalyzerReport(["exits", "--by", "address"], trace).exits).groups.map(
      \.exits)
    #expect(exits.reduce(0) { $0 + $1.count } == result.exits[0])
    // Each character of the console is one write to the serial port's first register.
    let written = exits.filter { $0.device == "serial0" && $0.direction == "out" && $0.address == 0x3f8 }
    let characters = UInt64(output.standardOutput.count)
    #expect(written.reduce(0) { $0 + $1.count } >= characters)
    #expect(written.reduce(0) { $0 + $1.count } < characters + 100)
    #expect(exits.contains { $0.device == "i8042" && $0.direction == "out" && $0.count == 1 }, "the reset")
    #expect(try run(Tools.analyzer, [trace]).text.contains("serial0"))
  }

  /// All models under the translator, which boots in a second; under KVM as many as its processor allows. Built-in guests run under all with
  /// KVM.
  private static let models =
    (HostEngine.hasKVM ? ["--ioeventfd on"] : [])
    + (HostEngine.hasQuickKVM ? ["--threads single"] : [])
    + [
      "--ioeventfd on", "--ioeventfd off", "--wait select --lock global", "--wait io_uring",
      "--wait io_uring --ioeventfd off", "--threads single",
      "--threads single --lock none-needed --wait select --ioeventfd off",
    ].map { "--engine tcg \($0)" }

  @Test(
    "A vmlinux mounts an ext2 disk and writes to it, under each model of threads; every request is in the report",
    .needsTranslator, .needsTracing,
    .enabled(if: Tools.find("mkfs.ext2") != nil, "needs mkfs.ext2"),
    arguments: Self.models)
  func disk(model: String) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let disk = directory.url.appendingPathComponent("disk")
    try Data(count: 8 << 20).write(to: disk)
    let console = directory.url.appendingPathComponent("hvc").path
    let socket = directory.url.appendingPathComponent("ga.sock").path
    let made = try run(try #require(Tools.find("mkfs.ext2")), ["-q", "-F", disk.path])
    try #require(made.status == 0, "\(made.standardError)")
    let before = try Data(contentsOf: disk)
    let output = try GuestKernel.boot(
      "vmlinux",
      [
        "--trace", trace, "--disk", disk.path, "--device", "virtio-rng-device",
        "--device", "virtio-serial-device", "--chardev", "file,id=hvc,path=\(console)",
        "--device", "virtconsole,chardev=hvc", "--chardev", "socket,id=ga,server=on,path=\(socket)",
        "--device", "virtserialport,chardev=ga,name=org.qemu.guest_agent.0",
      ] + model.split(separator: " ").map(String.init),
      " virtio_mmio.device=4K@0xd0100000:6 virtio_mmio.device=4K@0xd0110000:13"
        + " virtio_mmio.device=4K@0xd0111000:7 console=hvc0 root=/dev/vda rootfstype=ext2 rw rdinit=/none")
    #expect(output.status == 0, "\(output.standardError)")
    #expect(output.text.contains("[vda] 16384 512-byte logical blocks"), "\(output.text)")
    #expect(output.text.contains("VFS: Mounted root (ext2 filesystem)"), "\(output.text)")
    #expect(!output.text.contains("I/O error"), "\(output.text)")
    // The superblock's count of mounts, and nothing behind the metadata.
    let after = try Data(contentsOf: disk)
    #expect(before[1024 + 52] == 0)
    #expect(after[1024 + 52] == 1)
    #expect(after.count == before.count)

    let summary = try AnalyzerReport(["summary"], trace)
    #expect(summary.trace.discardedEvents == 0)
    let paths = try #require(summary.summary).paths.filter { $0.device == "disk0" }
    // Half a dozen blocks at the least: partition table, superblock, group descriptors, inodes; the superblock written.
    #expect(paths.reduce(0) { $0 + $1.requests } >= 6, "\(paths)")
    let events = try run(try #require(Tools.find("babeltrace2")), [trace]).lines.map(OracleEvent.init)
    let number = try #require(
      events.first { $0.name == "device_info" && $0.label("name") == "disk0" }?.number("device"))
    let began = events.filter { $0.name == "request_begin" && $0.number("device") == number }
    let ended = events.filter { $0.name == "request_end" && $0.number("device") == number }
    #expect(began.count == ended.count)
    #expect(Set(began.map { $0.number("id") }) == Set(ended.map { $0.number("id") }))
    #expect(ended.allSatisfy { $0.number("status") == 0 })
    #expect(began.contains { $0.label("kind") == "write" } && began.contains { $0.label("kind") == "read" })
    #expect(events.filter { $0.name == "interrupt" && $0.number("device") == number }.count >= 6)
    let kicks = events.filter { $0.name == "ioeventfd_signal" && $0.number("device") == number }
    #expect(kicks.isEmpty == model.contains("--ioeventfd off"))

    // The kernel's own drivers of the source of random bytes and of the console: each request answered.
    #expect(output.text.contains("printk: console [hvc0] enabled"), "\(output.text)")
    let shown = try String(contentsOfFile: console, encoding: .utf8)
    #expect(shown.contains("Kernel panic"), "\(shown)")
    for (name, kind) in [("rng0", "entropy"), ("console0", "transmit")] {
      let number = try #require(
        events.first { $0.name == "device_info" && $0.label("name") == name }?.number("device"))
      let began = events.filter { $0.name == "request_begin" && $0.number("device") == number }
      let ended = events.filter { $0.name == "request_end" && $0.number("device") == number }
      #expect(!began.isEmpty && began.allSatisfy { $0.label("kind") == kind }, "\(name)")
      #expect(began.map { $0.number("id") } == ended.map { $0.number("id") }, "\(name)")
      #expect(ended.allSatisfy { $0.number("status") == 0 }, "\(name)")
    }
    #expect(access(socket, F_OK) != 0, "the socket's name goes away with the run")
  }

  @Test("A vmlinux by its 64-bit entry, with the self-test of int3, to /init", .needsEngine)
  func breakpoints() throws {
    let output = try GuestKernel.boot("vmlinux-int3", ["--boot-protocol", "linux64"])
    #expect(output.status == 0, "\(output.standardError)")
    #expect(output.text.contains("Run /init as init process"), "\(output.text)")
    #expect(GuestKernel.isFinished(output.text), "\(output.text)")
  }

  /// Runs until the console has said something; the run is then ended.
  private func console(of arguments: [String], until words: String, seconds: TimeInterval) throws -> String {
    let directory = try TemporaryDirectory()
    let console = directory.url.appendingPathComponent("console")
    let process = Process()
    process.executableURL = Tools.exeunt
    process.arguments = ["run", "--serial", console.path, "--timeout", "10m"] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    let end = Date(timeIntervalSinceNow: seconds)
    var text = ""
    while Date() < end, process.isRunning, !text.contains(words) {
      Thread.sleep(forTimeInterval: 0.05)
      text = (try? String(contentsOf: console, encoding: .utf8)) ?? ""
    }
    return text
  }

  @Test(
    "A bzImage unpacks itself and starts, by both entries", .needsTranslator,
    arguments: [("tcg", "linux64"), ("tcg", "linux32")] + (HostEngine.hasQuickKVM ? [("kvm", "linux64")] : [])
  )
  func bzImage(engine: String, entry: String) throws {
    let text = try console(
      of: [
        "--engine", engine, "--kernel", GuestKernel.path("bzImage"), "--boot-protocol", entry, "--append",
        GuestKernel.commandLine.replacing("console=ttyS0", with: "earlyprintk=ttyS0"),
      ], until: "Hypervisor detected: KVM", seconds: 400)
    #expect(text.contains("Linux version 6.1."), "\(text)")
    #expect(text.contains("Hypervisor detected: KVM"), "\(text)")
  }

  // The translator's is the next one, which comes further.
  @Test(
    "Under KVM a distribution's bzImage is entered, and its unpacker speaks",
    .needsKVM("the translator has the same test, and boots further"))
  func distribution() throws {
    let text = try console(
      of: [
        "--engine", "kvm", "--kernel", GuestKernel.path("distribution"), "--memory", "256M", "--append",
        "earlyprintk=serial,ttyS0,115200 nokaslr",
      ], until: "cmdline.", seconds: 100)
    #expect(text.contains("KASLR disabled: 'nokaslr' on cmdline."), "\(text)")
  }

  @Test("Under the translator it boots as far as it has something to mount, on two vCPUs", .needsTranslator)
  func translatedDistribution() throws {
    let words = "Unable to mount root fs on unknown-block(0,0)"
    let text = try console(
      of: [
        "--engine", "tcg", "--kernel", GuestKernel.path("distribution"), "--memory", "256M", "--cpus", "2",
        "--append", "console=ttyS0",
      ], until: words, seconds: 400)
    #expect(text.contains("smp: Brought up 1 node, 2 CPUs") && text.contains(words), "\(text)")
    #expect(GuestKernel.complaints(text).map { $0.prefix(100) } == [])
  }
}
