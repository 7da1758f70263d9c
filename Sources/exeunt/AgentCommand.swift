import ArgumentParser
import Glibc
import GuestAgent
import GuestPrograms
import InertText
import Platform
import Spelling

/// How `exeunt agent` prints.
enum AgentFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
}

/// `exeunt agent`: asks the QEMU guest agent in a guest.
struct AgentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent",
    abstract: "Ask the QEMU guest agent in a guest, over a UNIX socket.",
    discussion: """
      The socket is that of the guest's port org.qemu.guest_agent.0.

      COMMAND is the agent's own name of one, with or without guest-; with it, the agent's answer is shown as it is. \
      Short names do more, or are shorter: exec PROGRAM ARGUMENT … (waits until it ends, and writes what it wrote), \
      exec-status NUMBER, set-time now, shutdown powerdown|halt|reboot, interfaces, freeze, thaw, freeze-status, time, \
      sync. What follows COMMAND otherwise is JSON.

      The exit status is 0 where the agent did it, 1 where it refused, 2 for mistaken arguments, and 3 where it does \
      not answer, or not as an agent does. With exec and text, it is the program's own, or 128 + n for signal n.

      EXAMPLES:
        exeunt agent --socket ga.sock ping
        exeunt agent --socket ga.sock exec -- /bin/ls -l /
        exeunt agent --socket ga.sock --format json get-osinfo
        exeunt agent --socket ga.sock file-open '{"path": "/etc/hostname"}'
      """)

  @Option(
    help: ArgumentHelp("The UNIX socket that the agent's port leads to.", valueName: "path"),
    completion: .file())
  var socket: String

  @Option(help: ArgumentHelp("How long all of it may take, such as 30s.", valueName: "time"))
  var timeout = TimeSpan(argument: "10s")!

  @Option(help: "text, or json: the answer as one document.")
  var format: AgentFormat = .text

  @Argument(help: ArgumentHelp("What to ask, such as ping or guest-get-osinfo.", valueName: "command"))
  var command: String

  @Argument(help: ArgumentHelp("Its arguments: JSON, or what a short name takes.", valueName: "argument"))
  var arguments: [String] = []

  func validate() throws {
    if timeout.nanoseconds <= 0 { throw ValidationError("--timeout has to be longer than 0") }
  }

  func run() throws {
    let request: AgentRequest
    do {
      request = try AgentRequest(command, arguments)
    } catch {
      throw ValidationError(error.description)
    }
    do {
      var connection = try AgentConnection(path: socket, limit: timeout.nanoseconds)
      try show(try connection.perform(request), of: request)
    } catch let error as AgentError {
      try fail(error)
    }
  }

  private func fail(_ error: AgentError) throws -> Never {
    let head = "agent at \(socket)"
    switch error {
    case .unknownCommand(let name, let known):
      let words =
        known + known.map { String($0.dropFirst("guest-".count)) } + AgentRequest.shortNames.keys.sorted()
      let suggestion =
        NearestWord.nearest(to: command, among: words) == nil
        ? NearestWord.sentence(for: name, among: known) : NearestWord.sentence(for: command, among: words)
      Diagnostics.report(AgentText.printable("\(head): \(error)\(suggestion)"))
      throw ExitCode(2)
    case .refused:
      Diagnostics.report("\(head): \(error)")
      throw ExitCode(1)
    default:
      Diagnostics.report("\(head): \(error)")
      throw ExitCode(3)
    }
  }

  private func show(_ outcome: AgentOutcome, of request: AgentRequest) throws {
    switch (outcome, format) {
    case (.returned(let value), .json): try Results.write(InertText.json(value.json(isPretty: true)))
    case (.ended(let result), .json): try Results.write(InertText.json(result.answer.json(isPretty: true)))
    case (.asked, .json): try Results.write("{}")
    case (.returned(let value), .text):
      let text = AgentText.text(value, of: request.command)
      if !text.isEmpty { try Results.write(LocaleText.shown(text)) }
    case (.asked, .text):
      Diagnostics.report("\(request.command): asked; no answer is expected")
    case (.ended(let result), .text): try end(as: result)
    }
  }

  /// Writes what a program in the guest wrote, as it did, and ends as it ended.
  private func end(as result: ProgramResult) throws {
    for (bytes, descriptor) in [(result.output, STDOUT_FILENO), (result.errors, STDERR_FILENO)] {
      try Results.write(bytes, to: descriptor)
    }
    if result.isCut { Diagnostics.report("the agent kept only the first 16 MiB of what the program wrote") }
    if let signal = result.signal {
      Diagnostics.report("signal \(signal) ended the program")
      throw ExitCode(Int32(truncatingIfNeeded: 128 + (signal & 0x7f)))
    }
    if let status = result.exitStatus, status != 0 { throw ExitCode(Int32(truncatingIfNeeded: status)) }
  }
}
