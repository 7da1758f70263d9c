import InertText

/// Text that is safe inside of a page.
package enum HTMLText {
  /// The text as a page shows it, in elements and in quoted attributes alike.
  ///
  /// Control characters, and those that turn the direction of writing around, become visible: neither is part of a name, and
  /// what follows them could be read as something else.
  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in InertText.replaced(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\u{fffe}", "\u{ffff}": result += "\u{fffd}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Without the spaces that align a text on a terminal.
  package static func trimmed(_ text: String) -> String {
    var rest = Substring(text)
    while rest.first == " " { rest.removeFirst() }
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }

  /// A name for a place of the page: lower-case letters, digits and single hyphens, never empty.
  package static func anchor(_ title: String) -> String {
    var name = ""
    for scalar in title.lowercased().unicodeScalars {
      if ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) {
        name.unicodeScalars.append(scalar)
      } else if !name.isEmpty, !name.hasSuffix("-") {
        name += "-"
      }
      if name.utf8.count >= 40 { break }
    }
    if name.hasSuffix("-") { name.removeLast() }
    return name.isEmpty ? "section" : name
  }

  /// A number for an SVG attribute, to a hundredth.
  package static func number(_ value: Double) -> String { Text.fixed(value, 2) }
}
