import Foundation
import Platform
import Spelling

/// Makes the runs of a plan that are not there yet.
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

  /// What is done beyond making runs.
  package struct Options: Sendable {
    /// How often a run is made again that was disturbed.
    package var repeats = 0
    /// Only what the analysis found is kept.
    package var keepsAnalysis = false

    package init(repeats: Int = 0, keepsAnalysis: Bool = false) {
      (self.repeats, self.keepsAnalysis) = (repeats, keepsAnalysis)
    }
  }

  private let plan: SweepPlan
  private let directory: SweepDirectory
  private let maker: RunMaker
  private let analysis: SweepAnalysis
  private let options: Options
  /// Told of what happens, a line each.
  private let report: (String) -> Void
  private var largest: UInt64 = 0
  private var times: [Int: [Double]] = [:]
  /// Whether some run has the metric that decides when the sweep ends; the configurations whose runs do not, and what these have.
  private var hasMetric = false
  private var looked: Set<Int> = []
  private var metrics: Set<String> = []

  /// - Parameters:
  ///   - program: The monitor's.
  ///   - analyzer: The analyzer's.
  ///   - isAsked: Whether somebody wants it to end.
  package init(
    _ plan: SweepPlan, in directory: SweepDirectory, program: String, analyzer: String, options: Options,
    isAsked: @escaping @Sendable () -> Bool, report: @escaping (String) -> Void
  ) {
    (self.plan, self.directory, self.options, self.report) = (plan, directory, options, report)
    maker = RunMaker(plan: plan, directory: directory, program: program, isAsked: isAsked)
    analysis = SweepAnalysis(program: analyzer)
  }

  // MARK: Looks

  /// Makes all runs that are missing, or as many as it takes until a look finds intervals that are narrow enough.
  package mutating func run() throws {
    let all = plan.runs.map { ($0, directory.record(plan.name($0))) }
    for (run, record) in all {
      guard let record else { continue }
      note(run.configuration, record.duration, record.bytes)
      try lookForMetric(plan.name(run), run.configuration)
    }
    let there = all.filter { $0.1 != nil }.count
    guard let until = plan.until else { return try make(plan.runs, isFirst: true, there: there) }
    var looks = directory.looks()
    for (place, blocks) in until.looks.enumerated() {
      try make(plan.runs.filter { $0.block < blocks }, isFirst: place == 0, there: there)
      if !looks.looks.contains(where: { $0.blocks == blocks }) {
        let look: SweepLooks.Look
        do {
          look = try analysis.look(at: directory.path, until, blocks: blocks)
        } catch {
          throw Ending.failed("looking after \(blocks) blocks: \(error)")
        }
        looks.looks.append(look)
        try directory.write(looks)
        report(Words.look(look, until))
      }
      if looks.looks.contains(where: { $0.blocks == blocks && $0.isNarrow }) { return }
    }
  }

  /// Ends the sweep where no configuration has the metric that decides when it ends, as soon as each has run once.
  private mutating func lookForMetric(_ name: String, _ configuration: Int) throws {
    guard let until = plan.until, !hasMetric, !looked.contains(configuration) else { return }
    let place = directory.directory(name)
    guard let recording = directory.recordings(of: name).first else { return }
    do {
      let found = try analysis.metrics(of: "\(place)/\(recording)")
      hasMetric = found.contains(until.metric)
      metrics.formUnion(found)
    } catch {
      throw Ending.failed("looking for the metric of --until in \(place): \(error)")
    }
    looked.insert(configuration)
    guard !hasMetric, looked.count == plan.configurations.count else { return }
    throw Ending.failed(
      "--until: no run has the metric '\(until.metric)'"
        + NearestWord.sentence(for: until.metric, among: metrics.sorted()))
  }

  // MARK: Runs

  /// Makes those of some runs that are missing.
  private mutating func make(_ wanted: [SweepPlan.Run], isFirst: Bool, there: Int) throws {
    let missing = wanted.filter { directory.record(plan.name($0)) == nil }
    guard !missing.isEmpty else { return }
    if isFirst, there > 0 {
      report("\(there) of \(Words.number(plan.runs.count, "run")) are there already")
    }
    if times.count < plan.configurations.count || isFirst {
      try warmUp(Set(missing.map(\.configuration)).sorted())
    }
    let bytes = options.keepsAnalysis ? largest : largest &* UInt64(missing.count)
    // Without a warm-up nobody knows before the first run is made.
    report(
      largest == 0
        ? "\(Words.number(missing.count, "run")); for how long, and how large they are, the first ones will tell"
        : "about \(Words.time(left(missing[...]))) for \(Words.number(missing.count, "run")), and \(Words.bytes(bytes)) at most"
    )
    var place = 0
    while place < missing.count {
      let turn = self.turn(missing[place...])
      place += turn.count
      try makeRoom(for: missing.count - place + turn.count)
      let made = try undisturbed(turn)
      for (run, made) in zip(turn, made) {
        note(run.configuration, made.record.duration, made.record.bytes)
        try lookForMetric(made.name, run.configuration)
        try keep(made)
        let rest = left(missing[place...])
        report(Words.line(run, plan, made.record) + (rest > 0 ? ", \(Words.time(rest)) left" : ""))
      }
    }
  }

  /// The runs that are made at the same time: those of a block where the experiment is a duet.
  private func turn(_ runs: ArraySlice<SweepPlan.Run>) -> [SweepPlan.Run] {
    guard plan.duet == true, let first = runs.first else { return Array(runs.prefix(1)) }
    return Array(runs.prefix { $0.block == first.block })
  }

  /// Makes runs, again where they were disturbed and that was asked for.
  private func undisturbed(_ turn: [SweepPlan.Run]) throws -> [RunMaker.Made] {
    var repeated = 0
    while true {
      var made = try make(turn.map { ($0, plan.name($0)) })
      let isDisturbed = made.contains { $0.record.disturbance?.isDisturbed == true }
      guard isDisturbed, repeated < options.repeats else {
        if repeated > 0 {
          made = made.map { made in
            var record = made.record
            record.repeated = repeated
            return .init(name: made.name, record: record)
          }
        }
        return made
      }
      repeated += 1
      report("\(plan.configurations[turn[0].configuration].label) was disturbed and is made again")
    }
  }

  private func make(_ runs: [(run: SweepPlan.Run, name: String)]) throws -> [RunMaker.Made] {
    do {
      return try maker.make(runs, cpus: shares(runs.map(\.run)))
    } catch RunMaker.Failure.interrupted {
      throw Ending.interrupted(
        finished: plan.runs.filter { directory.record(plan.name($0)) != nil }.count, of: plan.runs.count)
    } catch RunMaker.Failure.failed(let what) {
      throw Ending.failed(what)
    }
  }

  /// The processors of each run: all, or of a duet one half each, which they exchange from block to block.
  private func shares(_ runs: [SweepPlan.Run]) -> [[Int]] {
    guard plan.duet == true else { return [] }
    let all = ProcessorSet.all
    let halves = [Array(all.prefix(all.count / 2)), Array(all.suffix(all.count - all.count / 2))]
    return runs.map { halves[($0.configuration + $0.block) % 2] }
  }

  /// Finishes a run; of a trace that is not to be kept the analysis is.
  private func keep(_ made: RunMaker.Made) throws {
    if options.keepsAnalysis {
      let place = directory.directory(made.name)
      for trace in directory.traces(of: made.name) {
        do {
          try analysis.keepState(of: "\(place)/\(trace)", as: "\(place)/\(trace).state")
        } catch {
          throw Ending.failed("keeping the analysis of \(place)/\(trace): \(error)")
        }
        try directory.remove("\(made.name)/\(trace)")
      }
    }
    try directory.finish(made.name, made.record)
  }

  private mutating func note(_ configuration: Int, _ duration: Double, _ bytes: UInt64) {
    times[configuration, default: []].append(duration)
    largest = max(largest, bytes)
  }

  /// Seconds that runs will take, as those of their configurations took so far.
  private func left(_ runs: ArraySlice<SweepPlan.Run>) -> Double {
    let all = runs.reduce(0) { sum, run in
      let known = times[run.configuration] ?? []
      return sum + (known.isEmpty ? 0 : known.reduce(0, +) / Double(known.count))
    }
    return plan.duet == true ? all / 2 : all
  }

  /// Runs that do not count: files come into memory, and mistakes show before anything is measured.
  private mutating func warmUp(_ configurations: [Int]) throws {
    for _ in 0..<max(plan.warmUps, 0) {
      for configuration in configurations {
        let name = "warm-up-" + plan.configurations[configuration].label
        let made = try make([(.init(number: 0, block: 0, configuration: configuration), name)])
        note(configuration, made[0].record.duration, made[0].record.bytes)
        try lookForMetric(name, configuration)
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
      "\(Words.bytes(free)) are free in \(directory.path), and \(Words.bytes(needed)) are wanted before a run is made"
        + (largest > 0 ? ", as runs take up to \(Words.bytes(largest))" : "")
        + ": make room for \(Words.number(runs, "more run")); the same command then goes on"
    )
  }
}
