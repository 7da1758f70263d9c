import Foundation

/// A program that keeps a CPU busy until the owner goes away, or for a minute of CPU time where the test was killed.
final class BusyLoop {
  private let process = Process()

  init(cpu: Int) throws {
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "exec taskset -c \(cpu) sh -c 'ulimit -t 60; while :; do :; done'"]
    try process.run()
  }

  deinit {
    // Children inherit the signals that the test runner blocks, and SIGTERM may be one of them.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// The first and the last CPU that this process may use.
  static var cpus: (first: Int, last: Int) {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
    let numbers = line?.split { !$0.isNumber }.compactMap { Int($0) } ?? []
    return (numbers.first ?? 0, numbers.last ?? 0)
  }

  /// The last CPU that this process may use.
  static var cpu: Int { cpus.last }
}
