import Yams

/// Where in an experiment's file an option is that the monitor does not take.
package enum OptionPlace {
  private struct Entry {
    let name: String
    let values: [String]
    let mark: Mark
  }

  /// The place of the first option of the file that a complaint names, as a message begins: `line 3, column 5: `.
  ///
  /// - Parameters:
  ///   - complaint: What the monitor says, with options as it has them (`--cpus`).
  ///   - text: The file's.
  /// - Returns: Empty where the complaint names none of them. Of several of one name it is the first whose value the complaint repeats,
  ///   else the first.
  package static func sentence(_ complaint: String, in text: String) -> String {
    guard let root = try? Yams.compose(yaml: text), case .mapping(let mapping) = root else { return "" }
    var entries: [Entry] = []
    for (key, value) in mapping where ["guests", "options", "factors"].contains(key.scalar?.string) {
      collect(value, into: &entries)
    }
    for word in complaint.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "-" })
    where word.hasPrefix("--") {
      let named = entries.filter { $0.name == word.dropFirst(2) }
      let entry = named.first { $0.values.contains { !$0.isEmpty && complaint.contains($0) } } ?? named.first
      if let mark = entry?.mark { return "line \(mark.line), column \(mark.column): " }
    }
    return ""
  }

  private static func collect(_ node: Node, into entries: inout [Entry]) {
    guard case .mapping(let mapping) = node else { return }
    for (key, value) in mapping {
      guard let name = key.scalar?.string, let mark = key.mark else { continue }
      var values: [Node] = [value]
      if case .sequence(let items) = value { values = Array(items) }
      entries.append(Entry(name: name, values: values.compactMap { $0.scalar?.string }, mark: mark))
      collect(value, into: &entries)
    }
  }
}
