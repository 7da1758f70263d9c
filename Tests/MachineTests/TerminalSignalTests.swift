import CLinux
import Glibc
import Platform
import TestSupport
import Testing

@Suite("The terminal when signals come", .needsEngine)
struct TerminalSignalTests {
  private static let deadly: [CInt] = [
    SIGSEGV, SIGABRT, SIGILL, SIGBUS, SIGFPE, SIGTRAP, SIGSYS, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU,
    SIGVTALRM,
    SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, clinux_first_realtime_signal() + 5,
  ]

  @Test(
    "A signal that ends the process leaves the terminal as it was, and is what ended it", arguments: deadly)
  func fatal(number: CInt) throws {
    try Exeunt.withImage(.spin) { image in
      let terminal = try PseudoTerminal()
      let before = terminal.localFlags
      // Core files are nobody's business here.
      let shell = try #require(Subprocess.find("sh"))
      let process = try Subprocess.spawn(
        shell, ["-c", "ulimit -c 0; exec \(Exeunt.path) run --flat \(image)"], input: terminal.slave)
      #expect(terminal.waitUntilRaw())
      kill(process, number)
      let status = Subprocess.wait(for: process, until: Clock.monotonic + 10_000_000_000)
      if status == nil { kill(process, SIGKILL) }
      #expect(status.map { $0 & 0x7f } == number)
      #expect(terminal.localFlags == before)
    }
  }

  /// A shell with job control on a terminal of its own, the program in its foreground.
  private func withJob(
    _ body: (_ terminal: PseudoTerminal, _ process: pid_t, _ shell: pid_t, _ directory: String) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      try Exeunt.withImage(.spin) { image in
        let terminal = try PseudoTerminal()
        let name = try #require(terminal.slaveName)
        // As leader of a session without a terminal, the shell gets the one that it opens.
        let script = """
          exec 0<>\(name) 1>&0 2>&0
          set -m
          \(Exeunt.path) run --flat \(image)
          touch \(directory)/stopped
          until [ -e \(directory)/go ]; do sleep 0.01; done
          fg >\(directory)/said
          echo $? >\(directory)/status
          """
        let bash = try #require(Subprocess.find("bash"))
        let shell = try Subprocess.spawn(bash, ["-c", script])
        defer {
          kill(-shell, SIGKILL)
          kill(shell, SIGKILL)
          _ = Subprocess.wait(for: shell, until: .max)
        }
        #expect(terminal.waitUntilRaw())
        var process: pid_t = 0
        _ = ProcessTable.contains {
          if $0.parent == shell, $0.name == "exeunt" { process = $0.id }
          return false
        }
        try #require(process > 0)
        defer { kill(process, SIGKILL) }
        try body(terminal, process, shell, directory)
      }
    }
  }

  private func happens(_ condition: () -> Bool) -> Bool {
    let deadline = Clock.monotonic + 10_000_000_000
    while !condition() {
      guard Clock.monotonic < deadline else { return false }
      usleep(2000)
    }
    return true
  }

  private func create(_ path: String) { close(creat(path, 0o600)) }

  @Test("Stopped, it gives the terminal back; going on, it takes it again", arguments: [SIGTSTP, SIGSTOP])
  func jobControl(number: CInt) throws {
    try withJob { terminal, process, shell, directory in
      let raw = terminal.attributes
      kill(process, number)
      #expect(happens { access("\(directory)/stopped", F_OK) == 0 }, "the shell goes on")
      if number == SIGTSTP {
        #expect(!terminal.isRaw, "the user's mode")
      } else {
        // There is no time for that, but the shell puts its own mode there.
        terminal.makeCooked()
      }
      create("\(directory)/go")
      #expect(terminal.waitUntilRaw())
      #expect(terminal.attributes == raw)
      terminal.type([0x01])
      usleep(20_000)
      terminal.type([0x78])
      #expect(happens { TextFile.read("\(directory)/status") == "0\n" })
      #expect(!terminal.isRaw)
    }
  }

  @Test("Continued in the background, it leaves the terminal to the shell until it is in the foreground")
  func background() throws {
    try withJob { terminal, process, shell, directory in
      kill(process, SIGTSTP)
      #expect(happens { access("\(directory)/stopped", F_OK) == 0 })
      kill(process, SIGCONT)
      #expect(happens { ProcessTable.entry(process)?.state != "T" })
      // Longer than the second within which it looks.
      for _ in 0..<150 {
        usleep(10_000)
        #expect(!terminal.isRaw)
        #expect(ProcessTable.entry(process)?.state != "T", "it was stopped by touching the terminal")
      }
      create("\(directory)/go")
      #expect(terminal.waitUntilRaw())
      kill(process, SIGTERM)
      #expect(happens { TextFile.read("\(directory)/status") == "143\n" })
      #expect(!terminal.isRaw)
    }
  }
}
