import Glibc
import Platform

/// What came of a request.
package enum AgentOutcome: Sendable, Equatable {
  /// The command returned this.
  case returned(JSONValue)
  /// No answer was expected, and no error came.
  case asked
  /// The program has ended.
  case ended(ProgramResult)
}

/// How a program in the guest ended, and what it wrote.
package struct ProgramResult: Sendable, Equatable {
  /// Its exit status; nil where a signal ended it.
  package let exitStatus: Int64?
  /// The signal that ended it.
  package let signal: Int64?
  /// What it wrote to standard output and standard error, as far as the agent kept it.
  package let output: [UInt8]
  package let errors: [UInt8]
  /// Whether the agent kept only the beginning: of 16 MiB.
  package let isCut: Bool
  /// As the agent said it, with `out-text` and `err-text` beside the base64 of what is text.
  package let answer: JSONValue

  /// Reads the answer of `guest-exec-status`; nil where the program still runs, or this is no such answer.
  package init?(_ answer: JSONValue) {
    guard case .object(var members) = answer, members["exited"] == .bool(true) else { return nil }
    exitStatus = members["exitcode"]?.integer
    signal = members["signal"]?.integer
    output = members["out-data"]?.base64 ?? []
    errors = members["err-data"]?.base64 ?? []
    isCut = members["out-truncated"] == .bool(true) || members["err-truncated"] == .bool(true)
    for (name, bytes) in [("out", output), ("err", errors)] {
      guard members["\(name)-data"] != nil, let text = String(validating: bytes, as: UTF8.self) else {
        continue
      }
      members["\(name)-text"] = .text(text)
    }
    self.answer = .object(members)
  }
}

extension AgentConnection {
  /// Asks the agent, and waits for what comes of it.
  package mutating func perform(_ request: AgentRequest) throws(AgentError) -> AgentOutcome {
    try synchronize()
    do {
      switch request.manner {
      case .synchronization: return .returned(.object([:]))
      case .plain: return .returned(try ask(request.command, request.arguments))
      case .status:
        let answer = try ask(request.command, request.arguments)
        return ProgramResult(answer).map(AgentOutcome.ended) ?? .returned(answer)
      case .run: return .ended(try run(request))
      case .unanswered: return try askWithoutAnswer(request)
      }
    } catch .refused(let command, "CommandNotFound", let reason) {
      // An agent says the same of commands that it was told not to do.
      let known = (try? ask("guest-info", nil))?["supported_commands"]?.values ?? []
      let names = known.compactMap { $0["name"]?.text }
      if !names.isEmpty, !names.contains(command) { throw .unknownCommand(command, known: names) }
      throw .refused(command: command, kind: "CommandNotFound", reason: reason)
    }
  }

  private mutating func ask(_ command: String, _ arguments: JSONValue?) throws(AgentError) -> JSONValue {
    try request(command, arguments)
    return try answer(to: command)
  }

  /// Nothing tells when a program ends: it is asked again and again, more and more seldom.
  private mutating func run(_ request: AgentRequest) throws(AgentError) -> ProgramResult {
    let started = try ask(request.command, request.arguments)
    guard let id = started["pid"]?.integer else {
      throw .nonsense(waitingFor: request.command, heard: AgentText.printable(started.json()))
    }
    let command = "guest-exec-status"
    var pause: UInt64 = 2_000_000
    var isKnownToRun = false
    while true {
      let status: JSONValue
      do {
        status = try ask(command, .object(["pid": .integer(id)]))
      } catch .silence where isKnownToRun {
        throw .running(id)
      }
      if let result = ProgramResult(status) { return result }
      guard status["exited"] == .bool(false) else {
        throw .nonsense(waitingFor: command, heard: AgentText.printable(status.json()))
      }
      isKnownToRun = true
      guard remaining > pause else { throw .running(id) }
      usleep(UInt32(pause / 1000))
      pause = min(2 * pause, 250_000_000)
    }
  }

  /// How long an error may take where no answer is the good one, nanoseconds.
  private static let grace: UInt64 = 2_000_000_000

  private mutating func askWithoutAnswer(_ request: AgentRequest) throws(AgentError) -> AgentOutcome {
    try self.request(request.command, request.arguments)
    guard waitForAnything(nanoseconds: AgentConnection.grace) else { return .asked }
    do {
      return .returned(try answer(to: request.command))
    } catch .closed {
      return .asked
    }
  }
}
