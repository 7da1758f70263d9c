import Analysis
import ArgumentParser
import CTF
import Dump
import Glibc
import Reporting

/// `exeunt-analyze dump`: every event of a trace as text.
struct DumpCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
    case csv
    case none
  }

  static let configuration = CommandConfiguration(
    commandName: "dump",
    abstract: "Print every event of a trace, or those that are asked for.",
    discussion: """
      One line for each event, in time order, in the layout of babeltrace2. Losses
      that packets tell of are reported on standard error; whether all events of a
      run are there says check. Any trace in CTF 1.8 or CTF 2 can be read, such as
      LTTng writes.

      EXAMPLES:
        exeunt-analyze dump run1
        exeunt-analyze dump --around slowest run1
        exeunt-analyze dump --from 1.2 --to 1.3 --thread vcpu0 run1
        exeunt-analyze dump --event 'vcpu_*' --where reason=io --where seq=7 run1
        exeunt-analyze dump --around '[18:24:10.123456789]' --window 1ms run1
        exeunt-analyze dump --format json run1 run2 | jq .fields
        exeunt-analyze dump --format csv --event vcpu_run_exit run1 > exits.csv
      """)

  @Argument(
    help: ArgumentHelp("Directories with traces; several are merged in time.", valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @Option(
    help: ArgumentHelp(
      "text: babeltrace2's layout. json: one object a line. csv: a table with a column for each field. none: decode, "
        + "print only how many.", valueName: "text|json|csv|none"))
  var format = Format.text

  @OptionGroup(title: "Which events") var choice: FilterOptions

  @OptionGroup(title: "Which part") var part: WindowOptions

  @OptionGroup(title: "Times") var clock: ClockOptions

  @Option(help: "Threads that decode with --format none.")
  var threads = 2

  @OptionGroup var strictness: StrictnessOption

  @OptionGroup var integers: BigIntegersOption

  func validate() throws {
    guard threads >= 1, threads <= 256 else { throw ValidationError("--threads has to be 1 to 256") }
  }

  func run() throws {
    // A reader that goes away is an ordinary end.
    signal(SIGPIPE, SIG_IGN)
    try StateInput.refuse(directories)
    let trace: Trace
    do throws(TraceError) {
      trace = try Trace(opening: directories, allowsMany: true, isStrict: strictness.strict)
    } catch {
      report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
    let search = MomentSearch(trace, isUTC: clock.clockGmt) {
      TraceAnalysis.read(trace).models.slowestExit()?.slowest.exemplar.timestamp
    }
    let window = try part.choose(search).part
    var diagnostics: [Diagnostic] = trace.diagnostics
    if format == .none, window == nil, choice.isEmpty {
      for warning in trace.warnings { report("WARNING: \(warning)") }
      let (events, problems) = trace.decodeAll(threads: threads)
      diagnostics += problems
      for note in trace.notes { report("NOTE: \(note).") }
      report("\(events) events in \(trace.streamCount) streams decoded")
    } else {
      diagnostics += try print(trace, window)
    }
    guard let first = diagnostics.first else { return }
    let more = diagnostics.count == 1 ? "" : " (and \(diagnostics.count - 1) more problems)"
    report("the trace is damaged, only part of it could be read: \(first)\(more)")
    throw ExitCode(3)
  }

  /// Prints the events, and gives what was wrong but survivable.
  private func print(_ trace: Trace, _ window: Range<Int64>?) throws -> [Diagnostic] {
    let layout: TraceDump.Format =
      switch format {
      case .text: .text
      case .json: .json
      case .csv: .csv
      case .none: .none
      }
    var dump: TraceDump
    let filter: DumpFilter
    do throws(FilterError) {
      filter = try choice.filter(of: trace)
      dump = try TraceDump(
        trace, format: layout, clock: clock.style, filter: filter, descriptor: STDOUT_FILENO,
        bigIntegers: integers.bigIntegers)
    } catch {
      throw Terminal.mistake("\(error)")
    }
    let (outcome, problems) = dump.run(window: window, onGap: report)
    switch outcome {
    case .complete: break
    case .closed: throw ExitCode.success
    case .failed(let code):
      report("cannot write the output: \(String(cString: strerror(code)))")
      throw ExitCode(1)
    }
    if format == .none {
      report("\(dump.shownEvents) events in \(trace.streamCount) streams are what was asked for")
    }
    if dump.shownEvents == 0, window != nil || !filter.isEmpty, format != .none {
      report("no event" + (window == nil ? "" : " in this part of the trace") + " is what was asked for")
    }
    return problems
  }

  private func report(_ message: String) {
    let isLabelled = ["WARNING: ", "NOTE: "].contains(where: message.hasPrefix)
    let line = isLabelled ? message : "exeunt-analyze: \(message)"
    Terminal.write(Terminal.shown(line + "\n"), to: STDERR_FILENO)
  }
}
