/// What is compared: guests, and the machines that they run on.
package struct Experiment: Equatable, Sendable {
  /// A guest with its arguments, as on the command line of `exeunt run`.
  package struct Guest: Equatable, Sendable {
    /// What runs of it are called.
    package var label: String
    /// Such as `--guest doorbell iterations=5000`.
    package var arguments: [String]
  }

  /// Something that is varied.
  package struct Factor: Equatable, Sendable {
    package var name: String
    /// Two or more.
    package var levels: [Level]
  }

  /// One of the ways that a factor is varied in.
  package struct Level: Equatable, Sendable {
    package var label: String
    package var arguments: [String]
  }

  /// What it answers, for people; nil: it does not say.
  package var question: String?
  /// One or more.
  package var guests: [Guest]
  /// Arguments of every run.
  package var arguments: [String]
  /// In the order of the file.
  package var factors: [Factor]
  /// How often each configuration runs.
  package var pairs: Int
  /// Runs of each configuration before those that count.
  package var warmUps: Int

  /// Whether the two configurations run at the same time.
  package enum Duet: String, Equatable, Sendable {
    case none = "false"
    /// Where there are four processors or more.
    case apart = "true"
    /// Also where there are two: each run has one.
    case force
  }
  package var duet = Duet.none
  /// How often a run is made again that was disturbed, 0 to 10.
  package var repeats = 0
  /// What the analysis found is kept in place of the traces.
  package var keepsAnalysis = false

  /// How often a configuration may run.
  package static let pairBounds = 1...100
  /// More configurations than this were hardly meant.
  package static let mostConfigurations = 256
  /// By default a verdict is possible: it takes 8 pairs.
  package static let defaultPairs = 10

  /// Every guest on every machine: one level of each factor.
  package var configurations: [Configuration] {
    var found = guests.map {
      Configuration(guest: $0.label, levels: [], arguments: arguments + $0.arguments)
    }
    for factor in factors {
      found = found.flatMap { configuration in
        factor.levels.map { level in
          var more = configuration
          more.levels.append(.init(factor: factor.name, level: level.label))
          more.arguments += level.arguments
          return more
        }
      }
    }
    let namesGuest = guests.count > 1
    for index in found.indices {
      found[index].label = found[index].makeLabel(namesGuest: namesGuest)
      found[index].takeMachines()
    }
    return found
  }
}

/// A guest on a machine.
package struct Configuration: Equatable, Sendable, Codable {
  /// A factor's level.
  package struct Setting: Equatable, Sendable, Codable {
    package var factor: String
    package var level: String
  }

  package var guest: String
  package var levels: [Setting]
  /// Of `exeunt run`.
  package var arguments: [String]
  /// Machines that run at the same time, each with a trace of its own; nil: one.
  package var machines: Int?
  /// What directories of its runs end with: the only one of its experiment, without characters that a shell or a file system
  /// takes for something else.
  package var label = ""

  /// Threads of its machines that run vCPUs and devices, as far as options of their own say.
  package var threads: Int {
    func value(_ option: String) -> String? {
      let option = "--\(option)="
      return arguments.last { $0.hasPrefix(option) }.map { String($0.dropFirst(option.count)) }
    }
    let vcpus = value("cpus").flatMap { Int($0) } ?? 1
    let loops = value("threads") == "single" ? 0 : value("iothreads").flatMap { Int($0) } ?? 1
    let objects = arguments.filter { $0.hasPrefix("--object=iothread") }.count
    return (vcpus + loops + objects) * (machines ?? 1)
  }

  /// How many machines may run at the same time.
  static let machineBounds = 1...16

  /// `machines` is written like an option, and is the sweep's.
  fileprivate mutating func takeMachines() {
    let option = "--machines="
    if let last = arguments.last(where: { $0.hasPrefix(option) }) {
      machines = Int(last.dropFirst(option.count))
    }
    arguments.removeAll { $0.hasPrefix(option) }
  }

  fileprivate func makeLabel(namesGuest: Bool) -> String {
    let words = (namesGuest || levels.isEmpty ? [guest] : []) + levels.map { "\($0.factor)=\($0.level)" }
    return Self.plain(words.joined(separator: ","))
  }

  /// A name of which other programs take nothing for a sign.
  package static func plain(_ text: String) -> String {
    String(
      text.unicodeScalars.map { scalar in
        let isPlain =
          scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
          || "=,.+-_".unicodeScalars.contains(scalar)
        return isPlain ? Character(scalar) : "_"
      }.prefix(120))
  }
}
