import Foundation
import Platform
import Testing

@Suite("Recordings that are read while they are written", .enabled(if: Tools.canRecord))
struct FollowTests {
  /// Starts a program whose output goes to a file.
  private static func start(_ program: URL, _ arguments: [String], output: URL) throws -> Process {
    _ = FileManager.default.createFile(atPath: output.path, contents: nil)
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  @Test(
    "give the report that they give afterwards, when their run has ended",
    arguments: [["port80", "iterations=60000"], ["doorbell", "iterations=4000"]], ["summary", "check"])
  func ended(_ guest: [String], _ command: String) throws {
    let directory = try TemporaryDirectory()
    let trace = directory.url.appendingPathComponent("trace")
    let output = directory.url.appendingPathComponent("followed")
    try FileManager.default.createDirectory(at: trace, withIntermediateDirectories: true)
    let follower = try Self.start(
      Tools.analyzer, [command, "--follow", "--format", "json", trace.path], output: output)
    let recorded = try run(
      Tools.exeunt,
      ["run", "--guest"] + guest + [
        "--serial", "none", "--timeout", "60s", "--trace", trace.path, "--trace-subbuf-size", "16K",
        "--trace-subbufs", "32",
      ])
    #expect(recorded.status == 0, "\(recorded.standardError)")
    follower.waitUntilExit()
    #expect(follower.terminationReason == .exit)
    let afterwards = try run(Tools.analyzer, [command, "--format", "json", trace.path])
    #expect(follower.terminationStatus == afterwards.status)
    #expect(try Data(contentsOf: output) == afterwards.standardOutput)
    withExtendedLifetime(directory) {}
  }

  @Test("that never end are reported when somebody wants to wait no longer", arguments: [SIGINT, SIGTERM])
  func interrupted(_ signal: Int32) throws {
    let directory = try TemporaryDirectory()
    let source = Tools.root.appendingPathComponent("traces/lossy")
    let trace = directory.url.appendingPathComponent("trace")
    try FileManager.default.copyItem(at: source, to: trace)
    // Without its end.
    let file = trace.appendingPathComponent("ust/uid/0/64-bit/events_1")
    try Data(contentsOf: file).prefix(100_000).write(to: file)
    let output = directory.url.appendingPathComponent("followed")
    let follower = try Self.start(
      Tools.analyzer, ["summary", "--follow", "--format", "json", trace.path], output: output)
    // Until it waits with the signals blocked, one would end it.
    let status = "/proc/\(follower.processIdentifier)/status"
    let deadline = Clock.monotonic + 20_000_000_000
    var isBlocked = false
    while !isBlocked, Clock.monotonic < deadline {
      let line = try? String(contentsOfFile: status, encoding: .utf8).split(separator: "\n").first {
        $0.hasPrefix("SigBlk:")
      }
      let mask = line.flatMap { UInt64($0.dropFirst(7).trimmingPrefix { $0 == "\t" }, radix: 16) } ?? 0
      isBlocked = mask & (1 << UInt64(signal - 1)) != 0
    }
    kill(follower.processIdentifier, signal)
    follower.waitUntilExit()
    let afterwards = try run(Tools.analyzer, ["summary", "--format", "json", trace.path])
    #expect(follower.terminationReason == .exit && follower.terminationStatus == afterwards.status)
    #expect(try Data(contentsOf: output) == afterwards.standardOutput)
    withExtendedLifetime(directory) {}
  }

  @Test("need a directory, and no window")
  func mistakes() throws {
    #expect(try run(Tools.analyzer, ["summary", "--follow", "/nowhere"]).status == 2)
    let trace = Tools.root.appendingPathComponent("traces/lossy").path
    #expect(try run(Tools.analyzer, ["summary", "--follow", "--from", "1", trace]).status == 2)
  }
}
