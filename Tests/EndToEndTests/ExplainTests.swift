import CTestGuests
import Foundation
import GuestPrograms
import Reporting
import Reports
import Testing

/// Runs that were built to have one known trouble each.
@Suite("explain names the trouble of a run first", .serialized, .needsEngine, .needsTracing)
struct ExplainTests {
  private static func explain(_ trace: String, _ arguments: String...) throws -> ExplainReport {
    let output = try run(Tools.analyzer, ["explain", "--format", "json"] + arguments + [trace])
    try #require(output.status == 0, "\(output.standardError)")
    return try #require(try Report(json: output.text).explain)
  }

  /// A recorded run, and what is found of it.
  private struct Explained<Run> {
    var run: Run
    var report: ExplainReport
    /// What the host took of it, as findings weigh that.
    var waiting: Double

    /// Of a kind, the finding that weighs most, where no other kind weighs more by more than what the host took meanwhile: time that
    /// a thread did not run is also part of whatever the run did then.
    func leading(_ kind: String) -> FindingReport? {
      let others = report.findings.filter { !isOfHost($0) && $0.kind != kind }.map(\.cost.weight)
      return report.findings.first { $0.kind == kind && $0.cost.weight + waiting >= others.max() ?? 0 }
    }

    /// Whether it is as severe as can be, or was, but for what the host took.
    func isHigh(_ finding: FindingReport) -> Bool { finding.cost.weight + waiting >= report.thresholds.high }
  }

  /// Of up to five runs the first one that the host left alone, or the calmest: tests and builds run beside each other.
  private static func calmest<Run>(
    _ trace: (Run) -> String, _ record: () throws -> Run
  ) throws -> Explained<Run> {
    var calmest: Explained<Run>?
    for _ in 0..<5 {
      let run = try record()
      let report = try explain(trace(run))
      let waiting = report.findings.filter(isOfHost).reduce(0) { $0 + $1.cost.weight }
      if waiting < calmest?.waiting ?? .infinity {
        calmest = Explained(run: run, report: report, waiting: waiting)
      }
      if waiting == 0 { break }
    }
    return try #require(calmest)
  }

  private static func calmest(
    _ guest: String, _ parameters: [String], flags: [String] = []
  ) throws -> Explained<RecordedRun> {
    try calmest(\.trace) { try RecordedRun(guest, parameters, flags: flags) }
  }

  /// A flat image that is run and recorded.
  private struct FlatRun {
    let directory: TemporaryDirectory
    var trace: String { directory.url.appendingPathComponent("trace").path }

    init(_ code: [UInt8], _ flags: [String]) throws {
      directory = try TemporaryDirectory()
      let image = directory.url.appendingPathComponent("image")
      try Data(code).write(to: image)
      let output = try run(
        Tools.exeunt, ["run", "--flat", image.path, "--serial", "none", "--trace", trace] + flags)
      try #require(output.status == 0, "\(output.standardError)")
    }
  }

  /// The exits of a guest at these ports, as it counts them itself.
  private static func exits(_ recorded: RecordedRun, _ ports: ClosedRange<UInt64>) -> UInt64 {
    recorded.expectation.exits(ioeventfd: true).filter {
      $0.key.space == .port && ports.contains($0.key.address)
    }.values.reduce(0, +)
  }

