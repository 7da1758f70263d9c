import Glibc
import Platform
import TestSupport
import Testing

@testable import Recorder

/// Runs `recorder-probe`, a program that records itself, and reads what it says.
struct Probe: Sendable, CustomStringConvertible {
  var lines: [String]
  var exitStatus: CInt?

  /// Runs the probe; the trace goes into `directory`.
  init(
    _ directory: String, _ arguments: [String] = [], prefix: [String] = [], program: String = path,
    environment: [String: String?] = [:]
  ) throws {
    try self.init(Self.isolation + prefix + [program, directory] + arguments, environment)
  }

  /// Runs a shell script in which `$probe` is the probe.
  init(script: String, _ arguments: [String] = [], environment: [String: String?] = [:]) throws {
    try self.init(
      ["/bin/sh", "-c", script, "sh"] + arguments, environment.merging(["probe": Self.path]) { $1 })
  }

  private init(_ command: [String], _ environment: [String: String?]) throws {
    let outcome = try Subprocess.run(
      try #require(Subprocess.find(command[0])), Array(command.dropFirst()), environment: environment,
      timeout: 60_000)
    #expect(!outcome.timedOut, "\(command) did not end: \(outcome.standardOutput)")
    lines = (outcome.standardOutput + outcome.standardError).split(separator: "\n").map(String.init)
    exitStatus = outcome.exitStatus
  }

  /// Hides a session daemon that runs on this machine from a program, so that it starts its own: as root, in a mount
  /// namespace; otherwise by a HOME without one.
  static var isolation: [String] {
    guard getuid() == 0 else { return ["/usr/bin/env", "-u", "LTTNG_HOME", "HOME=/nonexistent"] }
    mkdir("/var/run/lttng", 0o755)
    return [
      "unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c",
      #"mount -t tmpfs tmpfs /var/run/lttng && exec "$@""#, "sh",
    ]
  }

  /// Executables stand beside the test bundle.
  static var path: String {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      + "/recorder-probe"
  }

  /// What follows a name at the start of a line.
  subscript(name: String) -> String? {
    lines.first { $0.hasPrefix(name + " ") }.map { String($0.dropFirst(name.count + 1)) }
  }

  /// All that it said, to see why a test failed.
  var description: String { lines.joined(separator: "\n") }

  var warnings: [String] { lines.filter { $0.hasPrefix("warning: ") } }
}

/// Checks that neither the private daemon nor its files outlive a recording.
///
/// - Parameter limit: nanoseconds until they must be gone: after a recording was given up its keeper cleans up behind the
///   run's back, and is itself the last to go.
func expectNothingLeft(
  of probe: Probe, within limit: UInt64 = 0, sourceLocation: SourceLocation = #_sourceLocation
) {
  let home = probe["home"] ?? ""
  #expect(home.contains("/exeunt-"), sourceLocation: sourceLocation)
  let deadline = Clock.monotonic + limit
  func isLeft() -> Bool {
    ProcessTable.contains { entry in
      entry.isRunning
        && TextFile.read("/proc/\(entry.id)/environ", limit: 1 << 20)?.contains("LTTNG_HOME=\(home)") == true
    }
  }
  while access(home, F_OK) == 0 || isLeft(), Clock.monotonic < deadline { usleep(10_000) }
  #expect(access(home, F_OK) != 0, "\(home) is still there", sourceLocation: sourceLocation)
  #expect(!isLeft(), "a process of the private daemon is still there", sourceLocation: sourceLocation)
}

/// Runs `body` with an empty directory that is removed afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  var template = Array("/tmp/exeunt-test-XXXXXX".utf8CString)
  let path = try template.withUnsafeMutableBufferPointer { buffer in
    String(cString: try #require(mkdtemp(buffer.baseAddress!)))
  }
  defer { Directory.remove(path) }
  return try await body(path)
}

/// Events that babeltrace2 reads from a trace; 0 when it cannot read it.
func eventCount(_ directory: String) throws -> Int {
  let babeltrace = try #require(Subprocess.find("babeltrace2"))
  let outcome = try Subprocess.run(babeltrace, [directory, "-c", "sink.utils.counter"], timeout: 60_000)
  let line = outcome.standardOutput.split(separator: "\n").last { $0.hasSuffix(" Event messages") }
  return line?.split(separator: " ").first.flatMap { Int($0) } ?? 0
}
