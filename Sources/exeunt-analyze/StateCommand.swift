import Analysis
import ArgumentParser
import CTF
import Reporting

/// `exeunt-analyze state`: analyses a recording and keeps what it found.
struct StateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state",
    abstract: "Analyse a recording, or a part of it, and write what is known to a small file.",
    discussion: """
      The file is all that summary, exits, paths, check and compare need: give it to them instead of the directory. States
      of parts that follow each other, and of chunks of a rotated session, are put together by merge, as are those of
      several machines. What the events themselves are needed for (dump, timeline, other filters) still needs the recording.

      EXAMPLES:
        exeunt-analyze state -o run1.state run1
        exeunt-analyze state --to 10 -o a.state run1
        exeunt-analyze state --from 10 -o b.state run1
        exeunt-analyze merge -o run1.state a.state b.state
        exeunt-analyze summary run1.state
      """)

  @OptionGroup var input: StateOptions

  @Argument(
    help: ArgumentHelp("Directories with traces; several are merged in time.", valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @Option(help: ArgumentHelp("Only from this moment on: \(Moment.forms).", valueName: "moment"))
  var from: MomentArgument?

  @Option(help: ArgumentHelp("Only before this moment.", valueName: "moment"))
  var to: MomentArgument?

  @Option(help: ArgumentHelp("Threads that read; by default one for each processor.", valueName: "n"))
  var threads: Int?

  @OptionGroup var strictness: StrictnessOption

  func validate() throws {
    if let threads, !(1...64).contains(threads) { throw ValidationError("--threads has to be 1 to 64") }
  }

  func run() throws {
    try StateInput.refuse(directories)
    let trace: Trace
    do throws(TraceError) {
      trace = try Trace(opening: directories, isStrict: strictness.strict)
    } catch {
      Terminal.report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
    let part = try part(of: trace)
    let saved: SavedRecording
    do throws(StateError) {
      saved = try SavedRecording(
        trace, paths: directories, part: part, workers: threads, progress: Progress.reporter)
    } catch {
      Terminal.report("cannot keep the state of \(directories.joined(separator: " ")): \(error)")
      throw ExitCode(3)
    }
    try StateInput.write([saved], to: input.output)
    if let problem = saved.facts.problems.first {
      Terminal.report("the trace is damaged, only a part of it could be read: \(problem)")
      throw ExitCode(3)
    }
  }

  /// The time that is wanted.
  private func part(of trace: Trace) throws -> Range<Int64> {
    guard from != nil || to != nil else { return .min ..< .max }
    let search = MomentSearch(trace) {
      TraceAnalysis.read(trace, workers: threads).models.slowestExit()?.slowest.exemplar.timestamp
    }
    func find(_ argument: MomentArgument, _ option: String) throws -> Int64 {
      do throws(MomentError) {
        return try search.find(argument.moment).timestamp
      } catch {
        throw Terminal.mistake("\(option) \(argument.text): \(error)")
      }
    }
    let lower = try from.map { try find($0, "--from") } ?? .min
    let upper = try to.map { try find($0, "--to") } ?? .max
    guard lower < upper else { throw Terminal.mistake("--to has to be later than --from") }
    // Of nothing there is no state: it would be a recording without a machine.
    _ = try WindowOptions.window(lower..<upper, in: trace)
    return lower..<upper
  }
}

/// What commands that write a state have in common.
struct StateOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp("The file to write; one that is there is replaced.", valueName: "file"),
    completion: .file())
  var output: String
}
