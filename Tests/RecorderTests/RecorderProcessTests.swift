import Glibc
import Platform
import TestSupport
import Testing

@testable import Recorder

@Suite("The process that records")
struct RecorderProcessTests {
  @Test("killed, it costs the rest of the trace, not the run, and leaves nothing", arguments: [false, true])
  func isKilled(besideRunningDaemon: Bool) throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe(
        script: OwnSessionDaemon.script(
          """
          [ "$2" = true ] && lttng-sessiond --no-kernel --daemonize
          "$probe" "$1/run" events=200000 rate=100000 kill=recorder
          echo status $?
          for try in $(seq 100); do ls "$TMPDIR" | grep -q exeunt- || break; sleep 0.1; done
          ls "$TMPDIR" | grep exeunt- && echo left
          [ "$2" = true ] && lttng --no-sessiond list
          true
          """), [directory, "\(besideRunningDaemon)"], environment: ["TMPDIR": directory])
      #expect(probe["status"] == "0" && probe["emitted"] != nil, "\(probe)")
      #expect(probe["complete"] == "false", "\(probe)")
      #expect(probe["recorded"] == "unknown" && probe["lost"] == "unknown", "\(probe)")
      #expect(
        probe.warnings.contains { $0.contains("the process that records was killed by signal 9") }, "\(probe)"
      )
      #expect(!probe.lines.contains("left"), "\(probe)")
      if besideRunningDaemon {
        #expect(probe.lines.contains("Currently no available recording session"), "\(probe)")
      }
      let read = try eventCount("\(directory)/run")
      #expect(read >= 100_000 && read <= 200_000, "what was recorded before must be readable, not \(read)")
    }
  }

  @Test("the keeper killed, it costs nothing: all is recorded and told, and nothing is left")
  func losesKeeper() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/run", ["events=2000", "kill=keeper"])
      #expect(!probe.lines.contains("no keeper"), "\(probe)")
      #expect(probe["complete"] == "true" && probe["recorded"] == "2000" && probe["lost"] == "0", "\(probe)")
      #expect(!probe.warnings.contains { $0.contains("nsenter") }, "\(probe)")
      expectNothingLeft(of: probe, within: 60_000_000_000)
      #expect(try eventCount("\(directory)/run") == 2000)
    }
  }

  @Test("stopped, it is given up, and its keeper cleans up")
  func isFrozen() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/run", ["events=1000", "freeze=1"])
      #expect(probe.exitStatus == 0 && probe["complete"] == "false", "\(probe)")
      #expect(
        probe.warnings.contains { $0.contains("the process that records does not answer any more") },
        "\(probe)")
      expectNothingLeft(of: probe, within: 60_000_000_000)
      #expect(try eventCount("\(directory)/run") == 1000)
    }
  }

  @Test("is not ended by the signals that end a service's processes")
  func isSpared() throws {
    try withTemporaryDirectory { directory in
      let probe = try Probe("\(directory)/run", ["events=1000", "spare=1", "pause=200"])
      #expect(probe["recorded"] == "1000" && probe["complete"] == "true", "\(probe)")
      #expect(!probe.lines.contains("no process records"), "\(probe)")
    }
  }
}

@Suite("What the VMM and the process that records tell each other")
struct RecorderSocketTests {
  private func pair() throws -> (CInt, CInt) {
    var ends: [CInt] = [-1, -1]
    try #require(socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    return (ends[0], ends[1])
  }

  private func sent(_ text: String) throws -> RecorderSocket.Failure? {
    let (near, far) = try pair()
    let socket = RecorderSocket(owning: near)
    defer { close(far) }
    _ = text.withCString { send(far, $0, strlen($0), 0) }
    do throws(RecorderSocket.Failure) {
      _ = try socket.receive(RecorderAnswer.self, timeout: 1000)
      return nil
    } catch {
      return error
    }
  }

  @Test("arrives as it was sent")
  func roundTrip() throws {
    let (near, far) = try pair()
    let one = RecorderSocket(owning: near)
    let other = RecorderSocket(owning: far)
    var options = RecordingOptions(directory: "a \"b\" ü")
    options.subbufferCount = 8
    let isSent =
      one.send(RecorderRequest.start(options, process: 77))
      && one.send(RecorderRequest.stop(emitted: .max, endsWithRun: true))
    #expect(isSent)
    guard case .start(let received, 77) = try other.receive(RecorderRequest.self, timeout: 1000) else {
      Issue.record("not what was sent")
      return
    }
    #expect(received.directory == options.directory && received.subbufferCount == 8)
    guard case .stop(.max, true) = try other.receive(RecorderRequest.self, timeout: 1000) else {
      Issue.record("not what was sent")
      return
    }
  }

  @Test(
    "is refused where it is something else",
    arguments: [
      "x", "{}", #"{"version":2,"message":{"working":{}}}"#, #"{"version":1,"message":{"failed":{}}}"#,
      #"{"version":1,"message":{"working":{}}}"# + String(repeating: " ", count: RecorderSocket.limit),
    ])
  func nonsense(text: String) throws {
    #expect(try sent(text) == .nonsense)
  }

  @Test("and is understood where it is none of that")
  func sense() throws {
    #expect(try sent(#"{"version":1,"message":{"working":{}}}"#) == nil)
  }

  @Test("ends with a reason where nobody speaks any more, or has nothing to say")
  func silence() throws {
    let (near, far) = try pair()
    let socket = RecorderSocket(owning: near)
    #expect(throws: RecorderSocket.Failure.silence) {
      try socket.receive(RecorderAnswer.self, timeout: 10)
    }
    // More than a socket holds: nobody waits for one who does not read.
    while socket.send(RecorderAnswer.working) {}
    close(far)
    #expect(throws: RecorderSocket.Failure.closed) {
      try socket.receive(RecorderAnswer.self, timeout: 1000)
    }
    let isSent = socket.send(RecorderAnswer.working)
    #expect(!isSent)
  }

  @Test("goes through no other kind of descriptor")
  func otherDescriptors() throws {
    var ends: [CInt] = [-1, -1]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
    for raw in [ends[0], 9999] {
      if RecorderSocket(adopting: raw) != nil { Issue.record("took \(raw)") }
    }
    #expect(close(ends[0]) == 0 && close(ends[1]) == 0, "they were left alone")
  }
}
