import Glibc
import Platform
import Testing

/// That there is something to read does not mean that read(2) returns: a second reader may have been faster, and a terminal may
/// be told to collect more than poll(2) asks for.
@Suite("Standard input that is readable but blocks", .serialized, .needsEngine)
struct BlockedInputTests {
  enum End: String, CaseIterable {
    case signal
    case timeout
    case resetsAndPowerOff
  }

  @Test("A read that blocks keeps nothing from ending or resetting the run", arguments: End.allCases)
  func blockedRead(end: End) throws {
    try Exeunt.withImage(end == .resetsAndPowerOff ? TestGuest.resetsSlowly : .spin) { image in
      let terminal = try PseudoTerminal()
      let running = try RunningExeunt(
        ["run", "--flat", image] + (end == .timeout ? ["--timeout", "2s"] : []), input: terminal.slave)
      #expect(terminal.waitUntilRaw())
      // Longer than any of these runs: termios(3) begins it anew with every character.
      terminal.collect(200, within: 25)
      terminal.type([0x78])
      #expect(waitUntilReading(standardInputOf: running.process), "it never blocked")
      switch end {
      case .signal:
        kill(running.process, SIGTERM)
        #expect(running.exitStatus(within: 5) == 128 + SIGTERM)
      case .timeout: #expect(running.exitStatus(within: 10) == 6)
      case .resetsAndPowerOff: #expect(running.exitStatus(within: 20) == 0)
      }
    }
  }

  /// Waits until one of its threads is in read(2) of file 0, and stays there.
  private func waitUntilReading(standardInputOf process: pid_t) -> Bool {
    let deadline = Clock.monotonic + 20_000_000_000
    var times = 0
    while Clock.monotonic < deadline, times < 20 {
      times = isReading(standardInputOf: process) ? times + 1 : 0
      usleep(1000)
    }
    return times == 20
  }

  /// read(2) is system call 0 on x86-64.
  private func isReading(standardInputOf process: pid_t) -> Bool {
    (Directory.names(in: "/proc/\(process)/task") ?? []).contains {
      TextFile.read("/proc/\(process)/task/\($0)/syscall")?.hasPrefix("0 0x0 ") == true
    }
  }
}
