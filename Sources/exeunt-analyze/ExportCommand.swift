import ArgumentParser
import Export
import Glibc
import Reports
import Symbols

extension ExportTable: ExpressibleByArgument {}

/// `exeunt-analyze export`: what the models know, for other programs.
struct ExportCommand: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case csv
    case jsonl
    case sqlite
    case perfetto
    case folded
    case openmetrics
  }

  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write exits, intervals, wakeups, requests and more for other programs to read.",
    discussion: """
      Each directory is a run of its own. Tables, columns and units are in docs/export.md. A file is there when all of it
      is written, and replaces one of its name; runs of any length are exported in the same memory.

      EXAMPLES:
        exeunt-analyze export --format sqlite -o runs.sqlite run1 run2
        exeunt-analyze export --format perfetto -o run1.perfetto-trace run1
        exeunt-analyze export --format perfetto -o slowest.perfetto-trace --around slowest run1
        exeunt-analyze export --format csv --table exits -o exits.csv run1
        exeunt-analyze export --format folded run1 | flamegraph.pl >run1.svg
        exeunt-analyze export --format folded --symbols vmlinux run1 | flamegraph.pl >functions.svg
        exeunt-analyze export --format jsonl --table requests run1 run2 | jq .duration_ns
      """)

  @Argument(
    help: ArgumentHelp("Directories with traces; each is a run.", valueName: "dir"), completion: .directory)
  var directories: [String]

  @Option(
    help: ArgumentHelp(
      "csv: one table. jsonl: a JSON object for each row of any table. sqlite: a database with all tables, for query "
        + "and others. perfetto: a trace that ui.perfetto.dev opens. folded: stacks for flame graphs. openmetrics: the "
        + "summary's counts, times and percentiles.",
      valueName: "csv|jsonl|sqlite|perfetto|folded|openmetrics")
  )
  var format: Format

  @Option(
    help: ArgumentHelp(
      "Only this table: \(ExportTable.allCases.map(\.rawValue).joined(separator: ", ")). May be repeated with jsonl. "
        + "(default: all; of csv exits)", valueName: "table"))
  var table: [ExportTable] = []

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "The file to write; one that is there is replaced. (default: standard output, but for sqlite)",
      valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup var symbols: SymbolOptions

  @OptionGroup var options: RunOptions

  func validate() throws {
    if symbols.isGiven, format != .folded { throw ValidationError("--symbols is for --format folded") }
    switch format {
    case .csv where table.count > 1:
      throw ValidationError("--format csv is one table: give --table once, or --format jsonl")
    case .sqlite where output == nil: throw ValidationError("--format sqlite makes a file: give -o")
    case .sqlite where !table.isEmpty, .perfetto where !table.isEmpty, .folded where !table.isEmpty,
      .openmetrics where !table.isEmpty:
      throw ValidationError("--table is for csv and jsonl: other formats have everything")
    case .perfetto where output == nil && isatty(STDOUT_FILENO) == 1:
      throw ValidationError("--format perfetto is not for a terminal: give -o")
    case .csv, .jsonl, .sqlite, .perfetto, .folded, .openmetrics: break
    }
  }

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    try StateInput.refuse(directories)
    let guest = try symbols.read()
    let damaged: [TraceReport]
    if let output {
      let file = try OutputFile.make(output)
      damaged = try export(to: file.descriptor, file.isRenamed ? file.place : nil, guest)
      do throws(OutputFile.Failure) {
        try file.complete()
      } catch {
        throw RunOptions.failed(output, error.text)
      }
    } else {
      damaged = try export(to: STDOUT_FILENO, nil, guest)
    }
    try AnalysisOptions.checkDamage(damaged)
  }

  /// Exports all runs, and gives what was read of those that are damaged.
  ///
  /// - Parameters:
  ///   - place: The regular file that the descriptor is of; nil: it is of none.
  ///   - guest: The guest's symbols.
  private func export(
    to descriptor: CInt, _ place: String?, _ guest: GuestSymbols?
  ) throws -> [TraceReport] {
    switch format {
    case .csv:
      var exporter = CSVExporter(descriptor: descriptor, table: table.first ?? .exits)
      return try options.export(directories, as: output, to: &exporter)
    case .jsonl:
      var exporter = JSONLinesExporter(
        descriptor: descriptor, tables: table.isEmpty ? Set(ExportTable.allCases) : Set(table),
        bigIntegers: options.integers.bigIntegers)
      return try options.export(directories, as: output, to: &exporter)
    case .perfetto:
      var exporter = PerfettoExporter(descriptor: descriptor)
      return try options.export(directories, as: output, to: &exporter)
    case .folded:
      var exporter = FoldedExporter(descriptor: descriptor, symbols: guest)
      return try options.export(directories, as: output, symbols: guest, to: &exporter)
    case .openmetrics:
      var exporter = OpenMetricsExporter(descriptor: descriptor)
      return try options.export(directories, as: output, to: &exporter)
    case .sqlite:
      guard let place else { throw RunOptions.failed(output, "a database is a regular file") }
      let database = try SQLiteDatabase.open(place, for: .fill) { RunOptions.failed(output, $0) }
      var exporter = SQLiteExporter(database)
      return try options.export(directories, as: output, to: &exporter)
    }
  }
}
