import Foundation
import Platform
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

  static var hasLTTng: Bool { find("lttng") != nil && find("lttng-sessiond") != nil }
  static var chromium: URL? {
    ["chromium", "chromium-browser", "google-chrome"].lazy.compactMap(find).first
  }
  /// A C compiler; Swift brings one along.
  static var compiler: URL? { ["clang", "cc", "gcc"].lazy.compactMap(find).first }
  static var hasBabeltrace: Bool { find("babeltrace2") != nil }
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

/// Runs a program to its end, in a session of its own.
///
/// Not by Foundation's Process, which reads the list of this process's descriptors each time: machines of other tests have
/// hundreds of them, and with 1357 it once read beyond that list's end.
func run(_ program: URL, _ arguments: [String], environment: [String: String]? = nil) throws -> Output {
  // Files rather than pipes: a dump has no size that a pipe would hold.
  let directory = try TemporaryDirectory()
  let (output, error) = (
    directory.url.appendingPathComponent("out"), directory.url.appendingPathComponent("err")
  )
  let files = [output, error].map { open($0.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600) }
  defer { for file in files { close(file) } }
  try #require(files.allSatisfy { $0 >= 0 })
  let child = try Subprocess.spawn(
    program.path, arguments, environment: (environment ?? [:]).mapValues { $0 }, output: files[0],
    error: files[1])
  let ended = try #require(Subprocess.wait(for: child, until: .max))
  let signal = ended & 0x7f
  return try withExtendedLifetime(directory) {
    Output(
      status: signal == 0 ? ended >> 8 & 0xff : -signal, standardOutput: try Data(contentsOf: output),
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
