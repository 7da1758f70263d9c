/// What the output of a report can show: a terminal's width, colours and characters.
package struct TextStyle: Sendable, Equatable {
  /// Columns that a line may have.
  package var width: Int
  /// Whether to use colour (ECMA-48 escape sequences).
  package var usesColor: Bool
  /// Whether only ASCII can be shown, as in the POSIX locale.
  package var isASCII: Bool

  /// The widths that a text can be laid out for: less breaks what is to be read as one, more is no line.
  package static let widths = 40...1000

  /// Columns where nobody says how many there are, such as in a file.
  package static let defaultWidth = 100

  /// Describes an output.
  ///
  /// - Parameter width: Columns; what is outside of ``widths`` counts as the nearest width that is not.
  package init(width: Int = TextStyle.defaultWidth, usesColor: Bool = false, isASCII: Bool = false) {
    self.width = min(max(width, Self.widths.lowerBound), Self.widths.upperBound)
    self.usesColor = usesColor
    self.isASCII = isASCII
  }
}

/// Text for outputs that have no other characters than ASCII.
package enum ASCIIText {
  /// The text with one ASCII character for each other one, so that tables keep their columns.
  package static func text(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
    return String(text.map { $0.isASCII ? $0 : replacement($0) })
  }

  /// Whether the environment asks for ASCII: what POSIX's LC_ALL, LC_CTYPE and LANG, in this order, name is no locale
  /// with UTF-8.
  ///
  /// - Parameter value: Gives the value of an environment variable; nil or empty: it is not set.
  package static func isWanted(environment value: (String) -> String?) -> Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(value).first { !$0.isEmpty } ?? "C"
    let name = locale.lowercased()
    return !name.contains("utf-8") && !name.contains("utf8")
  }

  private static func replacement(_ character: Character) -> Character {
    switch character {
    case "–", "—", "─", "−", "·": "-"
    case "→", "≥": ">"
    case "≈": "~"
    case "±": "+"
    case "µ", "μ": "u"
    case "×": "x"
    case "≤": "<"
    case "÷": "/"
    case "…": "~"
    case "┬", "┴", "┼": "+"
    case "│": "|"
    case "▼": "v"
    case "▲": "^"
    case "█", "▉", "▊": "#"
    case "▋", "▌", "▍", "▎", "▏": "|"
    // Heights of columns; "▁ to █" become ". to #".
    case "▁", "▂": "."
    case "▃", "▄": ":"
    case "▅", "▆": "+"
    case "▇": "*"
    case "\u{a0}": " "
    default: "?"
    }
  }
}
