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
      /// nil: one.
      let machines: Int?
    }
    struct Run: Decodable {
      let number, block, configuration: Int
    }
    struct Until: Decodable {
      let metric: String
      let width: Double
      let looks: [Int]
    }
    let version: Int
    let until: Until?
    let question: String?
    let configurations: [Configuration]
    let runs: [Run]
    let seed: UInt64
    let warmUps: Int

    /// Whether it can be what `exeunt sweep` wrote, which goes on with no other: numbers in order, and no block beyond the runs.
    var isWhole: Bool {
      version == 1 && !configurations.isEmpty && !runs.isEmpty && (0...10).contains(warmUps)
        && runs.enumerated().allSatisfy { place, run in
          run.number == place + 1 && runs.indices.contains(run.block)
            && configurations.indices.contains(run.configuration)
        }
        && configurations.allSatisfy { $0.levels.map(\.factor) == configurations[0].levels.map(\.factor) }
    }
  }
  private struct Record: Decodable {
    struct Disturbance: Decodable {
      let isDisturbed: Bool
    }
    let number: Int
    /// nil: of an early build.
    let label: String?
    /// Seconds since 1970.
    let began: Double
    /// Seconds.
    let duration: Double
    let repeated: Int?
    let disturbance: Disturbance?
  }
  private struct Looks: Decodable {
    struct Look: Decodable {
      let blocks: Int
      let isNarrow: Bool
    }
    let looks: [Look]
  }

  /// A finished run.
  struct Run {
    let block, configuration: Int
    let isDisturbed: Bool
    let repeated: Int
    /// Traces, or states of these, of its machines.
    let recordings: [String]
    /// When it was made, seconds since 1970.
    let time: ClosedRange<Double>
  }

  let design: SweepDesign
  /// Those that count: of a sweep that is looked at repeatedly, those before the latest look.
  let runs: [Run]
  /// nil: all runs were planned beforehand.
  private let looks: SweepLooksReport?

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
    guard plan.isWhole else {
      throw Self.failed(path, "its plan.json is damaged, or of another version of exeunt")
    }
    let finished = try plan.runs.compactMap { run in try Self.run(run, plan, path) }
    looks = try Self.looks(plan, finished, path)
    let counted = looks.map { looks in finished.filter { $0.block < looks.blocks } } ?? finished
    let planned = looks.map { looks in
      plan.runs.filter { $0.block < (looks.isNarrow ? looks.blocks : looks.planned) }.count
    }
    let guests = Set(plan.configurations.map(\.guest)).count
    design = SweepDesign(
      question: plan.question,
      factors: (guests > 1 ? [SweepDesign.guest] : []) + plan.configurations[0].levels.map(\.factor),
      configurations: plan.configurations.map { configuration in
        .init(
          label: configuration.label,
          levels: (guests > 1 ? [configuration.guest] : []) + configuration.levels.map(\.level))
      }, planned: planned ?? plan.runs.count)
    runs = counted
  }

  /// A run that is finished, or nil; ends the program where its files are not those of the plan.
  private static func run(_ run: Plan.Run, _ plan: Plan, _ path: String) throws -> Run? {
    let configuration = plan.configurations[run.configuration]
    let digits = String(run.number)
    let name =
      String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "-" + configuration.label
    let place = "\(path)/runs/\(name)"
    guard PathText.withBytes(place + "/run.json", { access($0, F_OK) }) == 0 else { return nil }
    let record: Record = try read(place + "/run.json")
    guard record.number == run.number, (record.label ?? configuration.label) == configuration.label,
      (0...1e11).contains(record.began), (0...1e7).contains(record.duration)
    else { throw failed(place + "/run.json", "it is that of another run than the plan has here") }
    let machines = min(max(1, configuration.machines ?? 1), 16)
    let recordings = (1...machines).map { machine in
      let trace = place + "/trace" + (machine == 1 ? "" : "-\(machine)")
      // Where disks are short only what the analysis found is kept.
      return StateInput.isState(trace + ".state") ? trace + ".state" : trace
    }
    return Run(
      block: run.block, configuration: run.configuration,
      isDisturbed: record.disturbance?.isDisturbed ?? false, repeated: record.repeated ?? 0,
      recordings: recordings, time: record.began...(record.began + record.duration))
  }

  /// Where a sweep is that ends when intervals are narrow enough: at its latest look; ends the program where none was reached.
  private static func looks(_ plan: Plan, _ runs: [Run], _ path: String) throws -> SweepLooksReport? {
    guard let until = plan.until else { return nil }
    guard !until.looks.isEmpty, until.looks.count <= 16, until.width > 0, until.width.isFinite else {
      throw failed(path, "its plan.json is damaged, or of another version of exeunt")
    }
    let complete = Dictionary(grouping: runs, by: \.block).filter {
      $0.value.count >= plan.configurations.count
    }
    let blocks = (0...100).first { complete[$0] == nil } ?? 0
    guard let latest = until.looks.last(where: { $0 <= blocks }) else {
      throw Terminal.mistake(
        "the first look at this sweep is after \(until.looks[0]) blocks, and \(blocks) are made: what an earlier one says would be beyond its level"
      )
    }
    let place = path + "/looks.json"
    let known: Looks? =
      PathText.withBytes(place, { access($0, F_OK) }) == 0 ? try read(place) : nil
    return SweepLooksReport(
      metric: until.metric, width: until.width, looks: until.looks, blocks: latest,
      isNarrow: known?.looks.contains { $0.blocks == latest && $0.isNarrow } ?? false)
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
    var plan = comparison.plan
    // Each look has an equal part, so that all of them together have the level that was asked for.
    if let looks { plan.judgement.level /= Double(looks.looks.count) }
    var seen: Set<[Int64]> = []
    var known: [Int: String] = [:]
    let runs = try runs.map { run in
      let machines = try run.recordings.map { recording in
        var found = try compared(recording)
        // A state has the name of what it was made of, which is gone.
        found.summary.trace.paths = [PathText.shown(recording)]
        try check(found.summary.trace, recording, run, &seen)
        try check(found.summary.machine, recording, run.configuration, &known)
        return found
      }
      return SweepRun(
        block: run.block, configuration: run.configuration, isDisturbed: run.isDisturbed,
        compared: ComparedRun.average(machines), repeated: run.repeated)
    }
    guard var report = Report.comparing(design, runs, plan) else {
      throw Terminal.mistake(
        "there is no block yet in which every configuration has run: \(Text.number(UInt64(runs.count), "run")) of \(design.planned) \(runs.count == 1 ? "is" : "are") made"
      )
    }
    report.sweep?.looks = looks
    for effect in report.sweep?.effects ?? [] {
      try comparison.refuseUnknown(effect.evidence, comparison.primary)
    }
    return report
  }

  /// Clocks are set now and then: a trace may begin so long before or after its run, seconds.
  private static let clockTolerance = 60.0

  /// Ends the program where a trace is not that of its run: somebody copied it there.
  private func check(
    _ trace: TraceReport, _ path: String, _ run: Run, _ seen: inout Set<[Int64]>
  ) throws {
    guard let begin = trace.begin, let end = trace.end else { return }
    guard seen.insert([begin, end, Int64(clamping: trace.events)]).inserted else {
      throw Self.failed(path, "another run of this sweep has the same recording")
    }
    let time = Double(begin) / 1e9
    let tolerance = Self.clockTolerance
    guard trace.isUnixTime, !run.time.contains(time) else { return }
    let isNear = (run.time.lowerBound - tolerance...run.time.upperBound + tolerance).contains(time)
    guard isNear, !runs.contains(where: { $0.time.contains(time) }) else {
      throw Self.failed(path, "it was not recorded when this run was made")
    }
  }

  /// Ends the program where runs of one configuration were not made alike: a trace is that of another one.
  private func check(
    _ machine: MachineReport?, _ path: String, _ configuration: Int, _ known: inout [Int: String]
  )
    throws
  {
    guard let machine else { return }
    let words = machine.guest + "\n" + machine.configuration
    guard known[configuration, default: words] == words else {
      throw Self.failed(path, "its machine is not that of other runs of the same configuration")
    }
    known[configuration] = words
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
