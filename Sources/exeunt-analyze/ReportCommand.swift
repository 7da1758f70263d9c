import ArgumentParser
import Glibc
import Pages
import Reporting
import Reports

/// `exeunt-analyze report`: all of it on one page.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "Write a page with findings, charts, tables and the timeline of a run, or of two configurations.",
    discussion: """
      One file that opens in any browser, also without a network. Of runs of two
      configurations the page has the comparison, and one run of each in detail; of
      a sweep's directory what its factors do, and which configuration to take.

      EXAMPLES:
        exeunt-analyze report -o run1.html run1
        exeunt-analyze report -o run1.html --symbols vmlinux run1
        exeunt-analyze report -o second.html --from 1 --to 2 run1
        exeunt-analyze report -o compared.html old? --against new?
        exeunt-analyze report -o locks.html locks        a sweep (exeunt sweep)
      """)

  @Argument(
    help: ArgumentHelp(
      "Directories with traces, or states; each is a run. One is told of; two are compared. Or a sweep's directory.",
      valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "The file to write; one that is there is replaced. (default: standard output)", valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup var symbols: SymbolOptions

  @OptionGroup var part: WindowOptions

  @OptionGroup var comparison: ComparisonOptions

  @Option(
    help: ArgumentHelp("Of a comparison, the runs of each side that are told of in detail.", valueName: "n"))
  var details = 1

  @Option(
    help: ArgumentHelp(
      "Intervals, exits, requests … of each run that its timeline has one by one; of more there are sums. 0: no "
        + "timeline.", valueName: "n"))
  var timelineItems = 1_500_000

  @Option(help: ArgumentHelp("Threads that read; by default one for each processor.", valueName: "n"))
  var threads: Int?

  @OptionGroup var strictness: StrictnessOption

  private var isComparison: Bool { directories.count > 1 || !comparison.against.isEmpty }

  func validate() throws {
    if let threads, !(1...64).contains(threads) { throw ValidationError("--threads has to be 1 to 64") }
    guard (0...10_000_000).contains(timelineItems) else {
      throw ValidationError("--timeline-items has to be 0 to 10000000")
    }
    guard (0...16).contains(details) else { throw ValidationError("--details has to be 0 to 16") }
    if isComparison {
      try comparison.validate("report", directories)
      if part.isChosen { throw ValidationError("--from, --to and --around are for a page of one run") }
    }
  }

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    if output == nil, isatty(STDOUT_FILENO) == 1 {
      throw Terminal.mistake("a page is not for a terminal: give -o")
    }
    let isSweep = !isComparison && SweepInput.isSweep(directories[0])
    if !isSweep { try SweepInput.refuse(directories + comparison.against) }
    if isSweep, part.isChosen {
      throw Terminal.mistake("--from, --to and --around are for a page of one run")
    }
    let guest = try symbols.read()
    var reader = RunReader(
      places: ExitPlaces(symbols: guest), part: part, threads: threads, isStrict: strictness.strict,
      timelineItems: timelineItems)
    let page: ReportPage
    if isSweep {
      let sweep = try SweepInput(directories[0])
      page = ReportPage(
        sweep: try sweep.report(comparison) {
          try reader.compared($0, "", number: 0, of: 1, details: 0).compared
        },
        name: directories[0])
    } else if isComparison {
      let (a, b) = comparison.sides(directories)
      let one = try a.enumerated().map {
        try reader.compared($1, "A", number: $0, of: a.count, details: details)
      }
      let two = try b.enumerated().map {
        try reader.compared($1, "B", number: $0, of: b.count, details: details)
      }
      let runs = (one + two).compactMap(\.run)
      page = ReportPage(
        comparing: try comparison.compare(one.map(\.compared), with: two.map(\.compared)), runs)
    } else {
      page = ReportPage(try reader.run(directories[0]))
    }
    try write(page.html)
    try AnalysisOptions.checkDamage(reader.traces)
  }

  private func write(_ html: String) throws {
    guard let output else {
      if let code = Terminal.write(html, to: STDOUT_FILENO) {
        throw RunOptions.failed(nil, String(cString: strerror(code)))
      }
      return
    }
    let file = try OutputFile.make(output)
    if let code = Terminal.write(html, to: file.descriptor) {
      throw RunOptions.failed(output, String(cString: strerror(code)))
    }
    do throws(OutputFile.Failure) {
      try file.complete()
    } catch {
      throw RunOptions.failed(output, error.text)
    }
  }
}
