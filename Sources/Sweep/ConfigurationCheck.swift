import Platform

/// Asks the monitor about configurations before anything runs: `exeunt run --check`.
package enum ConfigurationCheck {
  /// A check takes milliseconds; one that reads a large kernel longer.
  private static let limit = 60_000

  /// What is wrong with some configurations, a sentence for each mistake that is not told yet.
  ///
  /// - Parameter program: The monitor's.
  /// - Throws: Where the program cannot be started.
  package static func mistakes(
    in configurations: [Configuration], program: String
  ) throws(Errno) -> [String] {
    var found: [(text: String, labels: [String])] = []
    for configuration in configurations {
      let outcome = try Subprocess.run(program, ["run", "--check"] + configuration.arguments, timeout: limit)
      guard !outcome.succeeded else { continue }
      let text = words(outcome)
      if let known = found.firstIndex(where: { $0.text == text }) {
        found[known].labels.append(configuration.label)
      } else {
        found.append((text, [configuration.label]))
      }
    }
    return found.map { text, labels in
      let more = labels.count > 1 ? " and \(labels.count - 1) more" : ""
      return "\(labels[0])\(more): \(text)"
    }
  }

  /// What the monitor says, without how it is used.
  private static func words(_ outcome: Subprocess.Outcome) -> String {
    let lines = outcome.standardError.split(separator: "\n").map(String.init)
    let useful = lines.prefix { !$0.hasPrefix("Usage:") && !$0.hasPrefix("  See ") }
    let text = useful.joined(separator: " ")
    return text.isEmpty ? "exeunt run --check ended without a word" : text
  }
}
