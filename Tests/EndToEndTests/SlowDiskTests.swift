import Foundation
import Reports
import Testing

/// Disks whose requests are completed later, by another wakeup than the one that took them.
@Suite("Slow disks", .serialized, .needsEngine, .needsTracing)
struct SlowDiskTests {
  /// A recorded run with a disk's latency, and what the guest was told.
  private static func record(
    _ latency: String, _ parameters: [String], in directory: TemporaryDirectory
  ) throws -> String {
    let disk = directory.url.appendingPathComponent("disk").path
    if !FileManager.default.fileExists(atPath: disk) {
      #expect(FileManager.default.createFile(atPath: disk, contents: Data(count: 1 << 20)))
    }
    let trace = directory.url.appendingPathComponent("trace-\(latency)").path
    let output = try run(
      Tools.exeunt,
      ["run", "--guest", "blk"] + parameters + [
        "--disk", "\(disk),latency=\(latency)", "--serial", "none", "--timeout", "60s", "--trace", trace,
      ])
    try #require(output.status == 0, "\(output.standardError)")
    return trace
  }

  private static func queue(_ trace: String) throws -> QueueReport {
    let report = try Report(json: run(Tools.analyzer, ["summary", "--format", "json", trace]).text)
    return try #require(report.summary?.queues?.first)
  }

  @Test("kick to interrupt, and compare, have every request, not those that were complete at once")
  func latency() throws {
    let directory = try TemporaryDirectory()
    let parameters = ["iterations=60", "places=8", "wait=interrupt"]
    let fast = try Self.record("2ms", parameters, in: directory)
    let slow = try Self.record("8ms", parameters, in: directory)
    for (trace, latency) in [(fast, 2_000_000), (slow, 8_000_000)] as [(String, Int64)] {
      let queue = try Self.queue(trace)
      let told = try #require(queue.kickToInterrupt)
      #expect(told.count == queue.requests && queue.requests > 60)
      #expect(told.minimum >= latency && queue.kickToPushed?.minimum ?? 0 >= latency)
      #expect(queue.depth?.mean ?? 0 > 0.5)
    }
    let comparison = try Report(
      json: run(Tools.analyzer, ["compare", "--format", "json", fast, "--against", slow]).text)
    let evidence = try #require(comparison.compare?.evidence)
    for name in ["kick_to_interrupt.p50", "kick_to_pushed.p50", "paths/disk0 q0/kick_to_interrupt.p50"] {
      let metric = try #require(
        (evidence.primary + evidence.exploratory).first { $0.name == name }, "\(name)")
      #expect((2_000_000..<8_000_000).contains(metric.a.first.flatMap { $0 } ?? 0), "\(name)")
      #expect(metric.b.first.flatMap { $0 } ?? 0 >= 8_000_000, "\(name)")
    }
    let row = try #require(
      comparison.compare?.paths.first { $0.name == "disk0 q0 each_kick_to_interrupt" })
    #expect(row.a?.count == row.b?.count && row.a?.p50 ?? 0 < 8_000_000)
    // What a handler raised for those of its own is not shown as if it were all.
    let text = try run(Tools.analyzer, ["summary", slow]).text
    let paths = try #require(text.split(separator: "\n").first { $0.contains("disk0 q0 ioeventfd") })
    #expect(paths.hasSuffix("–"), "\(paths)")
    #expect(text.contains("disk0 q0 guest's kick → interrupt, each: "))
  }

  @Test("a guest that polls waits as long", arguments: ["iothread", "single"])
  func polling(threads: String) throws {
    let directory = try TemporaryDirectory()
    let trace = try Self.record(
      "2ms", ["iterations=60", "places=8", "wait=poll", "--threads", threads], in: directory)
    let queue = try Self.queue(trace)
    #expect(queue.kickToInterrupt == nil)
    #expect(queue.kickToPushed?.count == queue.requests && queue.kickToPushed?.minimum ?? 0 >= 2_000_000)
  }
}
