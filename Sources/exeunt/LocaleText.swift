import Glibc
import InertText

/// The characters that the user's locale has.
enum LocaleText {
  /// Whether it has ASCII only: what LC_ALL, LC_CTYPE and LANG, in this order, name is no locale with UTF-8 (POSIX,
  /// Base Definitions, section 8.2).
  static let isASCII: Bool = {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"]
    let values = names.compactMap { (name: String) in getenv(name).map { String(cString: $0) } }
    let locale = (values.first { !$0.isEmpty } ?? "C").lowercased()
    return !locale.contains("utf-8") && !locale.contains("utf8")
  }()

  /// A text in characters that the locale has, none of which commands the terminal, for people; JSON is UTF-8 everywhere.
  static func shown(_ text: String) -> String {
    let text = InertText.escaped(text)
    guard isASCII, !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
    let replacements: [Character: Character] = ["–": "-", "→": ">", "µ": "u", "×": "x", "…": "~", "·": "-"]
    return String(text.map { $0.isASCII ? $0 : replacements[$0] ?? "?" })
  }
}
