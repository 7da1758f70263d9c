import ArgumentParser
import CFaults
import Foundation
import Glibc
import InertText
import Platform
import Sweep
import SweepOptions

/// What `exeunt sweep` executes: a program of its own, as reading YAML brings all of Foundation along, which a monitor starts without.
@main
struct ExeuntSweep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exeunt sweep", abstract: SweepOptions.abstract, discussion: SweepOptions.discussion)

  @OptionGroup var options: SweepOptions

  static func main() {
    cfaults_end_when_sent()
    let arguments = Array(ProcessArguments.all.dropFirst())
    RunLauncher.becomeRun(arguments)
    if let mistake = ProcessArguments.mistake {
      tell("exeunt sweep: " + mistake)
      Glibc.exit(2)
    }
    do {
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if code.isSuccess { Self.say(text) } else { Self.tell(text) }
      Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }

  /// Says what was asked for, on standard output.
  private static func say(_ text: String) { print(InertText.escaped(text)) }

  /// Tells something on standard error.
  private static func tell(_ text: String) {
    guard !text.isEmpty else { return }
    let text = InertText.escaped(text)
    FileHandle.standardError.write(Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
  }

  private static func end(_ message: String, _ status: Int32) -> ExitCode {
    tell("exeunt sweep: " + message)
    return ExitCode(status)
  }

  mutating func run() throws {
    let text = try read()
    let wanted = try experiment(text)
    let until = try self.until(wanted)
    try checkDuet(wanted)
    let place = options.output ?? Self.defaultDirectory(options.experiment)
    guard !place.isEmpty else { throw ValidationError("-o: the name is empty; name a directory") }
    let directory = SweepDirectory(place)
    do {
      var known = try directory.plan()
      // Of what was never run, nothing is lost.
      if let plan = known, !plan.isPlan(of: wanted, until: until),
        !plan.runs.contains(where: { directory.record(plan.name($0)) != nil })
      {
        known = nil
      }
      if let known, !known.isPlan(of: wanted, until: until) {
        throw Self.end(
          "\(place) has the runs of another experiment, or of another --until: name another directory by -o",
          2)
      }
      let made =
        known
        ?? SweepPlan(
          wanted, seed: options.seed ?? .random(in: 0...UInt64.max), until: until)
      Self.say(Self.words(made, in: place))
      let program = try Self.beside("exeunt", "makes the runs")
      let analyzer =
        until != nil || wanted.keepsAnalysis ? try Self.beside("exeunt-analyze", "reads them") : ""
      try check(made, directory, program, text)
      if options.plan { return }
      // Before what is told on standard error, also where both go into one file.
      fflush(nil)
      if known == nil { try directory.write(made) }
      try directory.claim()
      Interruption.listen()
      var sweeper = Sweeper(
        made, in: directory, program: program, analyzer: analyzer,
        options: .init(repeats: wanted.repeats, keepsAnalysis: wanted.keepsAnalysis),
        isAsked: { Interruption.isAsked },
        report: { Self.tell($0) })
      try sweeper.run()
      Self.say(Self.further(made, in: place))
    } catch let failure as SweepDirectory.Failure {
      throw Self.end("\(failure)", 1)
    } catch let ending as Sweeper.Ending {
      if case .interrupted = ending { throw Self.end("\(ending)", 128 + Interruption.signal) }
      throw Self.end("\(ending)", 1)
    }
  }

  /// Ends the program where a configuration that is still to run is mistaken.
  ///
  /// - Parameter text: The experiment's file.
  private func check(
    _ plan: SweepPlan, _ directory: SweepDirectory, _ program: String, _ text: String
  ) throws {
    let missing = Set(
      plan.runs.filter { directory.record(plan.name($0)) == nil }.map(\.configuration))
    let mistakes: [String]
    do {
      mistakes = try ConfigurationCheck.mistakes(
        in: missing.sorted().map { plan.configurations[$0] }, program: program)
    } catch {
      throw Self.end("cannot start \(program): \(error)", 2)
    }
    guard mistakes.isEmpty else {
      let lines = mistakes.map { OptionPlace.sentence($0, in: text) + $0 }
      throw Self.end("\(options.experiment): " + lines.joined(separator: "\n"), 2)
    }
  }

  private func read() throws -> String {
    guard let data = FileManager.default.contents(atPath: options.experiment) else {
      throw Self.end("cannot read \(options.experiment)", 2)
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw Self.end("\(options.experiment) is no UTF-8", 2)
    }
    return text
  }

  private func experiment(_ text: String) throws -> Experiment {
    do {
      return try ExperimentFile.read(text)
    } catch {
      throw Self.end("\(options.experiment): \(error)", 2)
    }
  }

  private static func defaultDirectory(_ file: String) -> String {
    let name = URL(fileURLWithPath: file).lastPathComponent
    for end in [".yaml", ".yml"] where name.hasSuffix(end) && name.count > end.count {
      return String(name.dropLast(end.count))
    }
    return name + ".sweep"
  }

  /// When it is to end, or ends the program.
  private func until(_ experiment: Experiment) throws -> SweepUntil? {
    guard let text = options.until else {
      guard options.mostPairs == nil else {
        throw Self.end("--most-pairs goes with --until: without, a sweep has the blocks of 'pairs'", 2)
      }
      return nil
    }
    let most = options.mostPairs ?? SweepOptions.defaultMostPairs
    guard Experiment.pairBounds.contains(most), most >= SweepUntil.fewest, most >= experiment.pairs
    else {
      throw Self.end(
        "--most-pairs has to be \(max(SweepUntil.fewest, experiment.pairs)) to \(Experiment.pairBounds.upperBound)",
        2)
    }
    guard let until = SweepUntil(text, pairs: experiment.pairs, most: most) else {
      throw Self.end("--until '\(text)' is no metric with a width, such as 'handling.p50 ±1%'", 2)
    }
    return until
  }

  /// Processors that a duet takes: each run has threads of its own, for a vCPU and for its devices.
  private static let duetProcessors = 4

  private func checkDuet(_ experiment: Experiment) throws {
    let count = ProcessorSet.count
    switch experiment.duet {
    case .none: return
    case .apart where count < Self.duetProcessors:
      throw Self.end(
        "a duet takes \(Self.duetProcessors) processors, and \(Words.number(count, "processor")) can be used here; duet: force gives each run one of two",
        2)
    default:
      guard count > 1 else { throw Self.end("a duet takes two processors, and one can be used here", 2) }
    }
  }

  /// A program that is installed beside this one.
  private static func beside(_ name: String, _ what: String) throws -> String {
    let own = ProcessArguments.executable
    let beside = URL(fileURLWithPath: own).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent(name).path
    guard access(beside, X_OK) == 0 else { throw end("there is no \(beside), which \(what)", 2) }
    return beside
  }

  // MARK: Words

  /// What will be done, and what it can show.
  private static func words(_ plan: SweepPlan, in place: String) -> String {
    let blocks = (plan.runs.map(\.block).max() ?? -1) + 1
    var lines: [String] = []
    if let question = plan.question { lines.append(question) }
    lines.append(
      "\(Words.number(plan.configurations.count, "configuration")), each \(Words.number(blocks, "time")), in \(place): \(Words.number(plan.runs.count, "run")); order by seed \(plan.seed)"
    )
    for configuration in plan.configurations {
      lines.append(
        "  \(configuration.label): exeunt run \(configuration.arguments.map(InertText.shellWord).joined(separator: " "))"
          + (configuration.machines.map { $0 > 1 ? ", \($0) machines at the same time" : "" } ?? "")
      )
    }
    if plan.duet == true {
      lines.append("the two runs of a block at the same time, each on half of the processors")
      let half = max(1, ProcessorSet.count / 2)
      if let crowded = plan.configurations.first(where: { $0.threads > half }) {
        lines.append(
          "note: in a duet \(crowded.label) has \(Words.number(half, "processor")) for \(Words.number(crowded.threads, "thread")) of vCPUs and devices, which take turns: that is what is compared"
        )
      }
    }
    if let until = plan.until {
      lines.append(
        "until \(until.metric) is known to ±\(String(format: "%g", until.width * 100)) %, looked at after \(until.looks.map(String.init).joined(separator: ", ")) blocks: "
          + "each look has a part of the level")
    }
    lines.append(Power.sentence(pairs: blocks))
    return lines.joined(separator: "\n")
  }

  /// What to ask of the runs.
  private static func further(_ plan: SweepPlan, in place: String) -> String {
    let place = InertText.shellWord(place)
    guard plan.configurations.count > 1 else { return "exeunt-analyze \(place)/runs/*/trace" }
    return
      "what they say:\n  exeunt-analyze compare \(place)\n  exeunt-analyze report -o \(place).html \(place)"
  }
}

/// SIGINT, SIGTERM and SIGHUP end a sweep between two looks at it.
enum Interruption {
  nonisolated(unsafe) private static var received: sig_atomic_t = 0

  static var isAsked: Bool { received != 0 }
  static var signal: Int32 { Int32(received) }

  static func listen() {
    var numbers = sigset_t()
    sigemptyset(&numbers)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      sigaddset(&numbers, number)
      _ = Glibc.signal(number) { Interruption.received = sig_atomic_t($0) }
    }
    // Whoever started this program may have had them blocked.
    sigprocmask(SIG_UNBLOCK, &numbers, nil)
  }
}
