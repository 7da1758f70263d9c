import Board
import Foundation
import GuestPrograms
import Processors
import Testing

/// A built-in guest, run and recorded by `exeunt run --trace` as a user would.
struct RecordedRun {
  let directory: TemporaryDirectory
  let output: Output
  let result: RunResult
  let expectation: GuestExpectation

  var trace: String { directory.url.appendingPathComponent("trace").path }

  /// The file that `--result` writes, as far as the tests read it.
  struct RunResult: Decodable {
    struct Guest: Decodable {
      let failureCode: UInt32
      let kicks, completions, interrupts, marks: UInt64
      let diskRequests: DiskRequests?
      let received, sent: UInt64?
    }
    struct Trace: Decodable {
      let eventsEmitted: UInt64
      let eventsRecorded: UInt64?
      let eventsLost: UInt64?
      let isComplete: Bool
    }
    let exitStatus: Int32
    let outcome: String
    let exits: [UInt64]
    let guest: Guest?
    let trace: Trace?
  }

  /// Runs a guest.
  ///
  /// - Parameters:
  ///   - parameters: the guest's, `name=value`.
  ///   - flags: the machine's.
  init(
    _ guest: String, _ parameters: [String] = [], flags: [String] = [], vcpus: Int = 1, doorbells: Int = 1,
    irqchip: String = "kernel", architecture: Architecture = .x86
  ) throws {
    directory = try TemporaryDirectory()
    let resultFile = directory.url.appendingPathComponent("result.json")
    output = try run(
      Tools.exeunt,
      ["run", "--guest", guest] + parameters + flags + [
        "--cpus", "\(vcpus)", "--irqchip", irqchip, "--serial", "none", "--timeout", "60s",
        "--trace", directory.url.appendingPathComponent("trace").path, "--result", resultFile.path,
      ] + (architecture == .x86 ? [] : ["--arch", architecture.rawValue]))
    try #require(output.status == 0, "\(output.standardError)")
    #expect(FileManager.default.fileExists(atPath: resultFile.path), "\(output.standardError)")
    result = try JSONDecoder().decode(RunResult.self, from: Data(contentsOf: resultFile))
    let program = try GuestProgram.named(guest, for: architecture)
    let disk = ArchitectureMap(architecture).map { UInt32($0.address(.disk)) } ?? GuestDevice().registers
    let controller: GuestMachine.InterruptController =
      irqchip == "kernel" ? .kernel : irqchip == "split" ? .split : .none
    expectation = try program.expectation(
      program.arguments(parameters),
      on: GuestMachine(
        vcpus: vcpus, doorbells: doorbells, interruptController: controller,
        disk: GuestDevice(
          registers: disk, queues: 8, hasCache: !flags.contains { $0.hasSuffix("cache=writethrough") })))
  }
}
