import ArgumentParser
import CTF
import Glibc
import Reporting
import Reports

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What `exeunt sweep` keeps (docs/thread-configurations.md), as far as it is read here.
struct SweepInput {
  private struct Plan: Decodable {
    struct Setting: Decodable {
      let factor, level: String
    }
    struct Configuration: Decodable {
      let guest, label: String
      let levels: [Setting]
    }
    struct Run: Decodable {
      let number, block, configuration: Int
    }
    let version: Int
    let question: String?
    let configurations: [Configuration]
    let runs: [Run]
  }
  private struct Record: Decodable {
    struct Disturbance: Decodable {
      let isDisturbed: Bool
    }
    let number: Int
    let disturbance: Disturbance?
  }

  /// A finished run.
  struct Run {
    let block, configuration: Int
    let isDisturbed: Bool
    let trace: String
  }

  let design: SweepDesign
  let runs: [Run]

  /// Whether a directory is a sweep's.
  static func isSweep(_ path: String) -> Bool {
    PathText.withBytes(path + "/plan.json") { access($0, R_OK) == 0 }
  }

  /// Ends the program with status 2 where a sweep stands for a run: all of its runs are in it.
  static func refuse(_ paths: [String]) throws {
    guard let sweep = paths.first(where: isSweep) else { return }
    throw Terminal.mistake(
      "\(PathText.shown(sweep)) is a sweep, which has many runs: give it alone to compare, or name its runs' traces"
    )
  }

  /// Reads what is there, or ends the program with one line and status 3.
  init(_ path: String) throws {
    let plan: Plan = try Self.read(path + "/plan.json")
    guard plan.version == 1, !plan.configurations.isEmpty,
      plan.runs.allSatisfy({ plan.configurations.indices.contains($0.configuration) }),
      plan.configurations.allSatisfy({
        $0.levels.map(\.factor) == plan.configurations[0].levels.map(\.factor)
      })
    else { throw Self.failed(path, "its plan.json is damaged, or of another version of exeunt") }
    let guests = Set(plan.configurations.map(\.guest)).count
    design = SweepDesign(
      question: plan.question,
      factors: (guests > 1 ? [SweepDesign.guest] : []) + plan.configurations[0].levels.map(\.factor),
      configurations: plan.configurations.map { configuration in
        .init(
          label: configuration.label,
          levels: (guests > 1 ? [configuration.guest] : []) + configuration.levels.map(\.level))
      }, planned: plan.runs.count)
    runs = try plan.runs.compactMap { run in
      let digits = String(run.number)
      let name =
        String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "-"
        + plan.configurations[run.configuration].label
      let place = "\(path)/runs/\(name)"
      guard PathText.withBytes(place + "/run.json", { access($0, F_OK) }) == 0 else { return nil }
      let record: Record = try Self.read(place + "/run.json")
      return Run(
        block: run.block, configuration: run.configuration,
        isDisturbed: record.disturbance?.isDisturbed ?? false,
        trace: place + "/trace")
    }
  }

  /// What its runs say, or ends the program with status 2 where that cannot be told.
  ///
  /// - Parameter compared: Reads a run's trace.
  func report(
    _ comparison: ComparisonOptions, compared: (_ trace: String) throws -> ComparedRun
  ) throws -> Report {
    if comparison.paired || comparison.unpaired {
      throw Terminal.mistake(
        "the runs of a sweep are pairs; --paired and --unpaired are for runs that are named")
    }
    let runs = try runs.map { run in
      SweepRun(
        block: run.block, configuration: run.configuration, isDisturbed: run.isDisturbed,
        compared: try compared(run.trace))
    }
    guard let report = Report.comparing(design, runs, comparison.plan) else {
      throw Terminal.mistake(
        "there is no block yet in which every configuration has run: \(runs.count) of \(design.planned) runs are made"
      )
    }
    for effect in report.sweep?.effects ?? [] {
      try comparison.refuseUnknown(effect.evidence, comparison.primary)
    }
    return report
  }

  /// No plan is larger.
  private static let largest = 1 << 26

  private static func read<Value: Decodable>(_ path: String) throws -> Value {
    let descriptor = PathText.withBytes(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw failed(path, String(cString: strerror(errno))) }
    defer { close(descriptor) }
    let bytes: [UInt8]
    do throws(WholeFile.Failure) {
      bytes = try WholeFile.read(descriptor, atMost: largest)
    } catch {
      switch error {
      case .unreadable(let code): throw failed(path, String(cString: strerror(code)))
      case .tooLarge: throw failed(path, "it is too large for a file of a sweep")
      }
    }
    do {
      return try JSONDecoder().decode(Value.self, from: Data(bytes))
    } catch {
      throw failed(path, "it is no file of a sweep")
    }
  }

  private static func failed(_ path: String, _ what: String) -> ExitCode {
    Terminal.report("cannot read the sweep: \(PathText.shown(path)): \(what)")
    return ExitCode(3)
  }
}
