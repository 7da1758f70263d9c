#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a program was started with, before anybody takes it apart.
package enum GivenArguments {
  /// The same, with a number below 0 in one word with the option before it: it is that option's value, and no option's name; and with
  /// an option that has nothing behind its sign (`--append=`) in two.
  package static func joiningNegativeNumbers(_ arguments: [String]) -> [String] {
    var joined: [String] = []
    var isAtEnd = false
    for argument in arguments {
      if !isAtEnd, argument.hasPrefix("--"), argument.last == "=",
        argument.dropLast().allSatisfy({ $0 != "=" })
      {
        // An option with nothing behind the sign: its value is empty, and not the next word.
        joined += [String(argument.dropLast()), ""]
      } else if let last = joined.last, !isAtEnd, last.hasPrefix("--"), last.count > 2, !last.contains("="),
        argument.first == "-", argument.dropFirst().first?.isNumber == true
      {
        joined[joined.count - 1] += "=" + argument
      } else {
        joined.append(argument)
      }
      isAtEnd = isAtEnd || argument == "--"
    }
    return joined
  }

  /// What is known of a program's options: what ArgumentParser says of them as JSON.
  private struct Tool: Decodable {
    struct Command: Decodable {
      let commandName: String
      let defaultSubcommand: String?
      let subcommands: [Command]?
      let arguments: [Argument]?
    }
    struct Argument: Decodable {
      struct Name: Decodable {
        let kind, name: String
      }
      let kind: String
      let isRepeating: Bool
      let names: [Name]?
    }
    let command: Command
  }

  /// The first option that is given twice and takes one value, as it is written; nil: there is none. Whoever gives both means both, and one
  /// of the two would be forgotten.
  ///
  /// - Parameters:
  ///   - arguments: Without the program's name.
  ///   - help: Describes the program's options as JSON. Only asked for where it matters, as it takes longer than all else.
  package static func repeatedOption(in arguments: [String], _ help: () -> String) -> String? {
    guard mayRepeat(arguments),
      let tool = try? JSONDecoder().decode(Tool.self, from: Data(help().utf8))
    else { return nil }
    var command = tool.command
    var rest = arguments[...]
    // The program's own options are flags.
    while let first = rest.first, first.hasPrefix("-"), first != "--" { rest = rest.dropFirst() }
    if let name = rest.first, let found = command.subcommands?.first(where: { $0.commandName == name }) {
      command = found
      rest = rest.dropFirst()
    } else {
      rest = arguments[...]
      guard let name = command.defaultSubcommand,
        let found = command.subcommands?.first(where: { $0.commandName == name })
      else { return nil }
      command = found
    }
    return first(in: rest, command.arguments ?? [])
  }

  /// Whether an option is there twice, or one with a short name, which may be another's long one.
  private static func mayRepeat(_ arguments: [String]) -> Bool {
    var seen: Set<Substring> = []
    for argument in arguments.prefix(while: { $0 != "--" })
    where argument.hasPrefix("-") && argument.count > 1 {
      guard argument.hasPrefix("--") else { return true }
      if !seen.insert(argument.prefix { $0 != "=" }).inserted { return true }
    }
    return false
  }

  private static func first(in arguments: ArraySlice<String>, _ known: [Tool.Argument]) -> String? {
    var options: [String: Int] = [:]
    for (place, argument) in known.enumerated() where argument.kind == "option" {
      for name in argument.names ?? [] { options[(name.kind == "long" ? "--" : "-") + name.name] = place }
    }
    var seen: Set<Int> = []
    var rest = arguments
    while let word = rest.popFirst(), word != "--" {
      let name = String(word.prefix { $0 != "=" })
      guard let place = options[name] else { continue }
      // The word behind it is its value, whatever it looks like.
      if name == word { rest = rest.dropFirst() }
      if !seen.insert(place).inserted, !known[place].isRepeating { return name }
    }
    return nil
  }
}
