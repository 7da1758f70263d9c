/// Text of others, in which nothing commands a terminal or turns writing around.
///
/// Names in a trace, file names, what a guest or another program says: any of them may hold characters that a terminal obeys
/// (ECMA-48's C0 and C1 controls, with which sequences begin that set titles, move the cursor, or answer into the shell's
/// input) or that make a line look like another one (Unicode's `Bidi_Control`, UAX #9, and its separators of lines and
/// paragraphs). Everything that is written for people goes through one of these; formats for programs (CSV, folded stacks,
/// SQLite) keep what is data.
package enum InertText {
  /// Whether a character does nothing but look like itself.
  package static func isInert(_ scalar: Unicode.Scalar) -> Bool {
    // Most text is this, and the properties of characters cost more.
    if scalar.value < 0x7f { return scalar.value >= 0x20 }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: return false
    default: return !properties.isBidiControl
    }
  }

  /// Whether all of a text is inert.
  package static func isInert(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f } || text.unicodeScalars.allSatisfy(isInert)
  }

  /// A text on one line, with one visible character for each that is not inert, so that columns stay columns: Unicode's
  /// pictures of controls (U+2400 to U+2421), or U+FFFD.
  package static func replaced(_ text: String) -> String {
    if isInert(text) { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { shown.append(isInert(scalar) ? scalar : picture(scalar)) }
    return String(shown)
  }

  /// A visible character for one that is not inert.
  package static func picture(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar.value {
    case 0..<0x20: Unicode.Scalar(0x2400 + scalar.value) ?? "\u{fffd}"
    case 0x7f: "\u{2421}"
    default: "\u{fffd}"
    }
  }

  /// A message, with `\u{…}` (the character's number, hexadecimal) for each character that is not inert, but for newlines and
  /// tabs.
  package static func escaped(_ message: String) -> String {
    if isInert(message) { return message }
    var shown = ""
    for scalar in message.unicodeScalars {
      if isInert(scalar) || scalar == "\n" || scalar == "\t" {
        shown.unicodeScalars.append(scalar)
      } else {
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return shown
  }

  /// A JSON text (RFC 8259) that says the same with `\uXXXX` for each character that is not inert.
  ///
  /// - Parameter json: Well-formed: outside of strings it has no such characters but newlines, tabs and carriage returns.
  package static func json(_ json: String) -> String {
    let isKept = { (scalar: Unicode.Scalar) in isInert(scalar) || ["\n", "\t", "\r"].contains(scalar) }
    if isInert(json) || json.unicodeScalars.allSatisfy(isKept) { return json }
    var shown = ""
    for scalar in json.unicodeScalars {
      if isKept(scalar) {
        shown.unicodeScalars.append(scalar)
      } else {
        shown += unit(scalar)
      }
    }
    return shown
  }

  /// `\uXXXX`. All that is not inert is in the Basic Multilingual Plane, where one unit of UTF-16 is a character.
  package static func unit(_ scalar: Unicode.Scalar) -> String {
    String(scalar).utf16.map { unit in
      let digits = String(unit, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }.joined()
  }
}
