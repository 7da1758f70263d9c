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
    let configuration = try #require(
      comparison.compare?.differences.first { $0.a?.contains("latency=") == true })
    #expect(
      configuration.a?.contains("latency=2ms ") == true && configuration.b?.contains("latency=8ms ") == true)
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

  @Test(
    "where interrupts tell of some requests, which are not like the others, all requests' way is compared")
  func suppressed() throws {
    let directory = try TemporaryDirectory()
    let parameters = ["iterations=300", "places=16", "depth=16", "wait=interrupt"]
    let trace = try Self.record("1ms", parameters, in: directory)
    let queue = try Self.queue(trace)
    let (told, pushed) = (try #require(queue.kickToInterrupt), try #require(queue.kickToPushed))
    #expect(told.count < pushed.count && pushed.count == queue.requests)
    #expect(queue.kickToEachInterrupt == nil)
    let text = try run(Tools.analyzer, ["summary", trace]).text
    #expect(text.contains("interrupt, only those of which one told") && !text.contains("interrupt, each"))
    #expect(text.contains("disk latency from 1ms on"))
    let other = try Self.record("1.1ms", parameters, in: directory)
    let evidence = try #require(
      try Report(json: run(Tools.analyzer, ["compare", "--format", "json", trace, "--against", other]).text)
        .compare?.evidence)
    let names = evidence.primary.map(\.name)
    #expect(names.contains("kick_to_pushed.p50") && !names.contains("kick_to_interrupt.p50"))
    // Who asks for it learns that these runs have none.
    let asked = try run(
      Tools.analyzer, ["compare", "--primary", "kick_to_interrupt.p50", trace, "--against", other])
    #expect(
      asked.status != 0 && asked.standardError.contains("no run has the metric 'kick_to_interrupt.p50'"))
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
