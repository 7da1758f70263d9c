import Foundation
import Testing

/// Debian's qemu-ga, serving a socket with no guest around it. It is this host's: what would stop, freeze or change it is off.
private final class HostAgent {
  static let program: String? = ["/usr/sbin/qemu-ga", "/usr/bin/qemu-ga"].first { access($0, X_OK) == 0 }
  private static let dangerous = [
    "shutdown", "set-time", "fsfreeze-freeze", "fsfreeze-freeze-list", "suspend-disk", "suspend-ram",
    "suspend-hybrid", "set-user-password", "set-vcpus", "set-memory-blocks", "fstrim",
  ].map { "guest-\($0)" }

  let directory: TemporaryDirectory
  let socket: String
  private let process = Process()

  init() throws {
    directory = try TemporaryDirectory()
    socket = directory.url.appendingPathComponent("ga.sock").path
    process.executableURL = URL(fileURLWithPath: try #require(HostAgent.program))
    process.arguments = [
      "-m", "unix-listen", "-p", socket, "-t", directory.url.path, "-b",
      HostAgent.dangerous.joined(separator: ","),
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let deadline = Date(timeIntervalSinceNow: 30)
    while access(socket, R_OK) != 0, process.isRunning, Date() < deadline { usleep(10_000) }
  }

  deinit {
    // Not asked to end: where it was started with SIGTERM blocked it would not.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func ask(_ arguments: String...) throws -> Output {
    try run(Tools.exeunt, ["agent", "--socket", socket] + arguments)
  }
}

@Suite(
  "exeunt agent and Debian's qemu-ga", .serialized,
  .enabled(if: HostAgent.program != nil, "qemu-ga (qemu-guest-agent) is not installed"))
struct AgentCommandTests {
  @Test("What it is asked most, and what it refuses")
  func commands() throws {
    let agent = try HostAgent()
    let ping = try agent.ask("ping")
    #expect(ping.status == 0 && ping.text.isEmpty && ping.standardError.isEmpty)
    let information = try agent.ask("info")
    #expect(information.lines.first?.hasPrefix("version ") == true)
    #expect(
      information.lines.contains("  guest-ping") && information.lines.contains("  guest-shutdown  (disabled)")
    )
    #expect(try agent.ask("interfaces").lines.contains { $0.hasPrefix("lo ") && $0.contains("127.0.0.1/8") })
    #expect(try agent.ask("freeze-status").text == "thawed\n")
    #expect(try agent.ask("thaw").text.hasPrefix("thawed: "))
    let time = try #require(Int64(try agent.ask("--format", "json", "time").lines.first ?? ""))
    #expect(abs(Double(time) / 1e9 - Date().timeIntervalSince1970) < 60)
    #expect(try agent.ask("get-osinfo").text.contains("kernel-release: "))
    for command in [["freeze"], ["set-time", "now"], ["shutdown"]] {
      let refused = try run(Tools.exeunt, ["agent", "--socket", agent.socket] + command)
      #expect(refused.status == 1 && refused.standardError.contains("has been disabled"))
    }
    let meant = try agent.ask("pign")
    #expect(
      meant.status == 2 && meant.standardError.contains("no command 'guest-pign'; did you mean 'ping'?"))
  }

  @Test("A program's output, end and status; one that runs too long; one that is not there")
  func programs() throws {
    let agent = try HostAgent()
    let shell = try agent.ask("exec", "--", "/bin/sh", "-c", "printf 'a\\000b'; echo wrong >&2; exit 7")
    #expect(shell.status == 7 && Array(shell.standardOutput) == [0x61, 0, 0x62])
    #expect(shell.standardError == "wrong\n")
    #expect(try agent.ask("exec", "--", "/bin/sh", "-c", "kill -9 $$").status == 128 + 9)
    let json = try agent.ask("--format", "json", "exec", "/bin/echo", "hi")
    #expect(json.status == 0 && json.text.contains(#""out-text" : "hi\n""#))
    let large = try agent.ask("exec", "--", "/bin/sh", "-c", "head -c 3000000 /dev/zero")
    #expect(large.standardOutput.count == 3_000_000)
    let missing = try agent.ask("exec", "/nonexistent")
    #expect(missing.status == 1 && missing.standardError.contains("/nonexistent"))
    let endless = try agent.ask("--timeout", "300ms", "exec", "--", "/bin/sh", "-c", "sleep 5")
    #expect(endless.status == 3 && endless.standardError.contains("still runs"))
    let id = try #require(endless.standardError.firstMatch(of: /exec-status (\d+)/)).1
    #expect(try agent.ask("exec-status", String(id)).text == "exited: false\n")
  }

  @Test("By its own names, with JSON: a file is made, written, read and closed")
  func files() throws {
    let agent = try HostAgent()
    let file = agent.directory.url.appendingPathComponent("file").path
    func value(_ command: String, _ json: String) throws -> Data {
      let output = try agent.ask("--format", "json", command, json)
      #expect(output.status == 0, "\(output.standardError)")
      return output.standardOutput
    }
    let handle = try #require(
      Int(
        String(
          decoding: try value("guest-file-open", "{\"path\": \"\(file)\", \"mode\": \"w+\"}"), as: UTF8.self
        )
        .trimmingCharacters(in: .whitespacesAndNewlines)))
    _ = try value("guest-file-write", "{\"handle\": \(handle), \"buf-b64\": \"aGVsbG8=\"}")
    _ = try value("guest-file-seek", "{\"handle\": \(handle), \"offset\": 0, \"whence\": \"set\"}")
    let answer = try value("file-read", "{\"handle\": \(handle), \"count\": 100}")
    #expect(String(decoding: answer, as: UTF8.self).contains(#""buf-b64" : "aGVsbG8=""#))
    _ = try value("file-close", "{\"handle\": \(handle)}")
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "hello")
  }

  @Test("An agent that is gone, and one that was never there")
  func gone() throws {
    let path: String
    do {
      let agent = try HostAgent()
      path = agent.socket
      #expect(try agent.ask("ping").status == 0)
    }
    let output = try run(Tools.exeunt, ["agent", "--socket", path, "ping"])
    #expect(output.status == 3 && output.standardError.contains("there is no such socket"))
    #expect(try run(Tools.exeunt, ["agent", "ping"]).status == 2)
    let atOnce = try run(Tools.exeunt, ["agent", "--socket", "x", "--timeout", "0", "ping"])
    #expect(atOnce.status == 2 && atOnce.standardError.contains("longer than 0"))
  }
}
