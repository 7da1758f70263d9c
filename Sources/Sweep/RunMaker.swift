import Foundation
import Glibc
import InertText
import Platform

/// Makes runs of a plan: one, or the two of a duet at the same time, each of one or several machines.
struct RunMaker {
  let plan: SweepPlan
  let directory: SweepDirectory
  /// The monitor's program.
  let program: String
  let isAsked: @Sendable () -> Bool

  /// A run that was made.
  struct Made {
    let name: String
    let record: SweepDirectory.Record
  }

  /// Why no run came of it.
  enum Failure: Error {
    case interrupted
    case failed(String)
  }

  /// The longest that a run may take, ms: what hangs is not waited for. With --timeout among its options a run ends earlier.
  private static let limit = 3_600_000

  /// Makes runs at the same time. They are not finished yet: what tells that is written by whoever takes them.
  ///
  /// - Parameter cpus: Processors of each; none: all.
  func make(_ runs: [(run: SweepPlan.Run, name: String)], cpus: [[Int]]) throws -> [Made] {
    if isAsked() { throw Failure.interrupted }
    var commands: [(arguments: [String], cpus: [Int])] = []
    var owners: [Int] = []
    for (place, run) in runs.enumerated() {
      try directory.begin(run.name)
      let configuration = plan.configurations[run.run.configuration]
      for machine in 1...max(1, configuration.machines ?? 1) {
        let at = directory.directory(run.name), end = machine == 1 ? "" : "-\(machine)"
        commands.append(
          (
            ["run"] + configuration.arguments
              + ["--trace", "\(at)/trace\(end)", "--result", "\(at)/result\(end).json"],
            place < cpus.count ? cpus[place] : []
          ))
        owners.append(place)
      }
    }
    let daemons = Watched()
    let (load, before, used) = (HostLoad.average(), HostLoad.read(), Self.processorTime())
    let began = Date().timeIntervalSince1970
    let begin = Clock.monotonic
    let isAsked = isAsked
    let outcomes = RunTurn.run(program, commands, timeout: Self.limit) {
      daemons.look()
      return isAsked()
    }
    let duration = Double(Clock.monotonic &- begin) / 1e9
    let after = HostLoad.read()
    daemons.look()
    try check(runs, owners, outcomes)
    let ticks = Double(sysconf(CInt(_SC_CLK_TCK)))
    let disturbance = Disturbance(
      from: before, to: after, own: Self.processorTime() - used, recording: Double(daemons.ticks) / ticks,
      ticks: ticks, loadBefore: load)
    return runs.map { run in
      Made(
        name: run.name,
        record: SweepDirectory.Record(
          number: run.run.number, label: plan.configurations[run.run.configuration].label, began: began,
          duration: duration, disturbance: disturbance, bytes: directory.size(of: run.name)))
    }
  }

  /// Keeps what programs said, and throws where one failed.
  private func check(
    _ runs: [(run: SweepPlan.Run, name: String)], _ owners: [Int], _ outcomes: [RunTurn.Outcome]
  ) throws {
    for (place, run) in runs.enumerated() {
      let own = zip(owners, outcomes).filter { $0.0 == place }.map(\.1)
      let output = own.compactMap { try? $0.get() }.map { $0.standardOutput + $0.standardError }.joined()
      _ = FileManager.default.createFile(
        atPath: directory.directory(run.name) + "/output.txt", contents: Data(output.utf8))
    }
    if isAsked() { throw Failure.interrupted }
    for (owner, outcome) in zip(owners, outcomes) {
      switch outcome {
      case .failure(let error): throw Failure.failed("cannot start \(program): \(error)")
      case .success(let outcome):
        guard outcome.succeeded else { throw Failure.failed(words(outcome, runs[owner])) }
      }
    }
  }

  private func words(_ outcome: Subprocess.Outcome, _ run: (run: SweepPlan.Run, name: String)) -> String {
    let configuration = plan.configurations[run.run.configuration]
    let how =
      outcome.timedOut
      ? "did not end within an hour"
      : outcome.exitStatus.map { "ended with status \($0)" }
        ?? "was killed by \(outcome.signal.map(Words.signal) ?? "a signal")"
    let last = outcome.standardError.split(separator: "\n").suffix(3).joined(separator: "\n  ")
    let command = (["exeunt", "run"] + configuration.arguments).map(InertText.shellWord).joined(
      separator: " ")
    return
      "\(configuration.label) \(how):\n  \(last)\n\(command)\nwhat it said is in \(directory.directory(run.name))/output.txt"
  }

  /// Seconds of all children that have ended, with theirs: getrusage(2).
  private static func processorTime() -> Double {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage) == 0 else { return 0 }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// LTTng's daemons, looked at by several threads.
  private final class Watched: @unchecked Sendable {
    private let lock = Lock()
    private var daemons = RecordingDaemons()

    func look() { lock.withLock { daemons.look() } }
    var ticks: UInt64 { lock.withLock { daemons.ticks } }
  }
}
