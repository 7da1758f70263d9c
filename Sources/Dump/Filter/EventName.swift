/// An event's name, with its provider before a colon where it has one.
package struct EventName {
  package let full: String
  package let short: Substring

  package init(_ name: String) {
    full = name
    short = name.lastIndex(of: ":").map { name[name.index(after: $0)...] } ?? name[...]
  }

  package func matches(_ name: String) -> Bool { full == name || short == name }
}
