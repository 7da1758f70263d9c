import Analysis
import ArgumentParser
import CTF
import Export
import Glibc
import Reporting
import Reports
import Symbols

/// How recordings are read that are exported.
struct RunOptions: ParsableArguments {
  @OptionGroup var part: WindowOptions

  @Option(help: ArgumentHelp("Threads that analyse; by default one for each processor.", valueName: "n"))
  var threads: Int?

  @OptionGroup var strictness: StrictnessOption

  @OptionGroup var integers: BigIntegersOption

  func validate() throws {
    if let threads, !(1...64).contains(threads) { throw ValidationError("--threads has to be 1 to 64") }
  }

  /// Exports recordings, each as a run.
  ///
  /// - Parameters:
  ///   - output: What is written, for messages; nil: standard output, whose reader may go away.
  ///   - symbols: The guest's, which the exporter uses; nil: none.
  /// - Returns: What was read of those that are damaged.
  func export(
    _ directories: [String], as output: String?, symbols: GuestSymbols? = nil,
    to exporter: inout some Exporter & ~Copyable
  ) throws -> [TraceReport] {
    var damaged: [TraceReport] = []
    for (index, directory) in directories.enumerated() {
      let (run, builder) = try read(directory, number: index + 1)
      SymbolOptions.check(symbols, builder.lacksInstructions, [directory])
      let trace = run.report.trace
      if !trace.diagnostics.isEmpty || trace.unanalysedEvents != nil { damaged.append(trace) }
      exporter.export(run)
      try check(exporter.failure, output)
    }
    exporter.finish()
    try check(exporter.failure, output)
    return damaged
  }

  private func read(_ directory: String, number: Int) throws -> (ExportedRun, ReportBuilder) {
    let trace: Trace
    do throws(TraceError) {
      trace = try Trace(opening: [directory], isStrict: strictness.strict)
    } catch {
      Terminal.report("cannot read the trace: \(error)")
      throw ExitCode(3)
    }
    let workers = threads
    func analyse(_ window: Range<Int64>? = nil) -> TraceAnalysis {
      TraceAnalysis.read(trace, window: window, workers: workers, progress: Progress.reporter)
    }
    let whole = analyse()
    let search = MomentSearch(trace) { whole.models.slowestExit()?.slowest.exemplar.timestamp }
    let window = try WindowOptions.window(try part.choose(search).part, in: trace)
    let builder = ReportBuilder(
      trace, paths: [directory], analysis: window.map { analyse($0.part) } ?? whole, window: window,
      whole: whole)
    return (
      ExportedRun(number: number, trace, whole, part: window?.part, builder.summary()), builder
    )
  }

  private func check(_ failure: ExportFailure?, _ output: String?) throws {
    switch failure {
    case nil: break
    // A reader that goes away is an ordinary end.
    case .write(EPIPE) where output == nil: throw ExitCode.success
    case .write(let code): throw Self.failed(output, String(cString: strerror(code)))
    case .library(let message): throw Self.failed(output, message)
    }
  }

  /// Reports that an output cannot be written, and gives the status to end with.
  static func failed(_ output: String?, _ what: String) -> ExitCode {
    Terminal.report("cannot write \(output.map(PathText.shown) ?? "the output"): \(what)")
    return ExitCode(1)
  }
}

extension OutputFile {
  /// Makes a file, or ends the program with one line and status 1.
  static func make(_ path: String, mode: mode_t = 0o666) throws -> OutputFile {
    do throws(Failure) {
      return try OutputFile(path, mode: mode)
    } catch {
      throw RunOptions.failed(path, error.text)
    }
  }
}

extension SQLiteDatabase {
  /// Opens a database.
  ///
  /// - Parameter failure: What to end with where it cannot be opened.
  static func open(
    _ path: String, for purpose: Purpose, _ failure: (String) -> ExitCode
  ) throws -> SQLiteDatabase {
    let opened = PathText.withBytes(path) { path -> Result<SQLiteDatabase, SQLiteError> in
      do throws(SQLiteError) {
        return .success(try SQLiteDatabase(path, for: purpose))
      } catch {
        return .failure(error)
      }
    }
    switch opened {
    case .success(let database): return database
    case .failure(let error): throw failure(error.description)
    }
  }
}
