import Foundation
import Glibc
import Platform

/// Makes the runs of a plan that are not there yet, one after the other.
package struct Sweeper {
  /// Why a sweep ended before its last run.
  package enum Ending: Error, CustomStringConvertible {
    /// A signal asked for it.
    case interrupted(finished: Int, of: Int)
    case failed(String)
    case diskFull(String)

    package var description: String {
      switch self {
      case .interrupted(let finished, let all):
        "\(finished) of \(Words.number(all, "run")) are finished; the same command goes on with the rest"
      case .failed(let what): what
      case .diskFull(let what): what
      }
    }
  }

  private let plan: SweepPlan
  private let directory: SweepDirectory
  /// The monitor's program.
  private let program: String
  /// Told of what happens, a line each.
  private let report: (String) -> Void
  /// Whether somebody wants it to end.
  private let isAsked: () -> Bool
  private var largest: UInt64 = 0
  private var times: [Int: [Double]] = [:]

  package init(
    _ plan: SweepPlan, in directory: SweepDirectory, program: String, isAsked: @escaping () -> Bool,
    report: @escaping (String) -> Void
  ) {
    (self.plan, self.directory, self.program) = (plan, directory, program)
    (self.isAsked, self.report) = (isAsked, report)
  }

  /// The longest that a run may take, ms: what hangs is not waited for. With --timeout among its options a run ends earlier.
  private static let limit = 3_600_000

  // MARK: Runs

  /// Makes all runs that are missing.
  package mutating func run() throws {
    let all = plan.runs.map { ($0, directory.record(plan.name($0))) }
    for (run, record) in all {
      guard let record else { continue }
      note(run.configuration, record.duration, record.bytes)
    }
    let missing = all.filter { $0.1 == nil }.map(\.0)
    guard !missing.isEmpty else { return }
    if missing.count < all.count {
      report("\(all.count - missing.count) of \(Words.number(all.count, "run")) are there already")
    }
    try warmUp(Set(missing.map(\.configuration)).sorted())
    report(
      "about \(Words.time(left(missing[...]))) for \(Words.number(missing.count, "run")), and \(Words.bytes(largest &* UInt64(missing.count))) at most"
    )
    for (place, run) in missing.enumerated() {
      let name = plan.name(run)
      try makeRoom(for: missing.count - place)
      let record = try make(run, name)
      note(run.configuration, record.duration, record.bytes)
      try directory.finish(name, record)
      let rest = left(missing[(place + 1)...])
      report(
        "\(run.number)/\(all.count) \(plan.configurations[run.configuration].label) \(Words.time(record.duration))"
          + (record.disturbance.map(Words.disturbance) ?? "") + (rest > 0 ? ", \(Words.time(rest)) left" : "")
      )
    }
  }

  private mutating func note(_ configuration: Int, _ duration: Double, _ bytes: UInt64) {
    times[configuration, default: []].append(duration)
    largest = max(largest, bytes)
  }

  /// Seconds that runs will take, as those of their configurations took so far.
  private func left(_ runs: ArraySlice<SweepPlan.Run>) -> Double {
    runs.reduce(0) { sum, run in
      let known = times[run.configuration] ?? []
      return sum + (known.isEmpty ? 0 : known.reduce(0, +) / Double(known.count))
    }
  }

  /// Runs that do not count: files come into memory, and mistakes show before anything is measured.
  private mutating func warmUp(_ configurations: [Int]) throws {
    for _ in 0..<max(plan.warmUps, 0) {
      for configuration in configurations {
        let name = "warm-up-" + plan.configurations[configuration].label
        let record = try make(.init(number: 0, block: 0, configuration: configuration), name)
        note(configuration, record.duration, record.bytes)
        try directory.remove(name)
      }
    }
  }

  /// Ends the sweep while there is still room for the run that would not fit.
  private func makeRoom(for runs: Int) throws {
    // What is written beside the trace, and by others meanwhile.
    let needed = largest &+ largest / 2 &+ 16 << 20
    guard let free = directory.free, free < needed else { return }
    throw Ending.diskFull(
      "\(Words.bytes(free)) are free in \(directory.path), and a run takes up to \(Words.bytes(largest)): make room for \(runs) more; the same command then goes on"
    )
  }

  private func make(_ run: SweepPlan.Run, _ name: String) throws -> SweepDirectory.Record {
    if isAsked() { throw interrupted }
    try directory.begin(name)
    let place = directory.directory(name)
    let configuration = plan.configurations[run.configuration]
    let arguments =
      ["run"] + configuration.arguments + ["--trace", place + "/trace", "--result", place + "/result.json"]
    let (load, before, used) = (HostLoad.average(), HostLoad.read(), Self.processorTime())
    let began = Date().timeIntervalSince1970
    let begin = Clock.monotonic
    let outcome: Subprocess.Outcome
    do {
      outcome = try Subprocess.run(
        ProcessArguments.executable, RunLauncher.arguments(program, arguments, cpus: []), timeout: Self.limit,
        isHopeless: isAsked)
    } catch {
      throw Ending.failed("cannot start \(program): \(error)")
    }
    let duration = Double(Clock.monotonic &- begin) / 1e9
    let after = HostLoad.read()
    let output = outcome.standardOutput + outcome.standardError
    _ = FileManager.default.createFile(atPath: place + "/output.txt", contents: Data(output.utf8))
    if isAsked() { throw interrupted }
    guard outcome.succeeded else { throw Ending.failed(failure(outcome, configuration, place)) }
    return SweepDirectory.Record(
      number: run.number, began: began, duration: duration,
      disturbance: Disturbance(
        from: before, to: after, own: Self.processorTime() - used, ticks: Double(sysconf(CInt(_SC_CLK_TCK))),
        loadBefore: load), bytes: directory.size(of: name))
  }

  private var interrupted: Ending {
    .interrupted(
      finished: plan.runs.filter { directory.record(plan.name($0)) != nil }.count, of: plan.runs.count)
  }

  private func failure(
    _ outcome: Subprocess.Outcome, _ configuration: Configuration, _ place: String
  ) -> String {
    let how =
      outcome.timedOut
      ? "did not end within an hour"
      : outcome.exitStatus.map { "ended with status \($0)" } ?? "was killed by a signal"
    let last = outcome.standardError.split(separator: "\n").suffix(3).joined(separator: "\n  ")
    let command = (["exeunt", "run"] + configuration.arguments).map(Words.shell).joined(separator: " ")
    return "\(configuration.label) \(how):\n  \(last)\n\(command)\nwhat it said is in \(place)/output.txt"
  }

  /// Seconds of all children that have ended, with theirs: getrusage(2).
  private static func processorTime() -> Double {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage) == 0 else { return 0 }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
