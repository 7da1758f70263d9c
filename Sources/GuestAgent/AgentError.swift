import Platform

/// Why a guest agent did not do what it was asked.
package enum AgentError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Nobody answers at the socket.
  case unreachable(Errno)
  /// No answer came in time. What came instead, if anything did, for people.
  case silence(after: UInt64, waitingFor: String, heard: String)
  /// The other side closed the connection.
  case closed(waitingFor: String, heard: String)
  /// An answer is longer than any sound one.
  case tooLong(waitingFor: String)
  /// An answer that is none; its beginning, for people.
  case nonsense(waitingFor: String, heard: String)
  /// The agent says that it will not, or cannot.
  case refused(command: String, kind: String, reason: String)
  /// The time is over, and a program that was started is not; its number.
  case running(Int64)
  /// The agent has no such command; those that it has.
  case unknownCommand(String, known: [String])

  /// The message.
  package var description: String {
    switch self {
    case .unreachable(.fileNameTooLong):
      "the path is too long: a socket's has up to \(UnixSocket.longestPath) bytes; use a shorter one, or a relative one"
    case .unreachable(.noSuchFileOrDirectory): "there is no such socket; is the guest running?"
    case .unreachable(.connectionRefused): "nobody listens there any more; is the guest still running?"
    case .unreachable(.wouldBlock): "somebody else has the connection, and it takes one at a time"
    case .unreachable(let error): "\(error)"
    case .silence(let nanoseconds, let command, let heard):
      "no answer to \(command) within \(TimeText.seconds(nanoseconds)): does an agent run in the guest, on this port?"
        + AgentError.instead(heard)
    case .closed(let command, let heard):
      "the connection was closed before an answer to \(command)" + AgentError.instead(heard)
    case .tooLong(let command):
      "the answer to \(command) is longer than \(AgentConnection.longestAnswer >> 20) MiB, or of too many values: given up"
    case .nonsense(let command, let heard):
      "what answers \(command) does not speak a guest agent's protocol; it says \(heard)"
    case .refused(let command, let kind, let reason):
      "\(command): \(AgentText.printable(reason))"
        + (kind == "GenericError" ? "" : " (\(AgentText.printable(kind)))")
    case .running(let id):
      "the program still runs; ask later with `exec-status \(id)`, or give it more time (--timeout)"
    case .unknownCommand(let name, _): "the agent has no command '\(name)'"
    }
  }

  private static func instead(_ heard: String) -> String {
    heard.isEmpty ? "" : "; it says \(heard)"
  }
}
