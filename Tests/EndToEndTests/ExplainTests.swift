import Foundation
import GuestPrograms
import Reporting
import Reports
import Testing

/// Runs that were built to have one known trouble each.
@Suite("explain names the trouble of a run first", .serialized, .enabled(if: Tools.canRecord))
struct ExplainTests {
  private static func explain(_ trace: String, _ arguments: String...) throws -> ExplainReport {
    let output = try run(Tools.analyzer, ["explain", "--format", "json"] + arguments + [trace])
    try #require(output.status == 0, "\(output.standardError)")
    return try #require(try Report(json: output.text).explain)
  }

  /// What weighs most, but for what others on this machine took: tests run beside each other.
  private static func trouble(_ trace: String) throws -> FindingReport? {
    try explain(trace).findings.first { !isOfHost($0) }
  }

  private static func isOfHost(_ finding: FindingReport) -> Bool {
    finding.kind == "waiting_for_cpu" || finding.number("cpu_wait") != nil
  }

  /// The exits of a guest at these ports, as it counts them itself.
  private static func exits(_ recorded: RecordedRun, _ ports: ClosedRange<UInt64>) -> UInt64 {
    recorded.expectation.exits(ioeventfd: true).filter {
      $0.key.space == .port && ports.contains($0.key.address)
    }.values.reduce(0, +)
  }

  @Test("serial output byte by byte")
  func serial() throws {
    let recorded = try RecordedRun("serial", ["iterations=1000"])
    let found = try #require(try Self.trouble(recorded.trace))
    #expect(found.kind == "small_accesses" && found.subject == "serial0" && found.severity == "high")
    #expect(found.number("exits") == Int64(Self.exits(recorded, 0x3f8...0x3ff)))
    #expect(found.parts?.map(\.count).reduce(0, +) == Self.exits(recorded, 0x3f8...0x3ff))
    #expect(found.advice.contains { $0.contains("virtconsole") })
  }

  @Test(
    "kicks that exit although an ioeventfd could take them",
    arguments: [("doorbell", "doorbell0", 2000), ("rng", "rng0", 1000), ("console", "console0", 1000)])
  func exitKicks(guest: String, device: String, iterations: Int) throws {
    let recorded = try RecordedRun(guest, ["iterations=\(iterations)"], flags: ["--ioeventfd", "off"])
    let found = try #require(try Self.trouble(recorded.trace))
    #expect(found.kind == "exit_kicks" && found.subject == device)
    #expect(found.number("kicks") == Int64(try #require(recorded.result.guest).kicks))
    #expect(found.advice.contains { $0.contains("--ioeventfd on") })
  }

  @Test("a storm at a port that no device claims")
  func unclaimed() throws {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("image")
    // mov $0x1f7,%dx; mov $5000,%cx; 1: in %dx,%al; loop 1b; mov $0x604,%dx; mov $0x3400,%ax; out %ax,%dx
    let code: [UInt8] = [
      0xba, 0xf7, 0x01, 0xb9, 0x88, 0x13, 0xec, 0xe2, 0xfd, 0xba, 0x04, 0x06, 0xb8, 0x00, 0x34, 0xef,
    ]
    try Data(code).write(to: image)
    let trace = directory.url.appendingPathComponent("trace").path
    let output = try run(Tools.exeunt, ["run", "--flat", image.path, "--serial", "none", "--trace", trace])
    try #require(output.status == 0, "\(output.standardError)")
    let found = try #require(try Self.trouble(trace))
    #expect(found.kind == "unclaimed_accesses" && found.subject == "port 0x1f7" && found.severity == "high")
    #expect(found.number("exits") == 5000)
    let text = try run(Tools.analyzer, ["explain", trace]).text
    #expect(text.contains(" HIGH: vcpu0 spent "))
  }

