import Analysis
import ArgumentParser
import CTF
import Reporting
import Reports

/// `exeunt-analyze compare`: two recordings side by side.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Put two recordings, A and B, side by side: what differs, and by how much.",
    discussion: """
      Takes exactly two directories; each is a recording of its own.

      EXAMPLES:
        exeunt-analyze compare run1 run2
        exeunt-analyze compare --format json run1 run2 | jq .compare.exits
      """)

  @OptionGroup var options: AnalysisOptions

  func validate() throws {
    guard options.directories.count == 2 else {
      throw ValidationError("compare takes two recordings, not \(options.directories.count)")
    }
  }

  func run() throws {
    let reports = try options.directories.map { directory in
      var options = options
      options.directories = [directory]
      let summary = try options.reporter().summary()
      guard summary.machines == nil else {
        throw Terminal.mistake("compare takes two recordings; \(directory) is the state of several machines")
      }
      return summary
    }
    try options.finish(Report.comparing(reports[0], with: reports[1]))
  }
}
