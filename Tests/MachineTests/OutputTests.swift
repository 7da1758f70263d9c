import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@testable import Machine

/// A place that cannot be written is a reason to say so, not to lose what was to be written there. /dev/full takes
/// nothing.
@Suite("Output that cannot be written", .needsEngine)
struct OutputTests {
  private let full = String(describing: Errno.noSpace)

  /// Runs it with standard output to a device that takes nothing.
  private func runToFull(_ arguments: [String]) throws -> (status: CInt?, error: String) {
    let file = try FileDescriptor.open("/dev/full", O_WRONLY)
    var error = try Pipe()
    let running = try RunningExeunt(arguments, output: file.raw, error: error.writeEnd)
    error.closeWriteEnd()
    return (running.exitStatus(), error.readText(until: "\u{0}", timeout: 5000))
  }

  @Test(
    "What is listed or told and cannot be read by anybody ends with a status and a reason",
    arguments: [
      "guests --format text", "guests --format json", "doctor --format text", "doctor --format json",
      "--help", "run --help", "--version",
    ])
  func listings(command: String) throws {
    let (status, error) = try runToFull(command.split(separator: " ").map(String.init))
    #expect(status == 1)
    #expect(error.contains(full), "\(error)")
  }

  @Test("Serial output that a file has no room for is counted, and the guest goes on")
  func serial() throws {
    try withTemporaryDirectory { directory in
      let result = "\(directory)/result"
      let outcome = try Exeunt.run(
        ["run", "--guest", "serial", "iterations=100", "--serial", "/dev/full", "--result", result])
      #expect(outcome.exitStatus == 8)
      #expect(outcome.standardError.contains("100 bytes"), "\(outcome.standardError)")
      #expect(outcome.standardError.contains(full), "\(outcome.standardError)")
      #expect(outcome.standardError.contains("100 iterations"), "\(outcome.standardError)")
      let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: result)))
      #expect((object as? [String: Any])?["exitStatus"] as? Int == 8)
      #expect((object as? [String: Any])?["outcome"] as? String == "powered-off")
    }
    let (status, error) = try runToFull(["run", "--guest", "serial", "iterations=100"])
    #expect(status == 8)
    #expect(error.contains("standard output: 100 bytes") && error.contains(full), "\(error)")
    let fine = try Exeunt.run(["run", "--guest", "serial", "iterations=100"])
    #expect(fine.standardOutput.utf8.count == 100)
    #expect(!fine.standardError.contains("could not be written"))
  }

  @Test("Output whose reader has left is nobody's, and no failure")
  func noReader() throws {
    var output = try Pipe()
    let running = try RunningExeunt(
      ["run", "--guest", "serial", "iterations=5000"], output: output.writeEnd)
    output.closeReadEnd()
    #expect(running.exitStatus() == 0)
  }

  @Test("A result that a file has no room for is told in words, and a status of the guest's own is stronger")
  func result() throws {
    let well = try Exeunt.run(["run", "--guest", "port80", "iterations=10", "--result", "/dev/full"])
    let badly = try Exeunt.run(.wrongQueues, ["--result", "/dev/full"])
    #expect([well.exitStatus, badly.exitStatus] == [8, 9])
    for error in [well.standardError, badly.standardError] {
      #expect(error.contains("--result /dev/full"), "\(error)")
      #expect(error.contains(full), "\(error)")
      #expect(!error.contains("Error("), "\(error)")
    }
  }

  @Test("Every other end of a run is told by the status before output that was lost")
  func strength() {
    let ends: [(RunOutcome, CInt)] = [
      (.poweredOff, 8), (.rebooted, 8), (.halted(), 8), (.quit, 8), (.debugExit(value: 0), 1),
      (.debugExit(value: 4), 9), (.crashed(""), 4), (.timedOut(""), 6), (.interrupted(signal: SIGTERM), 143),
    ]
    for (outcome, status) in ends {
      for lacksOutput in [true, false] {
        let summary = RunSummary(
          outcome: outcome, exits: [], resets: 0, unclaimed: [], unclaimedElsewhere: 0, report: nil,
          eventsEmitted: 0, warnings: [], lacksOutput: lacksOutput)
        #expect(summary.exitStatus == (lacksOutput ? status : status == 8 ? 0 : status))
      }
    }
  }

  @Test(
    "A status of the guest's that looks like a signal's is told from one by the result",
    arguments: HostEngine.all)
  func looksLikeSignal(engine: String) throws {
    try withTemporaryDirectory { directory in
      let (image, file) = ("\(directory)/image", "\(directory)/result")
      // mov $71, %al; out %al, $0xf4; hlt
      try Data([0xb0, 71, 0xe6, 0xf4, 0xf4]).write(to: URL(filePath: image))
      func result() throws -> [String: Any]? {
        try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file))) as? [String: Any]
      }
      let guest = try Exeunt.run(["run", "--flat", image, "--mode", "real", "--result", file])
      let asked = try result()
      #expect(guest.exitStatus == 143 && asked?["exitStatus"] as? Int == 143)
      #expect(asked?["outcome"] as? String == "debug-exit" && asked?["debugExitValue"] as? Int == 71)
      #expect(asked?["signal"] == nil)
      let running = try RunningExeunt(
        ["run", "--engine", engine, "--guest", "timer", "iterations=1000000", "--result", file])
      #expect(running.waitForThread("vcpu0"))
      kill(running.process, SIGTERM)
      let status = running.exitStatus()
      let ended = try result()
      #expect(status == 143 && ended?["exitStatus"] as? Int == 143)
      #expect(ended?["outcome"] as? String == "interrupted" && ended?["signal"] as? Int == 15)
      #expect(ended?["debugExitValue"] == nil)
    }
  }

  @Test("A result is one JSON document, whatever the file held before")
  func oldResult() throws {
    try withTemporaryDirectory { directory in
      let file = URL(filePath: "\(directory)/result")
      try Data(repeating: UInt8(ascii: "x"), count: 100_000).write(to: file)
      #expect(try Exeunt.run(["run", "--guest", "port-io", "--result", file.path]).exitStatus == 0)
      let object = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
      #expect(object?["exits"] as? [Int] == [20_002])
    }
  }

  @Test(
    "Many vCPUs need many descriptors: the limit is raised as far as it may be, and named where it may not",
    arguments: HostEngine.all)
  func descriptors(engine: String) throws {
    // Under KVM each has one, and its counters another; under the translator there are fewer, of the machine's own.
    let isKVM = engine == "kvm"
    let vcpus = isKVM ? 100 : 64
    func run(_ limit: String) throws -> Subprocess.Outcome {
      try Exeunt.withImage(.nobody) { image in
        try Subprocess.run(
          try #require(Subprocess.find("sh")),
          [
            "-c",
            "ulimit \(limit); exec \(Exeunt.path) run --engine \(engine) --flat \(image) --cpus \(vcpus)",
          ],
          timeout: 60_000)
      }
    }
    let raised = try run(isKVM ? "-S -n 128" : "-S -n 20")
    #expect(raised.exitStatus == 0, "\(raised.standardError)")
    // Neither a vCPU nor what is counted of it may be missing.
    #expect(!raised.standardError.contains(String(describing: Errno.tooManyOpenFiles)))
    for limit in isKVM ? [20, 64] : [12, 20, 30] {
      let refused = try run("-n \(limit)")
      #expect(refused.exitStatus == 2)
      #expect(refused.standardError.contains("ulimit -n"), "\(refused.standardError)")
    }
  }
}
