import Glibc
import Platform
import Testing

/// Standard input that other programs read as well: what was there a moment ago may be gone, and read(2) blocks.
@Suite("Standard input with a second reader", .enabled(if: kvmIsUsable, kvmReason))
struct SharedInputTests {
  enum End: String, CaseIterable {
    case signal
    case timeout
    case powerOffAfterResets
  }

  @Test("A read that blocks keeps nothing from ending or resetting the run", arguments: End.allCases)
  func blockedRead(end: End) throws {
    let guest = end == .powerOffAfterResets ? TestGuest.resetsSlowly : .spin
    try Exeunt.withImage(guest) { image in
      let input = try Pipe()
      // Wake up, read, and leave nothing: one of them is mostly faster than the program under test.
      let descriptor = input.readEnd
      var others: [DedicatedThread] = []
      for number in 0..<3 {
        others.append(
          try DedicatedThread(name: "other\(number)") {
            var byte: UInt8 = 0
            while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "q") {}
          })
      }
      let running = try RunningExeunt(
        ["run", "--flat", image] + (end == .timeout ? ["--timeout", "12s"] : []), input: input.readEnd)
      #expect(running.waitForThread("vcpu0"))
      #expect(makeBlock(running, input.writeEnd), "it never lost the race for a byte")
      switch end {
      case .signal:
        kill(running.process, SIGTERM)
        #expect(running.exitStatus(within: 4) == 128 + SIGTERM)
      case .timeout: #expect(running.exitStatus(within: 20) == 6)
      case .powerOffAfterResets: #expect(running.exitStatus(within: 30) == 0)
      }
      for _ in others {
        var byte = UInt8(ascii: "q")
        _ = write(input.writeEnd, &byte, 1)
        usleep(10_000)
      }
      for other in others {
        var byte = UInt8(ascii: "q")
        _ = write(input.writeEnd, &byte, 1)
        other.join()
      }
    }
  }

  /// Writes single bytes until a thread of the process is in read(2) of standard input, and stays there.
  private func makeBlock(_ running: RunningExeunt, _ pipe: CInt) -> Bool {
    let deadline = Clock.monotonic + 8_000_000_000
    while Clock.monotonic < deadline {
      var byte = UInt8(ascii: "x")
      _ = write(pipe, &byte, 1)
      usleep(2000)
      if isReading(running), !isEmpty(after: 20, running) { return true }
    }
    return false
  }

  private func isEmpty(after milliseconds: UInt32, _ running: RunningExeunt) -> Bool {
    usleep(milliseconds * 1000)
    return !isReading(running)
  }

  /// read(2) is system call 0 on x86-64.
  private func isReading(_ running: RunningExeunt) -> Bool {
    (Directory.names(in: "/proc/\(running.process)/task") ?? []).contains {
      TextFile.read("/proc/\(running.process)/task/\($0)/syscall")?.hasPrefix("0 0x0 ") == true
    }
  }
}
