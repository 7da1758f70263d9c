import Foundation
import Reporting
import Reports
import TestSupport
import Testing

/// What reports say that exits cost, held against what leaving them out saves.
@Suite("Costs of exits, measured", .serialized, .needsEngine, .needsTracing)
struct CostTests {
  private static let port = 0x1f7 as UInt64
  private static let serial = 0x3f8 as UInt64

  private static func summary(_ polls: Int, _ writes: Int) throws -> SummaryReport {
    let recorded = try RecordedRun("costs", ["iterations=400", "polls=\(polls)", "writes=\(writes)"])
    let output = try run(Tools.analyzer, ["summary", "--format", "json", recorded.trace])
    try #require(output.status == 0, "\(output.standardError)")
    withExtendedLifetime(recorded) {}
    return try #require(try Report(json: output.text).summary)
  }

  /// CPU time of the vCPU's thread: what a run takes that nothing disturbs.
  private static func time(_ summary: SummaryReport) throws -> Int64 {
    try #require(summary.vcpus.first?.scheduling?.running)
  }

  private static func median(_ times: [Int64]) -> Int64 { times.sorted()[times.count / 2] }

  @Test(
    "the costliest rows are those whose removal saves most, in that order",
    arguments: [(polls: 6, writes: 2), (polls: 2, writes: 6)])
  func order(_ planted: (polls: Int, writes: Int)) throws {
    // In turns: how fast the machine is changes with what others do on it.
    let rounds = try (0..<5).map { _ in
      (
        all: try Self.summary(planted.polls, planted.writes), unpolled: try Self.summary(0, planted.writes),
        unwritten: try Self.summary(planted.polls, 0)
      )
    }
    let saved = [
      Self.port: Self.median(try rounds.map { try Self.time($0.all) - Self.time($0.unpolled) }),
      Self.serial: Self.median(try rounds.map { try Self.time($0.all) - Self.time($0.unwritten) }),
    ]
    let whole = Self.median(try rounds.map { try Self.time($0.all) })
    let expected = saved.sorted { $0.value > $1.value }.map(\.key)
    // A wait for a CPU inside a handler counts as handling: of five runs the one that waited least.
    let summaries = rounds.map(\.all)
    let waiting = { (summary: SummaryReport) in summary.vcpus.first?.scheduling?.waiting ?? 0 }
    let summary = try #require(summaries.min { waiting($0) < waiting($1) })
    let rows = summary.exits.prefix(10)
    #expect(rows.compactMap(\.address).filter { saved[$0] != nil } == expected)
    #expect(Array(rows.compactMap(\.address).prefix(2)) == expected, "\(saved)")
    #expect(summary.dominant?.exitCost == rows.first?.cost)
    for (address, saved) in saved {
      let cost = try #require(rows.first { $0.address == address }?.cost)
      // Measured in other runs, on a machine that others use as well.
      #expect(
        saved < 2 * cost.atMost + whole / 10, "0x\(String(address, radix: 16)): \(saved) saved, \(cost)")
    }
  }
}

/// What reports say of waiting for a CPU, held against the kernel's own figure.
@Suite("Waiting for a CPU", .serialized, .needsEngine, .needsTracing)
struct WaitingTests {
  /// The waiting time of a process's thread, as the kernel counts it, for as long as the thread is there.
  private final class Watch {
    private let file: FileHandle
    private(set) var waiting: Int64 = 0
    private(set) var last = DispatchTime.now()

    init?(process: Int32, thread: String) {
      let tasks = "/proc/\(process)/task"
      let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
      let found = threads.first {
        let name = try? String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8)
        return name?.trimmingCharacters(in: .whitespacesAndNewlines) == thread
      }
      guard let found, let file = FileHandle(forReadingAtPath: "\(tasks)/\(found)/schedstat") else {
        return nil
      }
      self.file = file
    }

    /// Reads once more; false: the thread is gone.
    func read() -> Bool {
      guard (try? file.seek(toOffset: 0)) != nil, let data = try? file.readToEnd() else { return false }
      let words = String(decoding: data, as: UTF8.self).split(separator: " ")
      guard words.count == 3, let waiting = Int64(words[1]) else { return false }
      (self.waiting, last) = (waiting, .now())
      return true
    }
  }

  @Test("beside busy loops on the same CPU the report has what the kernel counted, and says so first")
  func busy() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let loops = try (0..<3).map { _ in try BusyLoop(cpu: BusyLoop.cpu) }
    // For many turns of the scheduler; the translator is that much faster.
    let iterations = HostEngine.hasKVM ? 8_000 : 200_000
    let process = Process()
    process.executableURL = Tools.exeunt
    process.arguments = [
      "run", "--guest", "port80", "iterations=\(iterations)", "--pin", "vcpu0=\(BusyLoop.cpu)", "--serial",
      "none",
      "--trace",
      trace, "--stats-interval", "100ms",
    ]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    var watch: Watch?
    while process.isRunning {
      if watch == nil { watch = Watch(process: process.processIdentifier, thread: "vcpu0") }
      if let watch, !watch.read() { break }
      usleep(2_000)
    }
    let unseen = Int64(DispatchTime.now().uptimeNanoseconds) - Int64(watch?.last.uptimeNanoseconds ?? 0)
    process.waitUntilExit()
    withExtendedLifetime(loops) {}
    try #require(process.terminationStatus == 0)
    let counted = try #require(watch)

    let output = try run(Tools.analyzer, ["summary", "--format", "json", trace])
    let report = try Report(json: output.text)
    let vcpu = try #require(report.summary?.vcpus.first)
    let cpu = try #require(vcpu.scheduling)
    let waiting = try #require(cpu.waiting)
    // Five hundredths of the span, and what passed between the last look at the kernel's figure and the thread's end.
    let slack = vcpu.span / 20
    #expect(waiting >= counted.waiting - slack && waiting <= counted.waiting + slack + unseen)

    let parts = try #require(vcpu.kvmRun)
    let known = [parts.halted, parts.asleep, parts.haltPolling, parts.waiting].compactMap { $0 }
    #expect(parts.guestOrKvm + parts.unread + known.reduce(0, +) == vcpu.inKvmRun)
    #expect(parts.guestOrKvm >= 0 && known.allSatisfy { $0 >= 0 })
    let atLeast = try #require(parts.waitingAtLeast)
    #expect(atLeast <= parts.waiting ?? 0 && atLeast <= waiting)
    // One of four on its CPU.
    #expect(waiting > vcpu.span / 2)
    #expect(report.summary?.dominant?.state == "waiting_for_cpu")
    let text = try run(Tools.analyzer, ["summary", trace]).text
    #expect(text.contains("% runnable but waiting for a CPU"))
    // The longest stay in KVM_RUN is such a wait.
    let exit = try #require(report.summary?.exits.first { $0.count == iterations })
    #expect(exit.inKvmRun.maximumExemplar?.cpuWait ?? 0 >= exit.inKvmRun.maximum - exit.inKvmRun.p50)
  }
}
