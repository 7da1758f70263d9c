import Glibc
import Platform
import Testing

/// Standard input that another program reads as well: that there is something to read does not mean that read(2) returns.
@Suite("Standard input with a second reader", .serialized, .enabled(if: kvmIsUsable, kvmReason))
struct SharedInputTests {
  enum End: String, CaseIterable {
    case signal
    case timeout
    case resetsAndPowerOff
  }

  @Test("A read that blocks keeps nothing from ending or resetting the run", arguments: End.allCases)
  func blockedRead(end: End) throws {
    try Exeunt.withImage(end == .resetsAndPowerOff ? TestGuest.resetsSlowly : .spin) { image in
      let terminal = try PseudoTerminal()
      // On Linux a terminal's readers take turns, and this one has its turn until it has got 200 characters; poll(2) goes by
      // what the program under test sets later, one character.
      terminal.setMinimum(200)
      let slave = terminal.slave
      let other = try DedicatedThread(name: "other") {
        var bytes = [UInt8](repeating: 0, count: 200)
        _ = read(slave, &bytes, bytes.count)
      }
      defer {
        terminal.type([UInt8](repeating: 0x78, count: 200))
        other.join()
      }
      #expect(waitUntilReading())
      let running = try RunningExeunt(
        ["run", "--flat", image] + (end == .timeout ? ["--timeout", "2s"] : []), input: slave)
      #expect(terminal.waitUntilRaw())
      // Each character wakes both: now and then the program under test looks before the other has taken it.
      var typed = 0
      while typed < 190, !isReading(standardInputOf: running.process) {
        terminal.type([0x78])
        typed += 1
        usleep(5000)
      }
      #expect(isReading(standardInputOf: running.process), "it never blocked")
      switch end {
      case .signal:
        kill(running.process, SIGTERM)
        #expect(running.exitStatus(within: 5) == 128 + SIGTERM)
      case .timeout: #expect(running.exitStatus(within: 10) == 6)
      case .resetsAndPowerOff: #expect(running.exitStatus(within: 30) == 0)
      }
    }
  }

  /// Waits until the other reader has its turn.
  private func waitUntilReading() -> Bool {
    let deadline = Clock.monotonic + 10_000_000_000
    while Clock.monotonic < deadline {
      for task in Directory.names(in: "/proc/self/task") ?? [] {
        let place = "/proc/self/task/\(task)"
        if TextFile.read("\(place)/comm") == "other\n",
          TextFile.read("\(place)/syscall")?.hasPrefix("0 ") == true
        {
          return true
        }
      }
      usleep(1000)
    }
    return false
  }

  /// read(2) is system call 0 on x86-64.
  private func isReading(standardInputOf process: pid_t) -> Bool {
    (Directory.names(in: "/proc/\(process)/task") ?? []).contains {
      TextFile.read("/proc/\(process)/task/\($0)/syscall")?.hasPrefix("0 0x0 ") == true
    }
  }
}
