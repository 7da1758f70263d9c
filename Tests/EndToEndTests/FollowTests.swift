import Foundation
import Platform
import Testing

@Suite("Recordings that are read while they are written", .needsEngine, .needsTracing)
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

  /// A recording without its end, of which one file is open for writing as long as this lives.
  private final class Unfinished {
    let directory: TemporaryDirectory
    let trace: URL
    private let writer: FileHandle

    init() throws {
      directory = try TemporaryDirectory()
      trace = directory.url.appendingPathComponent("trace")
      try FileManager.default.copyItem(at: Tools.root.appendingPathComponent("traces/lossy"), to: trace)
      let file = trace.appendingPathComponent("ust/uid/0/64-bit/events_1")
      try Data(contentsOf: file).prefix(100_000).write(to: file)
      writer = try FileHandle(forWritingTo: file)
    }

    func close() throws { try writer.close() }
  }

  /// Waits until a program waits for signals, with these blocked.
  private static func awaitWaiting(_ process: Process) -> Bool {
    let call = "/proc/\(process.processIdentifier)/syscall"
    let deadline = Clock.monotonic + 20_000_000_000
    while Clock.monotonic < deadline {
      // rt_sigtimedwait(2) of x86-64.
      if (try? String(contentsOfFile: call, encoding: .utf8))?.hasPrefix("128 ") == true { return true }
      usleep(1000)
    }
    return false
  }

  @Test("that never end are reported when somebody wants to wait no longer", arguments: [SIGINT, SIGTERM])
  func interrupted(_ signal: Int32) throws {
    let unfinished = try Unfinished()
    let trace = unfinished.trace.path
    let output = unfinished.directory.url.appendingPathComponent("followed")
    let follower = try Self.start(
      Tools.analyzer, ["summary", "--follow", "--format", "json", trace], output: output)
    #expect(Self.awaitWaiting(follower))
    kill(follower.processIdentifier, signal)
    follower.waitUntilExit()
    let afterwards = try run(Tools.analyzer, ["summary", "--format", "json", trace])
    #expect(follower.terminationReason == .exit && follower.terminationStatus == afterwards.status)
    #expect(try Data(contentsOf: output) == afterwards.standardOutput)
    withExtendedLifetime(unfinished) {}
  }

  @Test("are reported when nobody has them open for writing any more, and not before")
  func abandoned() throws {
    let unfinished = try Unfinished()
    let trace = unfinished.trace.path
    let output = unfinished.directory.url.appendingPathComponent("followed")
    let follower = try Self.start(
      Tools.analyzer, ["summary", "--follow", "--format", "json", trace], output: output)
    for _ in 0..<10 {
      #expect(Self.awaitWaiting(follower))
      usleep(100_000)
    }
    #expect(follower.isRunning)
    try unfinished.close()
    follower.waitUntilExit()
    let afterwards = try run(Tools.analyzer, ["summary", "--format", "json", trace])
    #expect(follower.terminationReason == .exit && follower.terminationStatus == afterwards.status)
    #expect(try Data(contentsOf: output) == afterwards.standardOutput)
  }

  @Test("that are removed are reported as far as they were read")
  func removed() throws {
    struct Report: Decodable {
      struct Trace: Decodable {
        let events: UInt64
        let end: String
        let isPartial: Bool
        let diagnostics: [String]
      }
      let trace: Trace
    }
    let unfinished = try Unfinished()
    let trace = unfinished.trace.path
    let kept = unfinished.directory.url.appendingPathComponent("kept")
    try FileManager.default.copyItem(atPath: trace, toPath: kept.path)
    let output = unfinished.directory.url.appendingPathComponent("followed")
    let follower = try Self.start(
      Tools.analyzer, ["summary", "--follow", "--format", "json", trace], output: output)
    #expect(Self.awaitWaiting(follower))
    try FileManager.default.removeItem(atPath: trace)
    follower.waitUntilExit()
    #expect(follower.terminationReason == .exit && follower.terminationStatus == 3)
    let report = try JSONDecoder().decode(Report.self, from: Data(contentsOf: output)).trace
    #expect(report.isPartial)
    #expect(report.diagnostics.contains { $0.contains("removed while it was followed") })
    // All that there is up to the last of them.
    let end = try #require(Int64(report.end))
    let window = try run(
      Tools.analyzer, ["summary", "--format", "json", "--to", String(end + 1), kept.path])
    let expected = try JSONDecoder().decode(Report.self, from: window.standardOutput).trace
    #expect(report.events > 0 && report.events == expected.events)
  }

  @Test("need a directory, and no window")
  func mistakes() throws {
    #expect(try run(Tools.analyzer, ["summary", "--follow", "/nowhere"]).status == 2)
    let trace = Tools.root.appendingPathComponent("traces/lossy").path
    #expect(try run(Tools.analyzer, ["summary", "--follow", "--from", "1", trace]).status == 2)
  }
}
