/// A value in a table of comma-separated values (RFC 4180).
package enum CSV {
  /// In quotes where it needs them.
  package static func cell(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { [",", "\"", "\n", "\r"].contains($0) }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}
