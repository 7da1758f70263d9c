import ArgumentParser
import CFaults
import CTF
import Glibc
import Spelling

/// `exeunt-analyze`: explains recorded traces, on any machine.
@main
struct ExeuntAnalyze: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exeunt-analyze",
    abstract: "Explain recorded traces of a virtual machine monitor.",
    discussion: """
      EXAMPLES:
        exeunt-analyze run1                 where the time went, exits, I/O paths
        exeunt-analyze explain run1         what made it slow, and what to try
        exeunt-analyze exits --reason io --address 0x3f8 run1
        exeunt-analyze timeline --around slowest run1
        exeunt-analyze paths --device doorbell0 run1
        exeunt-analyze compare run1 run2    two runs side by side
        exeunt-analyze report -o run1.html run1
        exeunt-analyze check run1           whether the recording is whole
        exeunt-analyze state -o run1.state run1
        exeunt-analyze export --format sqlite -o run1.sqlite run1
        exeunt-analyze query 'SELECT device, count(*) FROM exits GROUP BY 1' run1.sqlite
        exeunt-analyze summary --format json run1 | jq .summary.vcpus

      EXIT STATUS:
        0  done
        1  something was found that a --fail option asks for; check: the recording is not whole
        2  mistaken arguments
        3  the trace is damaged: it cannot be read, or only a part of it

      Events that the tracer discarded are no damage: 0, or 1 with --fail-on-loss.
      """,
    version: "0.1.0",
    subcommands: [
      SummaryCommand.self, ExplainCommand.self, ExitsCommand.self, TimelineCommand.self, PathsCommand.self,
      CompareCommand.self, ReportCommand.self, CheckCommand.self, DumpCommand.self,
      StateCommand.self, MergeCommand.self, ExportCommand.self, QueryCommand.self,
    ],
    defaultSubcommand: SummaryCommand.self)

  /// Exit statuses are those of the documentation, not those of sysexits.h: 2 for mistaken arguments.
  static func main() {
    cfaults_end_when_sent()
    DescriptorPool.raiseLimit()
    // Output that has grown to its limit (ulimit -f) is an error of the write, with a message.
    signal(SIGXFSZ, SIG_IGN)
    let arguments = GivenArguments.joiningNegativeNumbers(Arguments.given)
    if let option = GivenArguments.repeatedOption(in: arguments, { _dumpHelp() }) {
      Terminal.report("\(option) is given twice: give it once")
      Glibc.exit(2)
    }
    do {
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if !text.isEmpty {
        Terminal.write(Terminal.shown(text + "\n"), to: code.isSuccess ? STDOUT_FILENO : STDERR_FILENO)
      }
      Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }
}