  @Test("a loop that is woken for one kick at a time")
  func singleKicks() throws {
    let recorded = try RecordedRun("doorbell", ["iterations=2000"])
    let found = try #require(try Self.trouble(recorded.trace))
    #expect(found.kind == "single_kicks" && found.subject == "doorbell0 queue 0")
    #expect(found.number("kicks") == Int64(try #require(recorded.result.guest).kicks))
    #expect(found.advice.contains { $0.contains("--iothread-poll") })
  }

  @Test("polling that misses")
  func pollingMisses() throws {
    // How long a loop sleeps between kicks depends on the machine: it polls for a part of that.
    let parameters = ["iterations=200", "spacing=5000"]
    let unpolled = try RecordedRun("doorbell", parameters)
    let summary = try run(Tools.analyzer, ["summary", "--format", "json", unpolled.trace])
    let sleep = try #require(try Report(json: summary.text).summary?.loops.first).sleeps.p50
    let budget = sleep * 6 / 10
    let recorded = try RecordedRun("doorbell", parameters, flags: ["--iothread-poll", "\(budget)ns"])
    let found = try #require(try Self.trouble(recorded.trace))
    #expect(found.kind == "polling_misses" && found.subject == "io0")
    #expect(found.number("kicks") == Int64(try #require(recorded.result.guest).kicks))
    #expect(found.number("budget") == budget)
    // All but the polls that found something, as each kick was found by a poll or by a wakeup.
    #expect(found.number("misses") == found.number("wakeups"))
  }

  @Test("interrupts, each with two accesses")
  func interrupts() throws {
    let recorded = try RecordedRun("blk", ["iterations=2000", "wait=interrupt", "depth=8", "flush=0"])
    let found = try #require(try Self.explain(recorded.trace).findings.first { $0.kind == "interrupts" })
    #expect(found.subject == "disk0")
    #expect(found.number("exits") == 2 * Int64(try #require(recorded.result.guest).interrupts))
    #expect(found.number("requests") == 2256)
  }

  @Test("one device's handler behind another's on a loop")
  func queuedHandlers() throws {
    let directory = try TemporaryDirectory()
    let image = directory.url.appendingPathComponent("image")
    // Kicks queue 0 of two doorbells without rings, which is a request each: xor %eax,%eax; mov $2000,%cx;
    // 1: mov $0xd00,%dx; out %eax,%dx; mov $0xf00,%dx; out %eax,%dx; loop 1b; then switches off.
    let code: [UInt8] = [
      0x66, 0x31, 0xc0, 0xb9, 0xd0, 0x07, 0xba, 0x00, 0x0d, 0x66, 0xef, 0xba, 0x00, 0x0f, 0x66, 0xef, 0xe2,
      0xf4,
      0xba, 0x04, 0x06, 0xb8, 0x00, 0x34, 0xef,
    ]
    try Data(code).write(to: image)
    let trace = directory.url.appendingPathComponent("trace").path
    let output = try run(
      Tools.exeunt,
      ["run", "--flat", image.path, "--doorbells", "2", "--serial", "none", "--trace", trace])
    try #require(output.status == 0, "\(output.standardError)")
    let found = try #require(try Self.trouble(trace))
    #expect(found.kind == "queued_handlers" && found.subject.hasPrefix("doorbell"))
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
    // Requests that come and go many at a time. Of several runs the one that the host disturbed least.
    var calmest: (run: RecordedRun, waiting: Int64, found: ExplainReport)?
    for _ in 0..<5 {
      let recorded = try RecordedRun("blk", ["iterations=4000", "depth=64", "batch=32", "flush=0"])
      let found = try Self.explain(recorded.trace)
      let waiting = found.findings.filter(Self.isOfHost).reduce(0) { $0 + $1.cost.time }
      if waiting < calmest?.waiting ?? .max { calmest = (recorded, waiting, found) }
      if waiting == 0 { break }
    }
    let (run, waiting, found) = try #require(calmest)
    #expect(found.findings.filter { !Self.isOfHost($0) }.map(\.title) == [])
    #expect(found.notKnown == [])
    let text = try analyze(["explain", run.trace])
    #expect(text.contains("Nothing found") == (waiting == 0))
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
