import Glibc
import Platform
import TestSupport
import Testing

@testable import Recorder

@Suite("Recording when things go wrong")
struct FailureTests {
  @Test("a daemon that dies costs the rest of the trace, not the run", arguments: ["sessiond", "consumerd"])
  func daemonDies(_ victim: String) throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/run", ["events=1800000", "rate=600000", "kill=\(victim)"])
      #expect(probe.exitStatus == 0, "\(probe)")
      #expect(probe["emitted"] != nil, "\(probe)")
      #expect(probe["complete"] == "false", "\(probe)")
      #expect(probe["lost"] == "unknown", "\(probe)")
      #expect(probe.warnings.contains { $0.contains("died during the run") }, "\(probe)")
      let read = try eventCount("\(directory)/run")
      #expect(read > 0, "what was recorded before must be readable")
      #expect(read < 1_800_000)
      expectNothingLeft(of: probe)
    }
  }

  @Test(
    "a run that is killed leaves a complete trace and no daemon",
    arguments: [(SIGKILL, false), (SIGINT, true)])
  func runIsKilled(_ signal: CInt, _ wholeGroup: Bool) throws {
    try withTemporaryDirectory { directory in
      var output = try Pipe()
      let command = Probe.isolation + [Probe.path, "\(directory)/run", "events=1000", "pause=30000"]
      let child = try Subprocess.spawn(
        try #require(Subprocess.find(command[0])), Array(command.dropFirst()), output: output.writeEnd)
      output.closeWriteEnd()
      let said = output.readText(until: "ms, pausing\n", timeout: 20_000)
      let home = try #require(
        said.split(separator: "\n").first { $0.hasPrefix("home ") }.map { String($0.dropFirst(5)) })
      kill(wholeGroup ? -child : child, signal)
      #expect(Subprocess.wait(for: child, until: Clock.monotonic + 10_000_000_000) == signal)
      let deadline = Clock.monotonic + 10_000_000_000
      while access(home, F_OK) == 0, Clock.monotonic < deadline { usleep(10_000) }
      #expect(access(home, F_OK) != 0, "the keeper did not clean up")
      #expect(try eventCount("\(directory)/run") == 1000)
    }
  }

  @Test(
    "directories that cannot hold a trace are refused",
    arguments: [
      ("", "not empty"), ("/file", "not a directory"), ("/file/sub", "making the directory failed"),
    ])
  func refusesDirectories(_ name: String, _ reason: String) throws {
    try withTemporaryDirectory { directory in
      close(creat("\(directory)/file", 0o600))
      let probe = try Probe(directory + name, ["events=1"])
      #expect(probe.exitStatus == 1, "\(probe)")
      #expect(probe["error:"]?.contains(reason) == true, "\(probe)")
    }
  }

  @Test("without lttng the message names the package")
  func lttngIsMissing() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/run", prefix: ["/usr/bin/env", "PATH=/nonexistent"])
      #expect(probe["error:"]?.contains("install the package lttng-tools") == true, "\(probe)")
      #expect(access("\(directory)/run", F_OK) != 0)
    }
  }

  @Test("a marker that somebody else left in the environment is not believed")
  func ignoresForeignMarker() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        "\(directory)/run", ["events=10"], environment: ["EXEUNT_SESSION_DAEMON": "home:1:0:1:x:\(directory)"]
      )
      #expect(probe["complete"] == "true", "\(probe)")
      #expect(access(directory, F_OK) == 0)
    }
  }

  @Test("a full disk ends the trace, not the run", .enabled(if: getuid() == 0, "needs root, to mount"))
  func diskIsFull() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          mount -t tmpfs -o size=8m tmpfs "$1"
          "$probe" "$1/run" events=2000000
          """), [directory])
      #expect(probe.exitStatus != nil, "\(probe)")
      #expect(probe["complete"] == "false", "\(probe)")
      #expect(probe.warnings.contains { $0.contains("no space is left") }, "\(probe)")
    }
  }

  @Test("little shared memory makes the buffers smaller", .enabled(if: getuid() == 0, "needs root, to mount"))
  func sharedMemoryIsSmall() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          mount -t tmpfs -o size=20m tmpfs /dev/shm
          "$probe" "$1/run" events=1000
          "$probe" "$1/big" events=1000 size=4194304 count=16
          """), [directory])
      #expect(probe.warnings.contains { $0.contains("/dev/shm has only") }, "\(probe)")
      #expect(try eventCount("\(directory)/run") == 1000)
      #expect(probe["error:"]?.contains("make /dev/shm larger") == true, "\(probe)")
    }
  }
}
