import Analysis
import ArgumentParser
import CTF
import Dump
import Export
import Glibc
import Reporting
import Reports

extension ExportTable: ExpressibleByArgument {}

/// `exeunt-analyze export`: what the models know, for other programs.
struct ExportCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case csv
    case jsonl
  }

  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write exits, intervals, wakeups, requests and more for other programs to read.",
    discussion: """
      Each directory is a run of its own. Tables, columns and units are in docs/export.md. A file is there when all of it
      is written, and replaces one of its name; runs of any length are exported in the same memory.

      EXAMPLES:
        exeunt-analyze export --format csv --table exits -o exits.csv run1
        exeunt-analyze export --format jsonl --table requests run1 run2 | jq .duration_ns
      """)

  @Argument(
    help: ArgumentHelp("Directories with traces; each is a run.", valueName: "dir"), completion: .directory)
  var directories: [String]

  @Option(
    help: ArgumentHelp(
      "csv: one table. jsonl: a JSON object for each row of any table.", valueName: "csv|jsonl"))
  var format: Format

  @Option(
    help: ArgumentHelp(
      "Only this table: \(ExportTable.allCases.map(\.rawValue).joined(separator: ", ")). May be repeated but for csv. "
        + "(default: all; of csv exits)", valueName: "table"))
  var table: [ExportTable] = []

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("The file to write; one that is there is replaced.", valueName: "file"),
    completion: .file())
  var output: String?

  @Option(help: ArgumentHelp("Threads that analyse; by default one for each processor.", valueName: "n"))
  var threads: Int?

  @OptionGroup var strictness: StrictnessOption

  @OptionGroup var integers: BigIntegersOption

  func validate() throws {
    if let threads, !(1...64).contains(threads) { throw ValidationError("--threads has to be 1 to 64") }
    if format == .csv, table.count > 1 {
      throw ValidationError("--format csv is one table: give --table once, or --format jsonl")
    }
  }

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    try StateInput.refuse(directories)
    let damage: [TraceReport]
    if let output {
      let file = try open(output)
      damage = try export(to: file.descriptor)
      do throws(OutputFile.Failure) {
        try file.complete()
      } catch {
        throw failed(error.text)
      }
    } else {
      damage = try export(to: STDOUT_FILENO)
    }
    try AnalysisOptions.checkDamage(damage)
  }

  private func open(_ output: String) throws -> OutputFile {
    do throws(OutputFile.Failure) {
      return try OutputFile(output)
    } catch {
      throw failed(error.text)
    }
  }

  private func failed(_ what: String) -> ExitCode {
    Terminal.report("cannot write \(output.map(PathText.shown) ?? "the output"): \(what)")
    return ExitCode(1)
  }

  /// Exports all runs, and gives what was read of those that are damaged.
  private func export(to descriptor: CInt) throws -> [TraceReport] {
    let tables = table.isEmpty ? Set(ExportTable.allCases) : Set(table)
    switch format {
    case .csv:
      var exporter = CSVExporter(descriptor: descriptor, table: table.first ?? .exits)
      return try export(&exporter)
    case .jsonl:
      var exporter = JSONLinesExporter(
        descriptor: descriptor, tables: tables, bigIntegers: integers.bigIntegers)
      return try export(&exporter)
    }
  }

  private func export(_ exporter: inout some Exporter & ~Copyable) throws -> [TraceReport] {
    var damaged: [TraceReport] = []
    for (index, directory) in directories.enumerated() {
      let run = try read(directory, number: index + 1)
      let trace = run.report.trace
      if !trace.diagnostics.isEmpty || trace.unanalysedEvents != nil { damaged.append(trace) }
      exporter.export(run)
      try check(exporter.failure)
    }
    exporter.finish()
    try check(exporter.failure)
    return damaged
  }

  private func check(_ failure: ExportFailure?) throws {
    switch failure {
    case nil: break
    // A reader that goes away is an ordinary end.
    case .write(EPIPE) where output == nil: throw ExitCode.success
    case .write(let code): throw failed(String(cString: strerror(code)))
    case .library(let message): throw failed(message)
    }
  }

  private func read(_ directory: String, number: Int) throws -> ExportedRun {
    let trace: Trace
    do throws(TraceError) {
      trace = try Trace(opening: [directory], isStrict: strictness.strict)
    } catch {
      Terminal.report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
    let analysis = TraceAnalysis.read(trace, workers: threads, progress: Progress.reporter)
    let builder = ReportBuilder(trace, paths: [directory], analysis: analysis)
    return ExportedRun(number: number, trace, analysis, builder.summary())
  }
}
