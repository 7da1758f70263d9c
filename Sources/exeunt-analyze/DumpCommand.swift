import ArgumentParser
import CTF
import Glibc
import Reporting

/// `exeunt-analyze dump`: every event of a trace as text.
struct DumpCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
    case none
  }

  static let configuration = CommandConfiguration(
    commandName: "dump",
    abstract: "Print every event of a trace.",
    discussion: """
      One line for each event, in time order, in the layout of babeltrace2. Lost events are reported on standard
      error. Any trace in CTF 1.8 or CTF 2 can be read, such as LTTng writes.

      Examples:
        exeunt-analyze dump run1
        exeunt-analyze dump --format json run1 run2 | jq .fields
        exeunt-analyze dump --format none run1
      """)

  @Argument(
    help: ArgumentHelp("Directories with traces; several are merged in time.", valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @Option(
    help: ArgumentHelp(
      "text: babeltrace2's layout. json: one object a line. none: decode everything, print only how many.",
      valueName: "text|json|none"))
  var format = Format.text

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
    let trace: Trace
    do throws(TraceError) {
      trace = try Trace(opening: directories, allowsMany: true, isStrict: strictness.strict)
    } catch {
      report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
    var diagnostics: [Diagnostic] = trace.diagnostics
    switch format {
    case .none:
      for warning in trace.warnings { report("WARNING: \(warning)") }
      let (events, problems) = trace.decodeAll(threads: threads)
      diagnostics += problems
      for note in trace.notes { report("NOTE: \(note).") }
      report("\(events) events in \(trace.streamCount) streams decoded")
    case .text, .json:
      var dump = Dump(
        trace, format: format == .json ? .json : .text, descriptor: STDOUT_FILENO,
        bigIntegers: integers.bigIntegers)
      let (outcome, problems) = dump.run(onGap: report)
      diagnostics += problems
      switch outcome {
      case .complete: break
      case .closed: return
      case .failed(let code):
        report("cannot write the output: \(String(cString: strerror(code)))")
        throw ExitCode(1)
      }
    }
    guard let first = diagnostics.first else { return }
    let more = diagnostics.count == 1 ? "" : " (and \(diagnostics.count - 1) more problems)"
    report("the trace is damaged, only part of it could be read: \(first)\(more)")
    throw ExitCode(3)
  }

  private func report(_ message: String) {
    let isLabelled = ["WARNING: ", "NOTE: "].contains(where: message.hasPrefix)
    let line = isLabelled ? message : "exeunt-analyze: \(message)"
    Terminal.write(Terminal.shown(line + "\n"), to: STDERR_FILENO)
  }
}
