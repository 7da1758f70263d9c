import Analysis
import ArgumentParser
import CTF
import Dump
import Glibc
import InertText
import Reporting
import Reports

enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case html
  case json
  case csv
}

/// What all analysing commands have in common.
struct AnalysisOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Directories with traces; several are merged in time. Or a state, but for timeline.", valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @Option(
    help: ArgumentHelp(
      "text, html (one page that needs nothing else), json (docs/report.md), or of exits and paths csv.",
      valueName: "text|html|json|csv"))
  var format = ReportFormat.text

  @Option(help: ArgumentHelp("Threads that read; by default one for each processor.", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Columns of the text. (default: as the terminal has, 100 where there is none)", valueName: "n"))
  var width: Int?

  @Flag(help: "Exit with status 1 when events are lost or the trace is damaged.")
  var failOnLoss = false

  @OptionGroup var strictness: StrictnessOption

  @OptionGroup var integers: BigIntegersOption

  func validate() throws {
    if let threads, !(1...64).contains(threads) { throw ValidationError("--threads has to be 1 to 64") }
    if let width, !TextStyle.widths.contains(width) {
      throw ValidationError(
        "--width has to be \(TextStyle.widths.lowerBound) to \(TextStyle.widths.upperBound)")
    }
  }

  /// What the output can show.
  var style: TextStyle {
    TextStyle(
      width: width ?? Terminal.columns ?? TextStyle.defaultWidth, usesColor: Terminal.usesColor,
      isASCII: Terminal.isASCII)
  }

  /// Opens the trace, or ends the program with one line and status 3.
  func open() throws -> Trace { try open(directories) }

  /// Opens some of the directories as one trace.
  func open(_ directories: [String]) throws -> Trace {
    signal(SIGPIPE, SIG_IGN)
    if directories.count > 1, let state = directories.first(where: StateInput.isState) {
      throw Terminal.mistake("\(state) is a state: put it together with others by exeunt-analyze merge")
    }
    try StateInput.refuse(directories)
    do throws(TraceError) {
      return try Trace(opening: directories, isStrict: strictness.strict)
    } catch {
      Terminal.report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
  }

  /// What makes reports of what was given: a state, or a trace, which is analysed, while it is written where `follow` says so. Ends the program where that cannot be read, or
  /// where a state does not have what is asked for.
  func reporter(
    _ part: WindowOptions? = nil, _ configuration: Configuration = Configuration(), follow: Bool = false
  ) throws -> Reporter {
    if follow {
      guard part?.isChosen != true else {
        throw Terminal.mistake("--follow is about all of a recording: it has no --from, --to and --around")
      }
      return Reporter(try Following.builder(self, configuration))
    }
    if let saved = try saved() {
      if part?.isChosen == true {
        throw Terminal.mistake(
          "a state has no events to choose from: --from, --to and --around need the recording")
      }
      guard configuration == Configuration() else {
        throw Terminal.mistake(
          "a state has all exits of a kind together: --reason, --address, --vcpu and --by vcpu need the recording"
        )
      }
      return try reporter(of: saved)
    }
    let trace = try open()
    let window = try part?.window(in: trace, self)
    let analysis = analyse(trace, configuration, window: window?.part)
    return Reporter(
      ReportBuilder(
        trace, paths: directories, analysis: analysis, window: window,
        whole: whole(trace, analysis, window: window)))
  }

  /// What makes reports of what was kept.
  private func reporter(of saved: [SavedRecording]) throws -> Reporter {
    do throws(StateError) {
      return try Reporter(saved)
    } catch {
      Terminal.report("cannot report the state \(directories.joined(separator: " ")): \(error)")
      throw ExitCode(3)
    }
  }

  /// The state that was given; nil: directories were.
  private func saved() throws -> [SavedRecording]? {
    guard directories.count == 1, let path = directories.first, StateInput.isState(path) else { return nil }
    signal(SIGPIPE, SIG_IGN)
    return try StateInput.read(path)
  }

  /// Analyses the trace, with progress where somebody looks.
  func analyse(
    _ trace: Trace, _ configuration: Configuration = Configuration(), window: Range<Int64>? = nil
  ) -> TraceAnalysis {
    TraceAnalysis.read(
      trace, configuration: configuration, window: window, workers: threads, progress: Progress.reporter)
  }

  /// The analysis of all of the trace, where one is needed to tell whether all events are there: nil where a window was
  /// analysed and nobody asks.
  private func whole(_ trace: Trace, _ analysis: TraceAnalysis, window: TraceWindow?) -> TraceAnalysis? {
    if window == nil { return analysis }
    return failOnLoss ? analyse(trace) : nil
  }

  /// Finds moments in a trace, times of day in the local time zone.
  func moments(in trace: Trace) -> MomentSearch {
    MomentSearch(trace) { analyse(trace).models.slowestExit()?.slowest.exemplar.timestamp }
  }

  /// Ends the program with status 2 when a device is not one of those that a trace can be asked about.
  func check(devices: [String], among names: [String]) throws {
    for device in devices where !names.contains(device) {
      throw Terminal.mistake(
        "no device is called '\(device)' in this trace; there are \(names.joined(separator: ", "))")
    }
  }

  /// Ends the program with status 2 when no device has a queue of that number in the trace.
  func check(queues: [Int], among numbers: [Int]) throws {
    for queue in queues where !numbers.contains(queue) {
      throw Terminal.mistake(
        "there is no queue \(queue) in this trace"
          + (numbers.isEmpty
            ? ""
            : "; there are " + numbers.prefix(16).map(String.init).joined(separator: ", ")
              + (numbers.count > 16 ? ", …" : "")))
    }
  }

  /// Ends the program with status 2 when a vCPU is not one of those of the trace.
  func check(vcpus: [Int], among ids: [Int]) throws {
    // Without a description, and an event, of any the trace says nothing about vCPUs.
    for vcpu in vcpus where !ids.contains(vcpu) && !ids.isEmpty {
      throw Terminal.mistake(
        "there is no vCPU \(vcpu) in this trace; there are "
          + ids.prefix(16).map(String.init).joined(separator: ", ") + (ids.count > 16 ? ", …" : ""))
    }
  }

  /// Prints the report and ends with the status that it deserves.
  func finish(_ report: Report, limits: [ThresholdReport] = []) throws {
    var report = report
    report.limits = limits.isEmpty ? nil : limits
    let traces = [report.trace] + (report.compare.map { [$0.other] } ?? [])
    for trace in traces where failOnLoss && (trace.isPartial || trace.check?.isWhole != true) {
      let name = traces.count > 1 ? "the trace \(trace.paths.joined(separator: " "))" : "the trace"
      let reasons = trace.check?.reasons ?? []
      report.findings.append(
        "\(name) is not complete: " + (reasons.isEmpty ? "it is partial" : reasons.joined(separator: "; ")))
    }
    for limit in report.limits ?? [] { report.findings += limit.findings }
    try show(report)
    if !report.findings.isEmpty {
      for finding in report.findings { Terminal.report(finding) }
      throw ExitCode(1)
    }
    try Self.checkDamage(traces)
  }

  /// Prints the report.
  func show(_ report: Report) throws {
    let text: String
    do {
      switch format {
      case .text: text = TextRenderer.render(report, style: style)
      case .html: text = HTMLRenderer.render(report)
      case .json: text = InertText.json(try report.json(bigIntegers: integers.bigIntegers))
      case .csv:
        guard let table = report.csv() else {
          throw Terminal.mistake("--format csv: \(report.command) is no table; exits, paths and dump are")
        }
        text = table
      }
    } catch let code as ExitCode {
      throw code
    } catch {
      Terminal.report("cannot write the report as JSON: \(error)")
      throw ExitCode(3)
    }
    if let failure = Terminal.write(text, to: STDOUT_FILENO) {
      Terminal.report("cannot write the output: \(String(cString: strerror(failure)))")
      throw ExitCode(1)
    }
  }

  /// Ends the program with status 3 when a trace is damaged.
  static func checkDamage(_ traces: [TraceReport]) throws {
    if let damage = traces.lazy.compactMap(\.diagnostics.first).first {
      Terminal.report("the trace is damaged, only a part of it could be read: \(damage)")
      throw ExitCode(3)
    }
    if let events = traces.lazy.compactMap(\.unanalysedEvents).first {
      Terminal.report(
        "only a part of the trace could be analysed: \(events) events are of vCPUs or loops beyond the number that is"
      )
      throw ExitCode(3)
    }
  }
}