  @Test("serial output byte by byte")
  func serial() throws {
    let explained = try Self.calmest("serial", ["iterations=1000"])
    let (recorded, found) = (explained.run, try #require(explained.leading("small_accesses")))
    #expect(found.subject == "serial0" && explained.isHigh(found))
    #expect(found.number("exits") == Int64(Self.exits(recorded, 0x3f8...0x3ff)))
    #expect(found.parts?.map(\.count).reduce(0, +) == Self.exits(recorded, 0x3f8...0x3ff))
    #expect(found.advice.contains { $0.contains("virtconsole") })
  }

  @Test(
    "kicks that exit although an ioeventfd could take them",
    arguments: [("doorbell", "doorbell0", 2000), ("rng", "rng0", 1000), ("console", "console0", 1000)])
  func exitKicks(guest: String, device: String, iterations: Int) throws {
    let explained = try Self.calmest(guest, ["iterations=\(iterations)"], flags: ["--ioeventfd", "off"])
    let (recorded, found) = (explained.run, try #require(explained.leading("exit_kicks")))
    #expect(found.subject == device)
    #expect(found.number("kicks") == Int64(try #require(recorded.result.guest).kicks))
    #expect(found.advice.contains { $0.contains("--ioeventfd on") })
  }

  @Test("a storm at a port that no device claims")
  func unclaimed() throws {
    // mov $0x1f7,%dx; mov $5000,%cx; 1: in %dx,%al; loop 1b; mov $0x604,%dx; mov $0x3400,%ax; out %ax,%dx
    let code: [UInt8] = [
      0xba, 0xf7, 0x01, 0xb9, 0x88, 0x13, 0xec, 0xe2, 0xfd, 0xba, 0x04, 0x06, 0xb8, 0x00, 0x34, 0xef,
    ]
    let explained = try Self.calmest(\FlatRun.trace) { try FlatRun(code, []) }
    let found = try #require(explained.leading("unclaimed_accesses"))
    #expect(found.subject == "port 0x1f7" && explained.isHigh(found))
    #expect(found.number("exits") == 5000)
    let text = try run(Tools.analyzer, ["explain", explained.run.trace]).text
    #expect(text.contains(" \(found.severity.uppercased()): vcpu0 spent "))
  }

  @Test("a loop that is woken for one kick at a time")
  func singleKicks() throws {
    let explained = try Self.calmest("doorbell", ["iterations=2000"])
    let (recorded, found) = (explained.run, try #require(explained.leading("single_kicks")))
    #expect(found.subject == "doorbell0 queue 0")
    #expect(found.number("kicks") == Int64(try #require(recorded.result.guest).kicks))
    #expect(found.advice.contains { $0.contains("--iothread-poll") })
  }

  @Test("polling that misses")
  func pollingMisses() throws {
    // How long a loop sleeps between kicks depends on the machine: it polls for a third of that, and misses even where the guest is
    // twice as fast the next time.
    let parameters = ["iterations=100", "spacing=20000"]
    let unpolled = try Self.calmest("doorbell", parameters).run
    let summary = try run(Tools.analyzer, ["summary", "--format", "json", unpolled.trace])
    let sleep = try #require(try Report(json: summary.text).summary?.loops.first).sleeps.p50
    let budget = sleep / 3
    let explained = try Self.calmest("doorbell", parameters, flags: ["--iothread-poll", "\(budget)ns"])
    let (recorded, found) = (explained.run, try #require(explained.leading("polling_misses")))
    #expect(found.subject == "io0")
    #expect(found.number("kicks") == Int64(try #require(recorded.result.guest).kicks))
    #expect(found.number("budget") == budget)
    // All but the polls that found something, as each kick was found by a poll or by a wakeup.
    #expect(found.number("misses") == found.number("wakeups"))
  }

  @Test("interrupts of a device that answers at once")
  func interrupts() throws {
    // The device is asked for a word at a time by a thread that is awake, so what is left is telling the guest.
    let explained = try Self.calmest(
      "rng", ["iterations=2000", "size=8", "depth=1", "wait=interrupt"], flags: ["--iothread-poll", "100ms"])
    let (recorded, found) = (explained.run, try #require(explained.leading("interrupts")))
    let guest = try #require(recorded.result.guest)
    #expect(found.subject == "rng0")
    #expect(found.number("exits") == 2 * Int64(guest.interrupts))
    #expect(found.number("interrupts") ?? 0 >= Int64(guest.interrupts) && found.number("requests") == 2000)
    #expect(found.advice.contains { $0.contains("wait=poll") })
  }

  @Test("interrupts, each with two accesses, for many requests at a time")
  func manyRequests() throws {
    let explained = try Self.calmest("blk", ["iterations=2000", "wait=interrupt", "depth=8", "flush=0"])
    let recorded = explained.run
    let found = try #require(explained.report.findings.first { $0.kind == "interrupts" })
    #expect(found.subject == "disk0")
    #expect(found.number("exits") == 2 * Int64(try #require(recorded.result.guest).interrupts))
    #expect(found.number("requests") == 2256)
  }

  @Test(
    "a lock that is held for long, of the device or of all, by an I/O thread while a vCPU wants it",
    arguments: [("device", "rng0", 0xd011_0070), ("global", "all devices", 0xd000_1000)]
      as [(String, String, UInt32)])
  func lockWait(model: String, subject: String, register: UInt32) throws {
    let image = exeunt_test_image_lock_contention()
    var code = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    withUnsafeBytes(of: register.littleEndian) { code.replaceSubrange(1..<5, with: $0) }
    // On one CPU the vCPU would seldom run while the lock is held.
    let cpus = BusyLoop.cpus
    let explained = try Self.calmest(\FlatRun.trace) {
      try FlatRun(
        code,
        [
          "--mode", "protected", "--device", "virtio-rng-device", "--lock", model, "--timeout", "60s",
          "--pin",
          "vcpu0=\(cpus.first)", "--pin", "io0=\(cpus.last)",
        ])
    }
    // However busy the machine is: the guest does next to nothing else outside of KVM_RUN.
    let found = try #require(explained.report.findings.first { !isOfHost($0) })
    #expect(found.kind == "lock_wait" && found.subject == subject && explained.isHigh(found))
    // It asks 200 times, each time while the device is at work, but where the host stops it just then.
    #expect(found.number("waits") ?? 0 >= 50)
    let own = try #require(found.number("all_lock_waits_of_vcpu0"))
    let summary = try run(Tools.analyzer, ["summary", "--format", "json", explained.run.trace])
    #expect(try Report(json: summary.text).summary?.vcpus.first?.lockWait == own)
    #expect(found.advice.contains { $0.contains("--lock device") } == (model == "global"))
  }

  @Test("one device's handler behind another's on a loop")
  func queuedHandlers() throws {
    // Kicks queue 0 of two doorbells without rings, which is a request each: xor %eax,%eax; mov $2000,%cx;
    // 1: mov $0xd00,%dx; out %eax,%dx; mov $0xf00,%dx; out %eax,%dx; loop 1b; then switches off.
    let code: [UInt8] = [
      0x66, 0x31, 0xc0, 0xb9, 0xd0, 0x07, 0xba, 0x00, 0x0d, 0x66, 0xef, 0xba, 0x00, 0x0f, 0x66, 0xef, 0xe2,
      0xf4,
      0xba, 0x04, 0x06, 0xb8, 0x00, 0x34, 0xef,
    ]
    let explained = try Self.calmest(\FlatRun.trace) { try FlatRun(code, ["--doorbells", "2"]) }
    let found = try #require(explained.leading("queued_handlers"))
    #expect(found.subject.hasPrefix("doorbell"))
    #expect(found.number("kicks") == 2000)
    #expect(found.advice.contains { $0.contains("--iothreads 2") })
  }

  @Test("a vCPU that is runnable and does not run")
  func waiting() throws {
    let loops = try (0..<3).map { _ in try BusyLoop(cpu: BusyLoop.cpu) }
    let recorded = try RecordedRun(
      "kernel-exits", ["iterations=20000"],
      flags: ["--pin", "vcpu0=\(BusyLoop.cpu)", "--stats-interval", "100ms"])
    withExtendedLifetime(loops) {}
    let found = try #require(try Self.explain(recorded.trace).findings.first)
    #expect(found.kind == "waiting_for_cpu" && found.subject == "vcpu0" && found.severity == "high")
    let summary = try run(Tools.analyzer, ["summary", "--format", "json", recorded.trace])
    let scheduling = try #require(try Report(json: summary.text).summary?.vcpus.first?.scheduling)
    #expect(found.number("waiting") == scheduling.waiting && found.number("running") == scheduling.running)
    #expect(found.advice.contains { $0.contains("--pin") })
  }

  @Test("a tail that is one event: a reader of the serial port stands still once")
  func slowAccess() throws {
    let directory = try TemporaryDirectory()
    let fifo = directory.url.appendingPathComponent("fifo").path
    try #require(mkfifo(fifo, 0o600) == 0)
    let reader = StallingReader(fifo)
    let trace = directory.url.appendingPathComponent("trace").path
    let output = try run(
      Tools.exeunt, ["run", "--guest", "serial", "iterations=6000", "--serial", fifo, "--trace", trace])
    try #require(output.status == 0, "\(output.standardError)")
    let (bytes, stall) = reader.finish()
    #expect(bytes == 6000)
    let found = try #require(try Self.explain(trace).findings.first { $0.kind != "waiting_for_cpu" })
    #expect(found.kind == "slow_access" && found.subject == "serial0")
    #expect(found.number("longest") ?? 0 >= stall && found.number("exits") == 12_000)
    let moment = try #require(found.exemplar).timestamp
    let text = try run(Tools.analyzer, ["timeline", "--around", "\(moment)", trace]).text
    #expect(text.contains("vcpu0"))
  }

  @Test("a run without trouble has no finding, and says so")
  func healthy() throws {
    // Requests that come and go many at a time.
    let explained = try Self.calmest("blk", ["iterations=4000", "depth=64", "batch=32", "flush=0"])
    let (run, found) = (explained.run, explained.report)
    #expect(found.findings.filter { !isOfHost($0) }.map(\.title) == [])
    #expect(found.notKnown == [])
    let text = try analyze(["explain", run.trace])
    #expect(text.contains("Nothing found") == found.findings.isEmpty)
  }

  @Test("of a part of a run no cost is more than the part, and its commands analyse the same part")
  func parts() throws {
    let trace = AnalyzeCommandTests.trace("mixed")
    for (from, to) in [("11.37ms", "11.39ms"), ("27.3ms", "27.4ms"), ("10ms", "12ms"), ("0ms", "40ms")] {
      let findings = try Self.explain(trace, "--from", from, "--to", to).findings
      #expect(findings.allSatisfy { $0.cost.time <= $0.cost.of && $0.cost.share <= 1 }, "\(from)")
    }
    let found = try #require(
      try Self.explain(trace, "--from", "mark=2", "--to", "mark=3").findings.first {
        $0.kind == "small_accesses"
      }
    )
    let text = try analyze(["explain", "--from", "mark=2", "--to", "mark=3", "--width", "1000", trace])
    let command = try #require(
      text.firstMatch(of: #/see: exeunt-analyze (exits .*--from [0-9.]+ --to [0-9.]+) /#)
    ).1
    let exits = try run(
      Tools.analyzer, command.split(separator: " ").map(String.init) + ["--format", "json", trace])
    let groups = try #require(try Report(json: exits.text).exits).groups
    #expect(groups.reduce(0) { $0 + Int64($1.exits.count) } == found.number("exits"))
    // As they were asked for; what ends with the recording has no end.
    for (part, command) in [
      (["--from", "0.01", "--to", "0.02"], "--from 0.010000000 --to 0.020000000"),
      (["--from", "0.01"], "--from 0.010000000"),
    ] {
      let text = try run(Tools.analyzer, ["explain", "--width", "1000"] + part + [trace]).text
      let command = "see: exeunt-analyze paths --device doorbell0 --queue 0 \(command) \(trace)"
      #expect(text.contains(command), "\(text)")
    }
  }

  private func analyze(_ arguments: [String]) throws -> String { try run(Tools.analyzer, arguments).text }
}

/// Reads a FIFO of one page: nothing until it is full, then nothing for three times as long again, then all.
private final class StallingReader: @unchecked Sendable {
  private let descriptor: CInt
  private let done = DispatchSemaphore(value: 0)
  private var bytes = 0
  private var stall: Int64 = 0

  init(_ path: String) {
    descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    _ = fcntl(descriptor, CInt(1031), 4096)  // F_SETPIPE_SZ
    Thread { [self] in
      var first: UInt64?
      let limit = DispatchTime.now().uptimeNanoseconds + 30_000_000_000
      while DispatchTime.now().uptimeNanoseconds < limit {
        var waiting: CInt = 0
        _ = ioctl(descriptor, UInt(FIONREAD), &waiting)
        let now = DispatchTime.now().uptimeNanoseconds
        if waiting > 0, first == nil { first = now }
        if let first, waiting == 4096 {
          stall = Int64(3 * (now - first))
          break
        }
        usleep(1000)
      }
      usleep(UInt32(stall / 1000))
      drain()
      done.signal()
    }.start()
  }

  private func drain() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&state, 1, 30_000) > 0 else { return }
      let count = read(descriptor, &buffer, buffer.count)
      guard count > 0 else { return }
      bytes += count
    }
  }

  /// What was read, and how long at least the writer had to wait, ns.
  func finish() -> (bytes: Int, stall: Int64) {
    done.wait()
    close(descriptor)
    return (bytes, stall)
  }
}

/// Whether it tells of what others on this machine took.
private func isOfHost(_ finding: FindingReport) -> Bool {
  finding.kind == "waiting_for_cpu" || finding.number("cpu_wait") != nil
}
