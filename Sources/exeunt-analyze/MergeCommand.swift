import Analysis
import ArgumentParser
import CTF

/// `exeunt-analyze merge`: puts states together.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Put states together: parts of a recording that follow each other.",
    discussion: """
      The result is what the state of all parts together would be. Parts can be given in any order, but none may be missing
      between them.

      EXAMPLES:
        exeunt-analyze merge -o run1.state part1.state part2.state part3.state
      """)

  @OptionGroup var options: StateOptions

  @Argument(
    help: ArgumentHelp("States, as state and merge write them.", valueName: "file"), completion: .file())
  var states: [String]

  func run() throws {
    var parts: [(path: String, recording: SavedRecording)] = []
    for path in states {
      for recording in try StateInput.read(path) { parts.append((path, recording)) }
    }
    parts.sort { $0.recording.precedes($1.recording) }
    guard var whole = parts.first?.recording else { return }
    for (path, next) in parts.dropFirst() {
      do throws(StateError) {
        try whole.append(next)
      } catch {
        Terminal.report("cannot merge the state \(PathText.shown(path)) with those before it: \(error)")
        throw ExitCode(3)
      }
    }
    try StateInput.write([whole], to: options.output)
  }
}
