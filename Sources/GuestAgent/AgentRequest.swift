import Platform

/// What the agent is to be asked, as users say it.
package struct AgentRequest: Sendable, Equatable {
  /// What is done beside sending the command and showing its answer.
  package enum Manner: Sendable, Equatable {
    /// Nothing.
    case plain
    /// Output of a program is decoded.
    case status
    /// A program is started, waited for, and its output decoded.
    case run
    /// On success there is no answer.
    case unanswered
    /// Nothing is sent but what finds the agent.
    case synchronization
  }

  /// A request that makes no sense: what is wrong and what to do.
  package struct Mistake: Error, Sendable, Equatable, CustomStringConvertible {
    /// The message.
    package let description: String
  }

  /// The agent's name of the command.
  package let command: String
  /// Its arguments.
  package let arguments: JSONValue?
  /// What else is done.
  package let manner: Manner

  /// Short names beside those that are the agent's without `guest-`.
  package static let shortNames = [
    "sync": "guest-sync-delimited", "interfaces": "guest-network-get-interfaces",
    "freeze": "guest-fsfreeze-freeze", "thaw": "guest-fsfreeze-thaw",
    "freeze-status": "guest-fsfreeze-status", "time": "guest-get-time",
  ]

  /// These end, or suspend, the system that would have to answer.
  private static let unanswered: Set = [
    "guest-shutdown", "guest-suspend-disk", "guest-suspend-ram", "guest-suspend-hybrid",
  ]

  /// Reads what stands on a command line.
  ///
  /// - Parameters:
  ///   - name: the agent's (`guest-exec`), for which nothing is added to what the agent does; or a short one (`exec`).
  ///   - words: JSON, or what a short name takes instead.
  package init(_ name: String, _ words: [String]) throws(Mistake) {
    let command = AgentRequest.shortNames[name] ?? (name.hasPrefix("guest-") ? name : "guest-\(name)")
    self.command = command
    var json: JSONValue?
    if words.count == 1, words[0].first(where: { !$0.isWhitespace }) == "{" {
      do {
        json = try JSONValue(parsing: Array(words[0].utf8))
      } catch {
        throw Mistake(description: "\(name): the arguments are no JSON: \(words[0])")
      }
    }
    func mistake(_ hint: String) -> Mistake {
      Mistake(description: "\(name): '\(words.joined(separator: " "))' is nothing that it takes; \(hint)")
    }
    switch name {
    case "exec":
      manner = .run
      guard let path = words.first else {
        throw Mistake(
          description: "exec: name a program and its arguments, or give JSON as guest-exec takes it")
      }
      if case .object(var members) = json {
        if members["capture-output"] == nil { members["capture-output"] = .bool(true) }
        json = .object(members)
      } else {
        json = .object([
          "path": .text(path), "arg": .list(words.dropFirst().map(JSONValue.text)),
          "capture-output": .bool(true),
        ])
      }
    case "exec-status":
      manner = .status
      if json == nil {
        guard words.count == 1, let id = Int64(words[0]) else {
          throw mistake("give the number that exec told, or JSON")
        }
        json = .object(["pid": .integer(id)])
      }
    case "sync":
      manner = .synchronization
      guard words.isEmpty else { throw mistake("it takes nothing") }
    case "set-time" where words == ["now"]:
      manner = .plain
      json = .object(["time": .integer(Int64(clamping: Clock.realtime))])
    case "shutdown" where ["powerdown", "halt", "reboot"].contains { words == [$0] }:
      manner = .unanswered
      json = .object(["mode": .text(words[0])])
    default:
      manner = AgentRequest.unanswered.contains(command) ? .unanswered : .plain
      guard words.isEmpty || json != nil else {
        throw mistake(
          name == "set-time"
            ? "give now, or JSON; with nothing, the guest's own clock is read"
            : name == "shutdown"
              ? "give powerdown, halt or reboot, or JSON" : "give JSON, such as '{\"name\": 1}'")
      }
    }
    arguments = json
  }
}
