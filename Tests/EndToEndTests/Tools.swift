import Foundation
import TestSupport
import Testing

/// The programs under test and the tools that they are held against.
enum Tools {
  /// The directory in which this package's executables stand: the test bundle is there too.
  static let buildDirectory: URL = {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent()
  }()

  static var exeunt: URL { buildDirectory.appendingPathComponent("exeunt") }
  static var analyzer: URL { buildDirectory.appendingPathComponent("exeunt-analyze") }

  /// The package's root, found from this file.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func find(_ name: String) -> URL? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { URL(fileURLWithPath: String($0)).appendingPathComponent(name) }
      .first { access($0.path, X_OK) == 0 }
  }

  static var hasKVM: Bool { access("/dev/kvm", R_OK | W_OK) == 0 }
  static var hasLTTng: Bool { find("lttng") != nil && find("lttng-sessiond") != nil }
  static var chromium: URL? {
    ["chromium", "chromium-browser", "google-chrome"].lazy.compactMap(find).first
  }
  /// A C compiler; Swift brings one along.
  static var compiler: URL? { ["clang", "cc", "gcc"].lazy.compactMap(find).first }
  static var hasBabeltrace: Bool { find("babeltrace2") != nil }
  /// What the tests here need; a machine without it skips them, and says so.
  static var canRecord: Bool { hasKVM && hasLTTng && hasBabeltrace }
}

/// What a program printed and how it ended.
struct Output {
  let status: Int32
  let standardOutput: Data
  let standardError: String

  var text: String { String(decoding: standardOutput, as: UTF8.self) }
  var lines: [Substring] { text.split(separator: "\n") }
}

/// Runs a shell script beside a session daemon that is nobody else's; in it `$1` is `exeunt`, `$2` a directory, and `$run`
/// the daemon's.
func runBesideDaemon(_ directory: TemporaryDirectory, _ script: String) throws -> Output {
  try run(
    URL(fileURLWithPath: "/bin/sh"),
    [
      "-c", OwnSessionDaemon.script("lttng-sessiond --no-kernel --daemonize\n" + script), "sh",
      Tools.exeunt.path, directory.url.path,
    ])
}

/// Runs a program to its end.
func run(_ program: URL, _ arguments: [String], environment: [String: String]? = nil) throws -> Output {
  let process = Process()
  process.executableURL = program
  process.arguments = arguments
  if let environment {
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  }
  process.standardInput = FileHandle.nullDevice
  // Files rather than pipes: a dump has no size that a pipe would hold.
  let directory = try TemporaryDirectory()
  let output = directory.url.appendingPathComponent("out")
  let error = directory.url.appendingPathComponent("err")
  _ = FileManager.default.createFile(atPath: output.path, contents: nil)
  _ = FileManager.default.createFile(atPath: error.path, contents: nil)
  process.standardOutput = try FileHandle(forWritingTo: output)
  process.standardError = try FileHandle(forWritingTo: error)
  try process.run()
  process.waitUntilExit()
  let status =
    process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
  return try withExtendedLifetime(directory) {
    Output(
      status: status, standardOutput: try Data(contentsOf: output),
      standardError: String(decoding: try Data(contentsOf: error), as: UTF8.self))
  }
}

/// A directory that goes away with its owner.
final class TemporaryDirectory: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("exeunt-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}
