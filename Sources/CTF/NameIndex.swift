/// Finds a field or option by its name without looking at all of them.
struct NameIndex: Sendable {
  /// Fewer names are looked through.
  private static let smallest = 32

  private let table: [String: Int]?

  init(_ names: [String]) {
    table =
      names.count < Self.smallest
      ? nil : Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
  }

  /// An underscore in front is no part of a name (CTF 1.8, section 7.3.2), but two names may differ only in it.
  func index(of name: String, in names: [String]) -> Int? {
    if let index = find(name, names) { return index }
    if name.utf8.first == UInt8(ascii: "_"), let index = find(String(name.dropFirst()), names) {
      return index
    }
    return find("_" + name, names)
  }

  private func find(_ name: String, _ names: [String]) -> Int? {
    if let table { return table[name] }
    return names.firstIndex(of: name)
  }
}
