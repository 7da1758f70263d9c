import ArgumentParser
import CFaults
import Glibc
import GuestPrograms
import Machine
import Platform
import Recorder
import Spelling

/// `exeunt`: the virtual machine monitor.
@main
struct Exeunt: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exeunt",
    abstract: "Run a guest under KVM and record why, and for how long, it leaves guest mode.",
    discussion: """
      EXAMPLES:
        exeunt run --guest mixed --trace run1    run a guest, record its exits
        exeunt-analyze run1                      see where its time went
        exeunt sweep experiment.yaml             many runs, to compare configurations
        exeunt guests                            what else is built in
        exeunt doctor                            what this host offers
      """,
    version: ExeuntVersion.current,
    subcommands: [
      RunCommand.self, SweepCommand.self, AgentCommand.self, GuestsCommand.self, DoctorCommand.self,
    ])

  /// Exit statuses are those of the documentation, not those of sysexits.h: 2 for mistaken arguments.
  static func main() {
    cfaults_end_when_sent()
    RecorderProcess.serveIfStartedToRecord()
    openStandardDescriptors()
    // A file that has grown to its limit (ulimit -f) is an error of the write, with a message, and not this process's end.
    signal(SIGXFSZ, SIG_IGN)
    if let mistake = ProcessArguments.mistake {
      Diagnostics.report(mistake)
      Glibc.exit(2)
    }
    let arguments = GivenArguments.joiningNegativeNumbers(Array(ProcessArguments.all.dropFirst()))
    if let option = GivenArguments.repeatedOption(in: arguments, { _dumpHelp() }) {
      Diagnostics.report("\(option) is given twice: give it once")
      Glibc.exit(2)
    }
    do {
      var command = try parseAsRoot(arguments)
      do {
        try command.run()
      } catch let mistake as ValidationError {
        // Found after parsing, by a command whose usage is no news: the message alone says what to do.
        Diagnostics.report("\(mistake)")
        Glibc.exit(2)
      }
    } catch {
      if let mistake = KeyedArgument.mistake(in: message(for: error)) {
        Diagnostics.report(mistake)
        Glibc.exit(2)
      }
      let code = exitCode(for: error)
      let text = suggesting(fullMessage(for: error))
      if !text.isEmpty {
        if !code.isSuccess {
          Diagnostics.write(text)
        } else if (try? Results.write(LocaleText.shown(text))) == nil {
          Glibc.exit(1)
        }
      }
      Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }

  /// With the command that was meant by a word that is none.
  private static func suggesting(_ message: String) -> String {
    let begin = "Error: Unexpected argument '"
    guard message.hasPrefix(begin), let end = message.dropFirst(begin.count).firstIndex(of: "'") else {
      return message
    }
    let word = String(message[message.index(message.startIndex, offsetBy: begin.count)..<end])
    let commands = configuration.subcommands.compactMap { $0.configuration.commandName }
    let suggestion = NearestWord.sentence(for: word, among: commands)
    return message[...end] + suggestion + message[message.index(after: end)...]
  }

  /// Standard descriptors that this program was started without would be given to the files it opens first, and
  /// messages would be written into guest RAM.
  private static func openStandardDescriptors() {
    while true {
      let descriptor = open("/dev/null", O_RDWR)
      guard descriptor >= 0, descriptor <= STDERR_FILENO else {
        close(descriptor)
        return
      }
    }
  }
}

/// What the user asked for: standard output.
enum Results {
  /// Writes a text and a newline.
  ///
  /// - Throws: the exit status 1, after telling, where the output cannot be written.
  static func write(_ text: String) throws { try write(Array((text + "\n").utf8), to: STDOUT_FILENO) }

  /// Writes bytes as they are to standard output or standard error.
  ///
  /// - Throws: as above.
  static func write(_ bytes: [UInt8], to descriptor: CInt) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let name = descriptor == STDOUT_FILENO ? "output" : "error"
        Diagnostics.report("standard \(name) cannot be written: \(Errno.current)")
        throw ExitCode(1)
      }
      rest = rest.dropFirst(count)
    }
  }
}

/// Messages to the user: standard error, because standard output is for results.
enum Diagnostics {
  /// Writes a text and a newline.
  static func write(_ text: String) {
    var text = LocaleText.shown(text)
    if !text.hasSuffix("\n") { text += "\n" }
    EndingSignals.letThrough(unlessWritable: STDERR_FILENO)
    text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// Writes a message under the program's name.
  static func report(_ message: String) { write("exeunt: \(message)") }
}
