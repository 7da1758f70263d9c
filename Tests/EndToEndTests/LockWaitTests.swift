import Foundation
import Testing

/// What the trace says of waits for locks, beside what a clock of its own says around each call of pthread_mutex_lock(3) in the same
/// run.
@Suite(
  "Waits for locks are as long as another clock says", .serialized,
  .needsEngine, .needsTracing,
  .enabled(if: Tools.compiler != nil, "needs a C compiler, such as Swift's own"))
struct LockWaitTests {
  /// What a library that the machine is started with measured of one mutex.
  private struct Measured {
    let calls: UInt64
    let nanoseconds: Int64
  }

  private static let library = Tools.root.appendingPathComponent("Tests/EndToEndTests/Oracle/lock_waits.c")

  /// Runs two busy vCPUs, and measures all mutexes of all processes that take part.
  private func measure(_ lock: String, _ directory: TemporaryDirectory, _ trace: String) throws -> [Measured]
  {
    let library = directory.url.appendingPathComponent("lock_waits.so").path
    let compiler = try run(
      #require(Tools.compiler), ["-O2", "-shared", "-fPIC", "-o", library, Self.library.path])
    try #require(compiler.status == 0, "\(compiler.standardError)")
    let results = directory.url.appendingPathComponent("waits").path
    let output = try run(
      Tools.exeunt,
      [
        "run", "--guest", "smp", "iterations=6000", "accesses=6", "--cpus", "2", "--lock", lock, "--serial",
        "none", "--timeout", "60s", "--trace", trace,
      ], environment: ["LD_PRELOAD": library, "LOCK_WAITS": results])
    try #require(output.status == 0, "\(output.standardError)")
    #expect(output.standardError.contains(" none lost, in "), "\(output.standardError)")
    return try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
      .filter { $0.hasPrefix("waits.") }
      .flatMap { name in
        try String(contentsOf: directory.url.appendingPathComponent(name), encoding: .utf8)
          .split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ")
            guard numbers.count == 2, let calls = UInt64(numbers[0]), let time = Int64(numbers[1]) else {
              return nil
            }
            return Measured(calls: calls, nanoseconds: time)
          }
      }
  }

  @Test("their number exactly, their time but for the tracing of them", arguments: ["global", "device"])
  func agree(_ lock: String) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let measured = try measure(lock, directory, trace)
    let summary = try #require(try AnalyzerReport(["summary"], trace).summary)
    let waits = try #require(summary.locks?.max { $0.wait.total < $1.wait.total })
    let total = Int64(waits.wait.total)
    #expect(waits.device == (lock == "global" ? "all devices" : "scratch0"))
    // A mutex that is waited for is asked for by trylock first, so each call is a wait.
    let candidates = measured.filter { $0.calls == waits.wait.count }
    let nearest = try #require(
      candidates.min { abs($0.nanoseconds - total) < abs($1.nanoseconds - total) },
      "\(waits.wait.count) waits; measured \(measured.map(\.calls).sorted())")
    let more = total - nearest.nanoseconds
    // The events stand around the call. A thread that loses its CPU between the two makes more of it, which few do.
    #expect(more >= 0)
    #expect(
      more <= max(total / 10, 30_000_000), "\(total) ns, measured \(nearest.nanoseconds)")
    if lock == "global" {
      #expect(nearest.nanoseconds > 100_000, "hardly anything was waited for")
    }
  }
}
