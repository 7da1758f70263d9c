import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@Suite("exeunt as a process: statuses, messages, signals", .needsEngine)
struct ProcessTests {
  @Test("The exit status is the guest's own, or says what ended the run")
  func statuses() throws {
    #expect(try Exeunt.run(.nobody).exitStatus == 0)
    #expect(try Exeunt.run(.wrongQueues).exitStatus == 4 << 1 | 1)
    #expect(try Exeunt.run(.resets, ["--on-reboot", "exit"]).exitStatus == 0)
    #expect(try Exeunt.run(.resets, ["--on-reboot", "reset"]).exitStatus == 0)
    #expect(try Exeunt.run(.halt, ["--irqchip", "none"]).exitStatus == 0)
    let crash = try Exeunt.run(.undefined)
    #expect(crash.exitStatus == 4)
    #expect(crash.standardError.contains("exeunt: vcpu0: "))
    #expect(crash.standardError.contains("rip=0000000000010000"))
    let limit = try Exeunt.run(HostEngine.hasKVM ? .vmcall : .spin, ["--timeout", "300ms"])
    #expect(limit.exitStatus == 6)
    // The one is in protected mode, the other at the begin of its segment.
    #expect(
      limit.standardError.contains(HostEngine.hasKVM ? "vcpu0: rip 0x10000" : "vcpu0: rip 0x0 (real mode)"))
    #expect(limit.standardOutput.isEmpty)
  }

  @Test(
    "Mistakes cost status 2 and say what to do",
    arguments: [
      (["run"], ["--guest", "--flat"]),
      (["run", "--guest", "nonesuch"], ["nonesuch", "port-io"]),
      (["run", "--guest", "port-io", "iterations=0"], ["iterations=0"]),
      (["run", "--guest", "port-io", "colour=red"], ["colour", "iterations"]),
      (["run", "--guest", "port-io", "--flat", "x"], ["exclude"]),
      (["run", "--guest", "port-io", "--cpus", "0"], ["--cpus 0: give 1 to 1024"]),
      (["run", "--guest", "smp"], ["--cpus 2"]),
      (["run", "--guest", "timer", "--irqchip", "none"], ["--irqchip kernel or split"]),
      (["run", "--guest", "port-io", "--irqchip", "both"], ["both"]),
      (["run", "--guest", "port-io", "--memory", "64X"], ["64X"]),
      (["run", "--guest", "port-io", "--memory", "4K"], ["at least 1M"]),
      (["run", "--guest", "port-io", "--memory", "999T"], ["this host has"]),
      (["run", "--guest", "port-io", "--mem-path", "/nowhere/at/all"], ["/nowhere/at/all", "--mem-path"]),
      (["run", "--guest", "port-io", "--pin", "cpu0=0"], ["there is no such thread"]),
      (["run", "--guest", "port-io", "--pin", "vcpu0"], ["vcpu0"]),
      (["run", "--guest", "port-io", "--pin", "vcpu0=0,vcpu0=1"], ["vcpu0", "twice"]),
      (["run", "--guest", "port-io", "--pin", "vcpu0=0", "--pin", "vcpu0=0"], ["vcpu0", "twice"]),
      (["run", "--guest", "port-io", "--pin", "vcpu7=0", "--pin", "vcpu0=0"], ["vcpu7"]),
      (["run", "--guest", "port-io", "--result", "/nowhere/at/all"], ["--result /nowhere/at/all"]),
      (["guests", "nonesuch"], ["nonesuch", "port-io"]),
      (["run", "--guest", "port-io", "--timeout", "soon"], ["soon"]),
      (["run", "--guest", "port-io", "--timeout", "-1s"], ["--timeout"]),
      (["run", "--guest", "port-io", "--timeout", "1e308h"], ["1e308h"]),
      (["run", "--guest", "port-io", "--serial", "/nowhere/at/all"], ["/nowhere/at/all"]),
      (["run", "--guest", "port-io", "--load", "0"], ["--flat"]),
      (["run", "--flat", "/nowhere/at/all"], ["/nowhere/at/all"]),
      (["run", "--flat", "/"], ["is not a file"]),
      (["run", "--flat", "/dev/null"], ["is not a file"]),
      (["run", "--flat", "/proc/self/exe", "--memory", "1M"], ["does not fit", "--memory"]),
      (
        ["run", "--flat", "/proc/self/exe", "--memory", "64M", "--entry", "0x30000"],
        ["out of reach", "--entry"]
      ),
      (["run", "--flat", "/proc/self/exe", "--load", "0x10000000"], ["--load"]),
      (["run", "--flat", "/proc/self/exe", "--load", "-1"], ["--load"]),
    ])
  func mistakes(arguments: [String], parts: [String]) throws {
    let outcome = try Exeunt.run(arguments)
    #expect(outcome.exitStatus == 2)
    #expect(outcome.standardOutput.isEmpty)
    for part in parts { #expect(outcome.standardError.contains(part), "\(outcome.standardError)") }
    for word in ["Fatal error", "Swift.", "Optional(", "Stack dump", "Usage: exeunt <subcommand>"] {
      #expect(!outcome.standardError.contains(word))
    }
  }

  @Test("A FIFO is neither an image nor RAM, and is not waited for")
  func fifos() throws {
    try withTemporaryDirectory { directory in
      mkfifo("\(directory)/fifo", 0o600)
      let image = try Exeunt.run(["run", "--flat", "\(directory)/fifo"])
      #expect(image.exitStatus == 2)
      #expect(image.standardError.contains("is not a file"))
      let ram = try Exeunt.run(["run", "--guest", "port-io", "--mem-path", "\(directory)/fifo"])
      #expect(ram.exitStatus == 2)
      #expect(ram.standardError.contains("--mem-path"))
    }
  }

  /// At first the signal meets a process that is still starting: then it may end by the signal itself.
  @Test("Signals end a run promptly at whatever moment they come")
  func signals() throws {
    var random = SeededGenerator(seed: 2026)
    try Exeunt.withImage(.spin) { image in
      for round in 0..<50 {
        let signal = [SIGINT, SIGTERM, SIGHUP].randomElement(using: &random)!
        let vcpus = Int.random(in: 1...3, using: &random)
        let running = try RunningExeunt(["run", "--flat", image, "--cpus", "\(vcpus)"])
        if round % 2 == 0 { _ = running.waitForThread("vcpu0") }
        usleep(UInt32.random(in: 0..<30_000, using: &random))
        let before = Clock.monotonic
        kill(running.process, signal)
        #expect(running.exitStatus() == 128 + signal, "round \(round), \(vcpus) vCPUs")
        // Far above what it takes, far below the five seconds after which stuck vCPUs are given up.
        #expect(Clock.monotonic - before < 4_000_000_000, "round \(round)")
      }
    }
  }

  @Test(
    "A halted guest, and one that spins in the kernel, end as promptly",
    arguments: ["halt", HostEngine.hasKVM ? "vmcall" : "spin"])
  func signalsToQuietGuests(name: String) throws {
    let guest = ["halt": TestGuest.halt, "vmcall": .vmcall, "spin": .spin][name]!
    try Exeunt.withImage(guest) { image in
      let running = try RunningExeunt(["run", "--flat", image, "--mode", guest.mode.rawValue])
      #expect(running.waitForThread("vcpu0"))
      usleep(50_000)
      kill(running.process, SIGTERM)
      // More of them change nothing.
      for _ in 0..<5 { kill(running.process, SIGTERM) }
      #expect(running.exitStatus(within: 4) == 128 + SIGTERM)
    }
  }

  @Test("Under nohup, hanging up is ignored")
  func nohup() throws {
    try Exeunt.withImage(.spin) { image in
      let script = "trap '' HUP; exec \(Exeunt.path) run --flat \(image) --timeout 1s"
      let shell = try #require(Subprocess.find("sh"))
      let process = try Subprocess.spawn(shell, ["-c", script])
      usleep(600_000)
      kill(process, SIGHUP)
      let status = Subprocess.wait(for: process, until: Clock.monotonic + 20_000_000_000)
      #expect(status.map { $0 >> 8 & 0xff } == 6, "ended by its time limit")
    }
  }

  @Test("Serial output whose reader has gone costs the output, not the run")
  func closedPipe() throws {
    var pipe = try Pipe()
    let running = try RunningExeunt(["run", "--guest", "serial"], output: pipe.writeEnd)
    pipe.closeWriteEnd()
    pipe.closeReadEnd()
    #expect(running.exitStatus() == 0)
  }

  @Test("Serial output that nobody reads holds the guest back, not the end of the run", arguments: [1, 2])
  func fullPipe(vcpus: Int) throws {
    try Exeunt.withImage(.serialFlood) { image in
      let pipe = try Pipe()
      let running = try RunningExeunt(
        ["run", "--flat", image, "--cpus", "\(vcpus)"], output: pipe.writeEnd)
      #expect(running.waitForThread("vcpu0"))
      usleep(300_000)
      kill(running.process, SIGTERM)
      #expect(running.exitStatus(within: 4) == 128 + SIGTERM)
    }
  }

  @Test("Started without standard descriptors, it has some that lead nowhere")
  func closedDescriptors() throws {
    try Exeunt.withImage(.spin) { image in
      let shell = try #require(Subprocess.find("sh"))
      let process = try Subprocess.spawn(
        shell, ["-c", "exec \(Exeunt.path) run --flat \(image) --timeout 2s <&- >&- 2>&-"])
      usleep(700_000)
      for descriptor in 0...2 {
        var target = [UInt8](repeating: 0, count: 256)
        let length = target.withUnsafeMutableBytes {
          readlink(
            "/proc/\(process)/fd/\(descriptor)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), 256)
        }
        #expect(String(decoding: target.prefix(max(length, 0)), as: UTF8.self) == "/dev/null")
      }
      let status = Subprocess.wait(for: process, until: Clock.monotonic + 20_000_000_000)
      #expect(status.map { $0 >> 8 & 0xff } == 6)
    }
  }

  /// Somebody cuts the file behind RAM while the guest runs. The guest's own accesses fail in KVM, ours by SIGBUS.
  @Test("RAM that is lost during the run ends it", arguments: ["walk", "ringWalk"])
  func lostMemory(name: String) throws {
    let guest = ["walk": TestGuest.walk, "ringWalk": .ringWalk][name]!
    try withTemporaryDirectory { directory in
      try Exeunt.withImage(guest) { image in
        var pipe = try Pipe()
        let ram = "\(directory)/ram"
        let running = try RunningExeunt(
          [
            "run", "--flat", image, "--mode", "protected", "--mem-path", ram, "--memory", "64M",
            "--ioeventfd", "off",
            "--timeout", "3s",
          ], error: pipe.writeEnd)
        pipe.closeWriteEnd()
        #expect(running.waitForThread("vcpu0"))
        usleep(100_000)
        truncate(ram, 1 << 20)
        let status = running.exitStatus()
        let text = pipe.readText(until: "\u{0}", timeout: 5000)
        if name == "ringWalk" {
          #expect(status == 4, "\(text)")
          #expect(text.contains("guest RAM is lost"), "\(text)")
        } else {
          // Where KVM emulates the guest, it takes what is lost for memory that is not there, and the guest goes on.
          #expect(status == 4 || status == 6, "\(text)")
        }
      }
    }
  }
}
