import Foundation
import Platform
import Testing

@Suite("Recordings that are interrupted", .enabled(if: Tools.canRecord))
struct InterruptionTests {
  /// Whoever presses Control-C a second time does so while the trace is being closed.
  @Test("Signals that keep coming end the run, not the closing of its trace", arguments: [SIGINT, SIGTERM])
  func manySignals(signal: Int32) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let result = directory.url.appendingPathComponent("result")
    // Not Foundation's Process: the child would inherit whichever signals this thread blocks.
    let process = try Subprocess.spawn(
      Tools.exeunt.path,
      [
        "run", "--guest", "port-io", "iterations=1000000000", "--trace", trace, "--result", result.path,
      ])
    var status: CInt?
    let deadline = Clock.monotonic + 20_000_000_000
    while !Self.hasThread("vcpu0", process), Clock.monotonic < deadline { usleep(1000) }
    usleep(200_000)
    while status == nil {
      kill(process, signal)
      usleep(1000)
      status = Subprocess.wait(for: process, until: 0)
    }
    // Ended by exit(3), not by the signal.
    #expect(status == (128 + signal) << 8)
    let told = try JSONDecoder().decode(RecordedRun.RunResult.self, from: Data(contentsOf: result))
    #expect(told.trace?.isComplete == true)
    #expect(told.trace?.eventsRecorded == UInt64(try OracleTally(trace).events))
    withExtendedLifetime(directory) {}
  }

  private static func hasThread(_ name: String, _ process: Int32) -> Bool {
    let tasks = "/proc/\(process)/task"
    return (try? FileManager.default.contentsOfDirectory(atPath: tasks))?.contains { task in
      (try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8)) == name + "\n"
    } ?? false
  }
}
