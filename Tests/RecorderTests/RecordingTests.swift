import Glibc
import Platform
import TestSupport
import Testing

@testable import Recorder

@Suite("Recording a run through LTTng")
struct RecordingTests {
  @Test("every event that was emitted is in the trace, and nothing is left behind")
  func records() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/a/run", ["events=100000"])
      #expect(probe["lost"] == "0", "\(probe)")
      #expect(probe["packets lost"] == "0", "\(probe)")
      #expect(probe["complete"] == "true", "\(probe)")
      #expect(probe.warnings.isEmpty, "\(probe)")
      #expect(probe["recorded"] == "100000", "\(probe)")
      #expect(try eventCount("\(directory)/a/run") == 100_000)
      #expect(probe["bytes"].flatMap { Int($0) } ?? 0 > 1_000_000, "\(probe)")
      expectNothingLeft(of: probe)
    }
  }

  @Test("events that found no room are counted exactly")
  func countsLosses() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/run", ["events=2000000", "size=4096", "count=2"])
      let lost = try #require(probe["lost"].flatMap { Int($0) })
      #expect(lost > 0)
      #expect(try eventCount("\(directory)/run") + lost == 2_000_000)
      #expect(probe["complete"] == "true", "\(probe)")
    }
  }

  @Test("runs at the same time do not see each other")
  func recordsSideBySide() async throws {
    try await withTemporaryDirectory { directory in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...4 {
          group.addTask {
            let probe = try Probe("\(directory)/\(number)", ["events=\(number * 1000)", "pause=300"])
            #expect(probe["lost"] == "0", "\(probe)")
            #expect(try eventCount("\(directory)/\(number)") == number * 1000)
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test("one run at a time records into a directory", arguments: [false, true])
  func directoryIsLocked(besideRunningDaemon: Bool) throws {
    try withTemporaryDirectory { directory in
      // The second run comes when the first has a session and nothing is in the directory yet, and once more later.
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          [ "$2" = true ] && lttng-sessiond --no-kernel --daemonize
          "$probe" "$1/run" events=5000 pause=1500 >"$1/first" &
          until grep -q ":$(stat -c %i "$1/run" 2>/dev/null || echo none) " /proc/locks; do sleep 0.01; done
          "$probe" "$1/run" events=1
          wait $!
          cat "$1/first"
          "$probe" "$1/run" events=1
          """), [directory, "\(besideRunningDaemon)"])
      let refusals = probe.lines.filter { $0.hasPrefix("error: ") }
      #expect(refusals.count == 2, "\(probe)")
      #expect(refusals.first?.contains("another run is recording into it") == true, "\(probe)")
      #expect(refusals.last?.contains("it is not empty") == true, "\(probe)")
      #expect(probe["daemon"] == (besideRunningDaemon ? "found" : "private"), "\(probe)")
      #expect(probe["recorded"] == "5000" && probe["complete"] == "true", "\(probe)")
      #expect(try eventCount("\(directory)/run") == 5000)
    }
  }

  @Test("a normal user records as well", .enabled(if: getuid() == 0, "needs root, to become another user"))
  func recordsAsNormalUser() throws {
    try withTemporaryDirectory { directory in
      // The build directory may be closed to others.
      let copy = "\(directory)/probe"
      _ = try Subprocess.run("/bin/cp", [Probe.path, copy], timeout: 10_000)
      chmod(directory, 0o777)
      let probe = try Probe(
        "\(directory)/run", ["events=1000"],
        prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent"],
        program: copy)
      #expect(probe["daemon"] == "private", "\(probe)")
      #expect(try eventCount("\(directory)/run") == 1000)
      expectNothingLeft(of: probe)
    }
  }

  @Test("a daemon that runs already is used, left running, and asked only for this process's events")
  func usesRunningDaemon() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          lttng-sessiond --no-kernel --daemonize
          "$probe" "$1/other" events=5000 pause=800 >/dev/null &
          "$probe" "$1/run" events=1000
          wait $!
          lttng --no-sessiond list && echo daemon-still-there
          ls -a "$LTTNG_HOME"
          """), [directory])
      #expect(probe["daemon"] == "found", "\(probe)")
      #expect(try eventCount("\(directory)/run") == 1000)
      #expect(try eventCount("\(directory)/other") == 5000)
      #expect(probe.lines.contains("daemon-still-there"), "\(probe)")
      #expect(probe.lines.contains("Currently no available recording session"), "\(probe)")
      #expect(!probe.lines.contains(".lttngrc"), "the user's default session was changed")
    }
  }

  @Test(
    "root without the right to a mount namespace records through a daemon in the usual place",
    .enabled(if: getuid() == 0, "needs root"))
  func recordsWithoutNamespace() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$probe" "$1/run" events=1000
          lttng --no-sessiond list
          """), [directory])
      #expect(probe["daemon"] == "shared", "\(probe)")
      #expect(try eventCount("\(directory)/run") == 1000)
      #expect(probe.lines.contains("Error: No session daemon is available"), "\(probe)")
    }
  }
}
