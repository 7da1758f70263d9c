import Analysis
import ArgumentParser
import CTF
import Reporting

/// `exeunt-analyze explain`: what made a run slow, and what to do about it.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say what made a run slow, by what it costs, and what to try.",
    discussion: """
      Each finding has what it costs, the numbers that it rests on, and what to try. A run without trouble has none.
      What is looked for, and from which cost on it is told: docs/explain.md.

      EXAMPLES:
        exeunt-analyze explain run1
        exeunt-analyze explain --from mark=1 --to mark=2 run1
        exeunt-analyze explain --symbols vmlinux run1
        exeunt-analyze explain --format json run1 | jq -r '.explain.findings[0].kind'
      """)

  @OptionGroup var options: AnalysisOptions

  @OptionGroup var following: FollowOption

  @OptionGroup var part: WindowOptions

  @OptionGroup var symbols: SymbolOptions

  func run() throws {
    let places = ExitPlaces(symbols: try symbols.read())
    let reporter = try options.reporter(part, follow: following.follow)
    SymbolOptions.check(places.symbols, reporter.lacksInstructions, options.directories)
    try options.finish(reporter.explain(places: places))
  }
}
