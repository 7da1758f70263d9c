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
      // Without a session nothing is emitted, so nobody knows how much there would have been; without a consumer it is.
      let known = probe["lost"].flatMap { Int($0) }
      #expect(probe.warnings.contains { $0.contains("died during the run") }, "\(probe)")
      let read = try eventCount("\(directory)/run")
      #expect(read > 0, "what was recorded before must be readable")
      #expect(read < 1_800_000)
      #expect(probe["recorded"] == "\(read)", "\(probe)")
      #expect(known == (victim == "sessiond" ? nil : 1_800_000 - read), "\(probe)")
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

  /// The daemon takes its time to start, so that the process that waits for it is killed meanwhile.
  @Test("a run that is killed before its daemon is up leaves neither the daemon nor its files")
  func runIsKilledWhileStarting() throws {
    try withTemporaryDirectory { directory in
      let daemon = try #require(Subprocess.find("lttng-sessiond"))
      let slow = "touch \(directory)/starting; sleep 0.5; exec \(daemon) \"$@\""
      let programs = try Self.makeProgram("lttng-sessiond", slow, in: directory)
      let child = try Subprocess.spawn(
        try #require(Subprocess.find(Probe.isolation[0])),
        Array(Probe.isolation.dropFirst()) + [Probe.path, "\(directory)/run", "events=1"],
        environment: ["PATH": programs, "TMPDIR": directory])
      #expect(Self.happens { access("\(directory)/starting", F_OK) == 0 })
      kill(child, SIGKILL)
      _ = Subprocess.wait(for: child, until: Clock.monotonic + 10_000_000_000)
      let cleaned = Self.happens {
        Directory.names(in: directory)?.contains { $0.hasPrefix("exeunt-") } == false
      }
      #expect(cleaned, "the private daemon's directory is still there")
      // The keeper removes the directory last, and ends.
      let ended = Self.happens {
        !ProcessTable.contains { entry in
          entry.isRunning
            && TextFile.read("/proc/\(entry.id)/environ", limit: 1 << 20)?.contains("TMPDIR=\(directory)\0")
              == true
        }
      }
      #expect(ended, "a process of the private daemon is still there")
    }
  }

  @Test("a run that is killed as soon as it has a session leaves none in a daemon that is not its own")
  func runIsKilledBesideRunningDaemon() throws {
    try withTemporaryDirectory { directory in
      let lttng = try #require(Subprocess.find("lttng"))
      let slow = """
        case "$*" in
          *create*) \(lttng) "$@"; status=$?; touch \(directory)/created; sleep 1; exit $status ;;
        esac
        exec \(lttng) "$@"
        """
      let programs = try Self.makeProgram("lttng", slow, in: directory)
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          lttng-sessiond --no-kernel --daemonize
          PATH="$2" TMPDIR="$1" "$probe" "$1/run" events=1 &
          until [ -e "$1/created" ]; do sleep 0.01; done
          kill -s KILL $!
          for try in 1 2 3 4 5 6 7 8 9 10; do
            lttng --no-sessiond list | grep -q 'no available' && break
            sleep 0.5
          done
          lttng --no-sessiond list
          """), [directory, programs])
      #expect(probe.lines.contains("Currently no available recording session"), "\(probe)")
      #expect(Self.happens { Directory.names(in: directory)?.contains { $0.hasPrefix("exeunt-") } == false })
    }
  }

  /// Makes a program of a shell script that stands before others of its name; returns a `PATH` that has it first.
  private static func makeProgram(_ name: String, _ script: String, in directory: String) throws -> String {
    let file = try FileDescriptor.open("\(directory)/\(name)", O_WRONLY | O_CREAT, mode: 0o755)
    try Array("#!/bin/sh\n\(script)\n".utf8).withUnsafeBytes { try file.writeAll($0) }
    return "\(directory):" + String(cString: getenv("PATH"))
  }

  /// Whether something becomes true within ten seconds.
  private static func happens(_ condition: () -> Bool) -> Bool {
    let deadline = Clock.monotonic + 10_000_000_000
    while !condition() {
      guard Clock.monotonic < deadline else { return false }
      usleep(10_000)
    }
    return true
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

  @Test(
    "sockets are not put where another user could exchange them", .enabled(if: getuid() == 0, "needs root"))
  func hostileTemporaryDirectory() throws {
    try withTemporaryDirectory { directory in
      chmod(directory, 0o755)
      for (name, owner, mode, isUsed) in [
        ("mine", 0, 0o700, true), ("sticky", 0, 0o1777, true), ("open", 0, 0o777, false),
        ("theirs", 65534, 0o755, false),
      ] {
        let place = "\(directory)/\(name)"
        mkdir(place, 0o700)
        chmod(place, mode_t(mode))
        chown(place, uid_t(owner), gid_t(owner))
        let probe = try Probe("\(directory)/run-\(name)", ["events=10"], environment: ["TMPDIR": place])
        #expect(probe["complete"] == "true", "\(probe)")
        #expect(probe["home"]?.hasPrefix(isUsed ? "\(place)/" : "/tmp/exeunt-") == true, "\(probe)")
      }
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

  /// LTTng counts what finds no room in its buffers. What its daemon cannot write it counts nowhere.
  @Test(
    "a disk that is full for a while costs what it costs, and that is told exactly",
    .enabled(if: getuid() == 0, "needs root, to mount"))
  func diskIsFullForAWhile() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          lttng-sessiond --no-kernel --daemonize
          mount -t tmpfs -o size=24m tmpfs "$1"
          "$probe" "$1/run" events=3000000 rate=600000 size=65536 count=4 &
          until [ -s "$(echo "$1"/run/ust/uid/*/*/metadata)" ]; do sleep 0.05; done
          dd if=/dev/zero of="$1/fill" bs=64k 2>/dev/null
          sleep 1
          rm "$1/fill"
          wait $!
          babeltrace2 "$1/run" -c sink.utils.counter 2>/dev/null | grep 'Event messages'
          """), [directory])
      let recorded = try #require(probe["recorded"].flatMap { Int($0) }, "\(probe)")
      let lost = try #require(probe["lost"].flatMap { Int($0) }, "\(probe)")
      #expect(probe["daemon"] == "found" && lost > 0 && recorded + lost == 3_000_000, "\(probe)")
      #expect(probe["complete"] == "false", "\(probe)")
      // Whether the file's last packet is whole depends on where in it the room ended. When not, babeltrace2 does not count.
      if !probe.warnings.contains(where: { $0.contains("is cut off: the file has") }) {
        #expect(probe.lines.contains { $0.hasSuffix("\(recorded) Event messages") }, "\(probe)")
        #expect(
          probe.warnings.contains { $0.contains("neither in the trace nor among those") }, "\(probe)")
      }
    }
  }

  @Test("a directory that is removed during the run is told, and nothing is claimed")
  func directoryIsRemoved() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          "$probe" "$1/run" events=1000 pause=1500 >"$1/said" &
          until grep -q pausing "$1/said" 2>/dev/null; do sleep 0.05; done
          rm -rf "$1/run"
          wait $!
          cat "$1/said"
          """), [directory])
      #expect(probe["recorded"] == "unknown" && probe["lost"] == "unknown", "\(probe)")
      #expect(probe["complete"] == "false", "\(probe)")
      #expect(probe.warnings.contains { $0.contains("was removed during the run") }, "\(probe)")
    }
  }

  @Test(
    "a daemon in the usual place whose consumer died ends with the run, and is said to serve nobody else",
    .enabled(if: getuid() == 0, "needs root"))
  func consumerOfSharedDaemonDies() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$probe" "$1/run" events=1000 pause=2000 >"$1/said" &
          until grep -q pausing "$1/said" 2>/dev/null; do sleep 0.05; done
          daemon=$(cat $run/lttng-sessiond.pid)
          for child in $(cat /proc/$daemon/task/*/children); do
            [ "$(cat /proc/$child/comm)" = lttng-consumerd ] && kill -s KILL $child && echo killed
          done
          wait $!
          cat "$1/said"
          kill -0 $daemon 2>/dev/null && [ "$(cat /proc/$daemon/comm)" = lttng-sessiond ] && echo left
          true
          """), [directory])
      #expect(probe["daemon"] == "shared" && probe.lines.contains("killed"), "\(probe)")
      #expect(probe["complete"] == "false", "\(probe)")
      #expect(probe.warnings.contains { $0.contains("died during the run") }, "\(probe)")
      #expect(!probe.warnings.contains { $0.contains("serves other sessions") }, "\(probe)")
      #expect(!probe.lines.contains("left"), "\(probe)")
    }
  }

  @Test("a session that somebody else stops is no whole recording")
  func sessionIsStopped() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          lttng-sessiond --no-kernel --daemonize
          "$probe" "$1/run" events=1000 pause=2000 >"$1/said" &
          until grep -q pausing "$1/said" 2>/dev/null; do sleep 0.05; done
          lttng --no-sessiond stop "$(lttng --no-sessiond list | grep -o 'exeunt-[0-9-]*' | head -n 1)" >/dev/null
          wait $!
          cat "$1/said"
          """), [directory])
      #expect(probe["recorded"] == "1000" && probe["lost"] == "unknown", "\(probe)")
      #expect(probe["complete"] == "false", "\(probe)")
      #expect(probe.warnings.contains { $0.contains("ended before the run did") }, "\(probe)")
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
