import Foundation
import Platform
import Testing

@Suite("Recordings that are interrupted", .needsEngine, .needsTracing)
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

  /// What is in the way of a second try would have to be found and removed by hand.
  @Test(
    "Who ends a run while its recording is being started finds nothing of it", arguments: [SIGTERM, SIGKILL])
  func whileStarting(signal: Int32) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace")
    let words = directory.url.appendingPathComponent("words")
    let process = try Subprocess.spawn(
      "/bin/sh",
      [
        "-c", "exec \"$0\" run --guest port-io iterations=1000000000 --trace \"$1\" 2> \"$2\"",
        Tools.exeunt.path, trace.path, words.path,
      ])
    func content() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: trace.path)) ?? [] }
    func wait(_ condition: () -> Bool) -> Bool {
      let deadline = Clock.monotonic + 30_000_000_000
      while !condition(), Clock.monotonic < deadline { usleep(500) }
      return condition()
    }
    // LTTng makes its directory there before it listens to anybody.
    #expect(wait { !content().isEmpty })
    kill(process, signal)
    #expect(Subprocess.wait(for: process, until: Clock.monotonic + 30_000_000_000) == signal)
    if signal == SIGTERM {
      #expect(try String(contentsOf: words, encoding: .utf8).contains("before the guest ran"))
    }
    // Where it had begun all the same, there is a recording and not a rest of one.
    func hasBegun() -> Bool {
      let files = FileManager.default.enumerator(atPath: trace.path)?.allObjects as? [String] ?? []
      return files.contains { $0.hasSuffix("/metadata") }
    }
    #expect(wait { content().isEmpty || hasBegun() }, "\(content())")
  }

  /// Nobody is left to say what is in the trace, and the guest has nothing to do with that.
  @Test("A recorder that is killed costs the recording, which is said, and not the run")
  func recorderIsKilled() throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace").path
    let output = try run(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c",
        """
        "$1" run --guest port-io iterations=20000000 --timeout 2s --serial none --trace "$2/trace" --result "$2/result" &
        until grep -q vcpu0 /proc/$!/task/*/comm; do sleep 0.05; done
        sleep 0.5
        for child in $(cat /proc/$!/task/*/children); do
          [ "$(cat /proc/$child/comm)" = exeunt-recorder ] && kill -s KILL $child && echo killed
        done
        wait $!
        """, "sh", Tools.exeunt.path, directory.url.path,
      ])
    #expect(output.text == "killed\n")
    // As a run that is not recorded ends by its time limit.
    #expect(output.status == 6, "\(output.standardError)")
    #expect(output.standardError.contains("the guest was still running"), "\(output.standardError)")
    #expect(
      output.standardError.contains("how many of them are in \(trace) is not known")
        && output.standardError.contains(
          "exeunt: the process that records was killed by signal 9: the trace ends"),
      "\(output.standardError)")
    let result = directory.url.appendingPathComponent("result")
    let told = try JSONDecoder().decode(RecordedRun.RunResult.self, from: Data(contentsOf: result))
    #expect(told.trace?.isComplete == false && told.trace?.eventsRecorded == nil)
    // The keeper closed it.
    let deadline = Clock.monotonic + 10_000_000_000
    func isLocked() -> Bool {
      (try? run(URL(fileURLWithPath: "/usr/bin/flock"), ["--nonblock", trace, "true"]))?.status != 0
    }
    while isLocked(), Clock.monotonic < deadline { usleep(50_000) }
    #expect(try OracleTally(trace).events > 0)
  }

  private static func hasThread(_ name: String, _ process: Int32) -> Bool {
    let tasks = "/proc/\(process)/task"
    return (try? FileManager.default.contentsOfDirectory(atPath: tasks))?.contains { task in
      (try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8)) == name + "\n"
    } ?? false
  }
}
