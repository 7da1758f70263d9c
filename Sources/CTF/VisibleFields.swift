/// The fields of all structures whose bodies are open where the parser stands: what a relative path can begin with
/// (CTF 1.8, section 7.3.1). Finding one takes no longer when structures are nested deep.
struct VisibleFields {
  private struct Entry {
    let name: String
    let structure: Int
    let index: Int
    let type: FieldType
    /// The entry of the same name that this one hides, -1 for none.
    let hidden: Int
  }

  private var entries: [Entry] = []
  /// The last entry of each name, without an underscore in front.
  private var last: [String: Int] = [:]

  /// Adds a field to the structure that was opened last; false when it has one of this name.
  mutating func declare(_ name: String, _ type: FieldType, at index: Int, of structure: Int) -> Bool {
    let key = shownName(name)
    let hidden = last[key] ?? -1
    var place = hidden
    while place >= 0, entries[place].structure == structure {
      if entries[place].name == name { return false }
      place = entries[place].hidden
    }
    last[key] = entries.count
    entries.append(Entry(name: name, structure: structure, index: index, type: type, hidden: hidden))
    return true
  }

  /// Forgets the fields of the structure that was opened last.
  mutating func close(_ structure: Int) {
    while let entry = entries.last, entry.structure == structure {
      last[shownName(entry.name)] = entry.hidden >= 0 ? entry.hidden : nil
      entries.removeLast()
    }
  }

  /// The field of the innermost structure that has one of this name; nil when none has, no targets when the rest of
  /// the path leads nowhere.
  func anchor(_ path: [String]) -> Anchor? {
    guard let newest = last[shownName(path[0])] else { return nil }
    var found = entries[newest]
    // Two names of one structure may differ only in the underscore.
    var place = newest
    while place >= 0, entries[place].structure == found.structure {
      if entries[place].name == path[0] {
        found = entries[place]
        break
      }
      place = entries[place].hidden
    }
    let rest = PathTargets(found.type, path.dropFirst(), [found.index])
    return Anchor(structure: found.structure, targets: rest.targets, selection: rest.selection)
  }
}
