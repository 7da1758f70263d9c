import Foundation
import TestSupport
import Testing

/// What `exeunt run --trace` says of its recording when it is over: in words, and in the file of `--result`.
@Suite("What is said of a recording", .serialized, .needsEngine, .needsTracing)
struct RecordingClaimsTests {
  private func result(_ directory: TemporaryDirectory) throws -> RecordedRun.RunResult.Trace {
    let file = directory.url.appendingPathComponent("result")
    let result = try JSONDecoder().decode(RecordedRun.RunResult.self, from: Data(contentsOf: file))
    return try #require(result.trace)
  }

  @Test("Without an analyzer to read the trace, nothing is claimed of what is in it")
  func unverified() throws {
    let directory = try TemporaryDirectory()
    let copy = directory.url.appendingPathComponent("exeunt")
    try FileManager.default.copyItem(at: Tools.exeunt, to: copy)
    let output = try run(
      copy,
      [
        "run", "--guest", "port-io", "iterations=50", "--serial", "none", "--trace",
        directory.url.appendingPathComponent("trace").path, "--result",
        directory.url.appendingPathComponent("result").path,
      ], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
    #expect(output.status == 0)
    #expect(
      output.standardError.contains("events emitted; how many of them are in"), "\(output.standardError)")
    #expect(
      output.standardError.contains("neither beside this program nor in PATH"), "\(output.standardError)")
    #expect(!output.standardError.contains("lost"), "\(output.standardError)")
    let trace = try result(directory)
    #expect(trace.eventsRecorded == nil && trace.eventsLost == nil && !trace.isComplete)
    #expect(trace.eventsEmitted > 200)
  }

  @Test("When the daemon dies, the recorder and the analyzer agree that the rest is not known")
  func daemonKilled() throws {
    let directory = try TemporaryDirectory()
    let output = try runBesideDaemon(
      directory,
      """
      "$1" run --guest timer iterations=1000000 --serial none --timeout 3s --trace "$2/trace" --result "$2/result" &
      until [ -s "$(echo "$2"/trace/ust/uid/*/*/metadata)" ]; do sleep 0.05; done
      kill -s KILL "$(cat $run/lttng-sessiond.pid)"
      wait $!
      echo "status $?"
      """)
    #expect(output.lines.contains("status 6"), "\(output.text)\(output.standardError)")
    let trace = try result(directory)
    let recorded = try #require(trace.eventsRecorded)
    #expect(trace.eventsLost == nil && !trace.isComplete)
    #expect(output.standardError.contains("\(recorded) events recorded, how many were not is not known"))
    #expect(output.standardError.contains("the recording ended before the run did"))
    #expect(!output.standardError.contains("none lost"), "\(output.standardError)")
    let path = directory.url.appendingPathComponent("trace").path
    let check = try run(Tools.analyzer, ["check", path, "--fail-on-loss"])
    #expect(check.status == 1)
    #expect(check.text.contains("end missing"), "\(check.text)")
    let events = try run(try #require(Tools.find("babeltrace2")), [path])
    #expect(events.lines.count == Int(recorded))
  }
}
