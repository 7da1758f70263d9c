import Foundation
import Glibc
import Platform
import TestSupport
import Testing

// Foundation has one as well.
typealias Pipe = Platform.Pipe

/// The program `exeunt`, which stands beside the test bundle.
enum Exeunt {
  static var path: String {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("exeunt").path
  }

  /// Runs it to its end, with /dev/null as standard input.
  static func run(_ arguments: [String], timeout: Int = 60_000) throws -> Subprocess.Outcome {
    let outcome = try Subprocess.run(path, arguments, timeout: timeout)
    #expect(!outcome.timedOut, "exeunt \(arguments.joined(separator: " ")) hangs")
    return outcome
  }

  /// Runs a test guest with `exeunt run --flat`.
  static func run(_ guest: TestGuest, _ arguments: [String] = []) throws -> Subprocess.Outcome {
    try withImage(guest) { try run(["run", "--flat", $0, "--mode", guest.mode.rawValue] + arguments) }
  }

  static func withImage<Result>(_ guest: TestGuest, _ body: (String) throws -> Result) throws -> Result {
    try withTemporaryDirectory { directory in
      let file = "\(directory)/guest.bin"
      try Data(guest.bytes).write(to: URL(filePath: file))
      return try body(file)
    }
  }
}

/// `exeunt` while it runs: its standard streams are pipes of ours or whatever a test gives it.
final class RunningExeunt {
  let process: pid_t
  private(set) var status: CInt?

  /// - Parameter program: what becomes `exeunt`.
  init(
    _ arguments: [String], of program: String = Exeunt.path, input: CInt? = nil, output: CInt? = nil,
    error: CInt? = nil
  ) throws {
    process = try Subprocess.spawn(program, arguments, input: input, output: output, error: error)
  }

  deinit {
    guard status == nil else { return }
    kill(process, SIGKILL)
    _ = Subprocess.wait(for: process, until: .max)
  }

  /// The wait status, or nil when it still runs after so many seconds.
  func wait(seconds: UInt64) -> CInt? {
    if status == nil {
      status = Subprocess.wait(for: process, until: Clock.monotonic + seconds * 1_000_000_000)
    }
    return status
  }

  /// Waits for its end and says how it exited, as a shell does: 128 + n for a signal that killed it.
  func exitStatus(within seconds: UInt64 = 60) -> CInt? {
    guard let status = wait(seconds: seconds) else { return nil }
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
  }

  /// Waits until it has a thread of this name, which vCPUs get just before the guest runs.
  func waitForThread(_ name: String, seconds: UInt64 = 60) -> Bool {
    let deadline = Clock.monotonic + seconds * 1_000_000_000
    while Clock.monotonic < deadline {
      let tasks = Directory.names(in: "/proc/\(process)/task") ?? []
      if tasks.contains(where: { TextFile.read("/proc/\(process)/task/\($0)/comm") == name + "\n" }) {
        return true
      }
      usleep(1000)
    }
    return false
  }

  /// Waits until something is true of the process.
  func waitUntil(seconds: UInt64 = 60, _ condition: (pid_t) -> Bool) -> Bool {
    let deadline = Clock.monotonic + seconds * 1_000_000_000
    while !condition(process) {
      guard Clock.monotonic < deadline else { return false }
      usleep(1000)
    }
    return true
  }

  /// Ticks of processor time that it has used: utime and stime of proc(5), a hundredth of a second each.
  var processorTicks: Int {
    guard let text = TextFile.read("/proc/\(process)/stat"), let close = text.lastIndex(of: ")") else {
      return 0
    }
    let fields = text[text.index(after: close)...].split(separator: " ")
    return (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
  }
}
