import Spelling
import Yams

/// Reads experiments: YAML 1.1, of which every value is taken as it is written (`on` is the word `on`).
package enum ExperimentFile {
  /// What is wrong with a file, and where.
  package struct Mistake: Error, Equatable, CustomStringConvertible {
    /// From 1; nil: nowhere in particular.
    package let line: Int?
    package let column: Int?
    package let text: String

    package var description: String {
      line.map { "line \($0), column \(column ?? 1): \(text)" } ?? text
    }

    fileprivate init(_ text: String, at mark: Mark?) {
      (self.text, line, column) = (text, mark?.line, mark?.column)
    }

    /// - Parameter offset: Of a character of the whole file.
    fileprivate init(_ text: String, offset: Int, in file: String) {
      let lines = file.prefix(offset).split(separator: "\n", omittingEmptySubsequences: false)
      self.text = text
      (line, column) = (max(1, lines.count), (lines.last?.unicodeScalars.count ?? 0) + 1)
    }
  }

  private static let keys = [
    "question", "guests", "options", "factors", "pairs", "warm-up", "duet", "repeat-disturbed", "keep",
  ]
  /// What a sweep decides for each run.
  private static let ownOptions = ["trace", "result", "check", "help", "version"]

  /// Reads an experiment.
  package static func read(_ text: String) throws(Mistake) -> Experiment {
    let root = try parse(text)
    let entries = try mapping(root, "an experiment")
    var seen: Set<String> = []
    for (key, _, mark) in entries {
      guard keys.contains(key) else {
        let meant = NearestWord.sentence(for: key, among: keys)
        throw Mistake(
          "'\(key)' is not known" + (meant.isEmpty ? "; there are \(keys.joined(separator: ", "))" : meant),
          at: mark)
      }
      guard seen.insert(key).inserted else { throw Mistake("'\(key)' is there twice", at: mark) }
    }
    func entry(_ name: String) -> Node? { entries.first { $0.key == name }?.value }
    guard let guestNode = entry("guests") else {
      throw Mistake("there are no guests: name at least one", at: nil)
    }
    var experiment = Experiment(
      question: nil, guests: try guests(guestNode), arguments: [], factors: [],
      pairs: Experiment.defaultPairs, warmUps: 1)
    if let node = entry("question") { experiment.question = try word(node, "question") }
    if let node = entry("options") { experiment.arguments = try options(node) }
    if let node = entry("factors") {
      var taken = optionNames(experiment.arguments).map { ($0, "options") }
      for guest in experiment.guests { taken += optionNames(guest.arguments).map { ($0, "guests") } }
      experiment.factors = try factors(
        node, taken: Dictionary(taken, uniquingKeysWith: { first, _ in first }))
    }
    try refuseTwice(experiment, at: entry("guests")?.mark)
    if let node = entry("pairs") { experiment.pairs = try number(node, "pairs", Experiment.pairBounds) }
    if let node = entry("warm-up") { experiment.warmUps = try number(node, "warm-up", 0...10) }
    if let node = entry("repeat-disturbed") {
      experiment.repeats = try number(node, "repeat-disturbed", 0...10)
    }
    if let node = entry("keep") {
      let word = try word(node, "keep")
      guard ["traces", "analysis"].contains(word) else {
        throw Mistake("keep: give traces or analysis", at: node.mark)
      }
      experiment.keepsAnalysis = word == "analysis"
    }
    let configurations = experiment.configurations
    if let node = entry("duet") { experiment.duet = try duet(node, configurations) }
    guard configurations.count <= Experiment.mostConfigurations else {
      throw Mistake(
        "these are \(configurations.count) configurations; a sweep has at most \(Experiment.mostConfigurations)",
        at: entry("factors")?.mark)
    }
    let labels = configurations.map(\.label)
    guard Set(labels).count == labels.count else {
      throw Mistake(
        "two configurations have the same name: give their levels others", at: entry("factors")?.mark)
    }
    return experiment
  }

  private static func parse(_ text: String) throws(Mistake) -> Node {
    do {
      guard let node = try Yams.compose(yaml: text) else { throw Mistake("it is empty", at: nil) }
      return node
    } catch let mistake as Mistake {
      throw mistake
    } catch let YamlError.scanner(_, problem, mark, _), let YamlError.parser(_, problem, mark, _),
      let YamlError.composer(_, problem, mark, _)
    {
      throw Mistake("this is no YAML: \(problem)", at: mark)
    } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
      throw Mistake("'\(duplicates.first ?? "")' is there twice", at: context.mark)
    } catch YamlError.reader(_, let offset, _, _) {
      throw Mistake("a character that YAML does not have", offset: offset ?? 0, in: text)
    } catch {
      throw Mistake("it is no YAML", at: nil)
    }
  }

  // MARK: Parts

  private static func duet(
    _ node: Node, _ configurations: [Configuration]
  ) throws(Mistake) -> Experiment.Duet {
    guard let duet = Experiment.Duet(rawValue: try word(node, "duet")) else {
      throw Mistake("duet: give true, false or force", at: node.mark)
    }
    guard duet == .none || configurations.count == 2 else {
      throw Mistake(
        "duet: a duet has two configurations, and these are \(configurations.count)", at: node.mark)
    }
    let pinned = configurations.first { optionNames($0.arguments).contains("pin") }
    guard duet == .none || pinned == nil else {
      throw Mistake(
        "duet: each run has one half of the processors, and the other half in the next block: no thread can be pinned (--pin)",
        at: node.mark)
    }
    return duet
  }

  private static func guests(_ node: Node) throws(Mistake) -> [Experiment.Guest] {
    if case .sequence(let items) = node {
      guard !items.isEmpty else { throw Mistake("there are no guests: name at least one", at: node.mark) }
      var guests: [Experiment.Guest] = []
      for item in items {
        // A built-in guest with its parameters, as after --guest.
        let words = try word(item, "a guest").split(separator: " ").map(String.init)
        guard let name = words.first, !name.hasPrefix("-") else {
          throw Mistake("a guest's name is missing, such as doorbell iterations=5000", at: item.mark)
        }
        guests.append(.init(label: words.joined(separator: " "), arguments: ["--guest"] + words))
      }
      return guests
    }
    var guests: [Experiment.Guest] = []
    for (label, value, _) in try mapping(node, "guests") {
      guests.append(.init(label: label, arguments: try options(value)))
    }
    guard !guests.isEmpty else { throw Mistake("there are no guests: name at least one", at: node.mark) }
    return guests
  }

  /// - Parameter taken: Options that are set already, and by what.
  private static func factors(
    _ node: Node, taken: [String: String]
  ) throws(Mistake) -> [Experiment.Factor] {
    var (factors, taken): ([Experiment.Factor], [String: String]) = ([], taken)
    for (name, value, mark) in try mapping(node, "factors") {
      guard name != "guest" else {
        throw Mistake("guests are not a factor: list them under 'guests'", at: mark)
      }
      guard !factors.contains(where: { $0.name == name }) else {
        throw Mistake("factor '\(name)' is there twice", at: mark)
      }
      var levels: [Experiment.Level] = []
      if case .sequence(let items) = value {
        // Values of the option that the factor is called like.
        try check(option: name, at: mark)
        for item in items {
          let text = try isEmptyText(item, of: name) ? "" : word(item, "a level")
          try check(name, text, at: item.mark)
          levels.append(.init(label: text.isEmpty ? "\"\"" : text, arguments: arguments(name, text)))
        }
      } else {
        for (label, value, _) in try mapping(value, "levels of '\(name)'") {
          levels.append(.init(label: label, arguments: try options(value)))
        }
      }
      guard levels.count > 1 else {
        throw Mistake(
          "factor '\(name)' has less than two levels: there is nothing to compare", at: value.mark)
      }
      for (place, level) in levels.enumerated()
      where levels[..<place].contains(where: { $0.label == level.label }) {
        throw Mistake("factor '\(name)' has the level '\(level.label)' twice", at: value.mark)
      }
      let names = Set(levels.flatMap { optionNames($0.arguments) })
      for option in names.sorted() where !severalTimes.contains(option) {
        if let other = taken[option] {
          throw Mistake("--\(option) is set by factor '\(name)' and by \(other)", at: value.mark)
        }
        taken[option] = "factor '\(name)'"
      }
      factors.append(.init(name: name, levels: levels))
    }
    return factors
  }

  /// Options of `exeunt run` that add to each other where they are given several times; of others the last would hold.
  private static let severalTimes: Set<String> = [
    "cgroup", "chardev", "device", "disk", "drive", "net", "netdev", "object", "pin", "sched",
  ]

  /// The names of options among arguments.
  private static func optionNames(_ arguments: [String]) -> [String] {
    arguments.filter { $0.hasPrefix("--") && $0.count > 2 }.map {
      String($0.dropFirst(2).prefix { $0 != "=" })
    }
  }

  /// Options of all runs that a guest has, too.
  private static func refuseTwice(_ experiment: Experiment, at mark: Mark?) throws(Mistake) {
    let common = Set(optionNames(experiment.arguments)).subtracting(severalTimes)
    for guest in experiment.guests {
      if let option = optionNames(guest.arguments).first(where: common.contains) {
        throw Mistake("--\(option) is set by guest '\(guest.label)' and by options", at: mark)
      }
    }
  }

  /// Options of `exeunt run` by their names; a list gives an option several times. What is called `parameters` is the guest's.
  private static func options(_ node: Node) throws(Mistake) -> [String] {
    if case .scalar(let scalar) = node, scalar.string.isEmpty { return [] }
    var found: [String] = []
    for (name, value, mark) in try mapping(node, "options") {
      if name != "parameters" { try check(option: name, at: mark) }
      var values: [Node] = [value]
      if case .sequence(let items) = value { values = Array(items) }
      guard values.count < 2 || name == "parameters" || severalTimes.contains(name) else {
        throw Mistake("--\(name) takes one value", at: value.mark)
      }
      for value in values {
        let text = try isEmptyText(value, of: name) ? "" : word(value, "the value of '\(name)'")
        try check(name, text, at: value.mark)
        found += name == "parameters" ? text.split(separator: " ").map(String.init) : arguments(name, text)
      }
    }
    return found
  }

  private static func check(option name: String, at mark: Mark?) throws(Mistake) {
    let isPlain = name.unicodeScalars.allSatisfy {
      $0 == "-" || ("a"..."z").contains($0) || ("0"..."9").contains($0)
    }
    guard isPlain, !name.isEmpty, !name.hasPrefix("-") else {
      throw Mistake("'\(name)' is no option's name: write it without the dashes before it", at: mark)
    }
    guard !ownOptions.contains(name) else {
      throw Mistake("--\(name) is what a sweep gives each run itself", at: mark)
    }
  }

  /// Checks the value of what is the sweep's.
  private static func check(_ name: String, _ value: String, at mark: Mark?) throws(Mistake) {
    let bounds = Configuration.machineBounds
    guard name != "machines" || Int(value).map(bounds.contains) == true else {
      throw Mistake("machines: give \(bounds.lowerBound) to \(bounds.upperBound)", at: mark)
    }
  }

  /// An option; `true` and `false` are those of flags.
  private static func arguments(_ name: String, _ value: String) -> [String] {
    switch value {
    case "true": ["--" + name]
    case "false": []
    // One word, so that a value that begins with a dash is one.
    default: ["--\(name)=\(value)"]
    }
  }

  // MARK: Nodes

  /// - Returns: Names with their values, and where the names stand.
  private static func mapping(
    _ node: Node, _ what: String
  ) throws(Mistake) -> [(key: String, value: Node, mark: Mark?)] {
    guard case .mapping(let mapping) = node else {
      throw Mistake("\(what): names with values are expected here", at: node.mark)
    }
    var entries: [(key: String, value: Node, mark: Mark?)] = []
    for (key, value) in mapping { entries.append((try word(key, "a name"), value, key.mark)) }
    return entries
  }

  /// Whether it is the empty text, in quotes, as the value of an option for which that means something: a kernel's command line. No
  /// value at all (`append:`) is a mistake.
  private static func isEmptyText(_ node: Node, of option: String) -> Bool {
    guard option == "append", case .scalar(let scalar) = node else { return false }
    return scalar.string.isEmpty && [.singleQuoted, .doubleQuoted].contains(scalar.style)
  }

  private static func word(_ node: Node, _ what: String) throws(Mistake) -> String {
    guard case .scalar(let scalar) = node else {
      throw Mistake("\(what): one value is expected here", at: node.mark)
    }
    guard !scalar.string.isEmpty, !scalar.string.contains("\0") else {
      throw Mistake("\(what) is empty", at: node.mark)
    }
    return scalar.string
  }

  private static func number(_ node: Node, _ what: String, _ bounds: ClosedRange<Int>) throws(Mistake) -> Int
  {
    let text = try word(node, what)
    // What is in quotes is a text, in YAML.
    guard case .scalar(let scalar) = node, [.plain, .any].contains(scalar.style), let number = Int(text),
      bounds.contains(number)
    else {
      throw Mistake(
        "\(what): give a number from \(bounds.lowerBound) to \(bounds.upperBound), without quotes",
        at: node.mark)
    }
    return number
  }
}
