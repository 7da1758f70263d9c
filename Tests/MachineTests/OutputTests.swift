import Foundation
import Glibc
import Platform
import TestSupport
import Testing

/// A place that cannot be written is a reason to say so, not to lose what was to be written there. /dev/full takes
/// nothing.
@Suite("Output that cannot be written", .enabled(if: kvmIsUsable, kvmReason))
struct OutputTests {
  private let full = String(describing: Errno.noSpace)

  @Test("A listing that nobody can read ends with a status and a reason", arguments: ["guests", "doctor"])
  func listings(command: String) throws {
    for format in ["text", "json"] {
      let file = try FileDescriptor.open("/dev/full", O_WRONLY)
      var error = try Pipe()
      let running = try RunningExeunt(
        [command, "--format", format], output: file.raw, error: error.writeEnd)
      error.closeWriteEnd()
      #expect(running.exitStatus() == 1)
      #expect(error.readText(until: "\u{0}", timeout: 5000).contains(full))
    }
  }

  @Test("Serial output that a file has no room for is counted, and the guest goes on")
  func serial() throws {
    let outcome = try Exeunt.run(["run", "--guest", "serial", "iterations=100", "--serial", "/dev/full"])
    #expect(outcome.exitStatus == 0)
    #expect(outcome.standardError.contains("100 bytes"), "\(outcome.standardError)")
    #expect(outcome.standardError.contains(full), "\(outcome.standardError)")
    let fine = try Exeunt.run(["run", "--guest", "serial", "iterations=100"])
    #expect(fine.standardOutput.utf8.count == 100)
    #expect(!fine.standardError.contains("could not be written"))
  }

  @Test("A result that a file has no room for is told in words, and the status stays the guest's")
  func result() throws {
    let outcome = try Exeunt.run(.wrongQueues, ["--result", "/dev/full"])
    #expect(outcome.exitStatus == 9)
    #expect(outcome.standardError.contains("--result /dev/full"), "\(outcome.standardError)")
    #expect(outcome.standardError.contains(full), "\(outcome.standardError)")
    #expect(!outcome.standardError.contains("Error("), "\(outcome.standardError)")
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
    "Many vCPUs need many descriptors: the limit is raised as far as it may be, and named where it may not")
  func descriptors() throws {
    func run(_ limit: String, _ vcpus: Int) throws -> Subprocess.Outcome {
      try Exeunt.withImage(.nobody) { image in
        try Subprocess.run(
          try #require(Subprocess.find("sh")),
          ["-c", "ulimit \(limit); exec \(Exeunt.path) run --flat \(image) --cpus \(vcpus)"], timeout: 60_000)
      }
    }
    let raised = try run("-S -n 128", 100)
    #expect(raised.exitStatus == 0, "\(raised.standardError)")
    // Neither a vCPU nor what is counted of it may be missing.
    #expect(!raised.standardError.contains(String(describing: Errno.tooManyOpenFiles)))
    for limit in [20, 64] {
      let refused = try run("-n \(limit)", 100)
      #expect(refused.exitStatus == 2)
      #expect(refused.standardError.contains("ulimit -n"), "\(refused.standardError)")
    }
  }
}
