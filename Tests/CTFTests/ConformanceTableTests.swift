import Foundation
import Testing

/// docs/ctf-conformance.md counts golden cases and names those where babeltrace2 differs. Both parts are made here:
/// `UPDATE_CONFORMANCE=1 swift test --filter ConformanceTableTests` writes them.
@Suite struct ConformanceTableTests {
  /// What cases show whose names begin like this.
  private static let features: [(prefix: String, feature: String)] = [
    ("lexical/signature", "the comment that plain text begins with (7.1)"),
    ("lexical/reserved", "reserved words (C.1.2)"),
    ("lexical/integer", "integer literals: bases, suffixes, limits, characters (C.1.5)"),
    ("lexical/string", "string literals and escapes (C.1.6)"),
    ("lexical/character", "character literals"),
    ("lexical/comment", "comments"),
    ("lexical/refused", "sentences outside of the grammar (C.2)"),
    ("lexical/", "other text: blanks, names, stray bytes, empty files"),
    ("types/integer", "integers: size, alignment, sign, byte order, base, encoding, clock (4.1.5)"),
    ("types/floating-point", "floating-point numbers (4.1.7)"),
    ("types/enumeration", "enumerations: ranges, implicit values, 64-bit limits (4.1.8)"),
    ("types/structure", "structures (4.2.1)"),
    ("types/variant", "variants (4.2.2)"),
    ("types/array", "arrays (4.2.3)"),
    ("types/sequence", "sequences (4.2.4)"),
    ("types/string", "strings (4.2.5)"),
    ("types/", "typedef, typealias, names and their scopes (7.3.1)"),
    ("scopes/absolute", "references with a dynamic scope in front (7.3.2)"),
    ("scopes/relative", "relative references: lexical, through variants, into earlier scopes (7.3.1, 7.3.2)"),
    ("scopes/refused", "references that mean nothing"),
    ("scopes/shared-place", "references in one class, other fields in the same places of another one"),
    ("scopes/", "other references: headers, the environment"),
    ("blocks/trace", "`trace` blocks (7.2)"),
    ("blocks/stream", "`stream` blocks (7.2)"),
    ("blocks/event", "`event` blocks (7.2)"),
    ("blocks/clock", "`clock` blocks (8)"),
    ("blocks/environment", "`env` blocks (7.2)"),
    ("blocks/callsite", "`callsite` blocks (7.2)"),
    ("metadata/", "packets of metadata (7.1)"),
    ("packets/", "packets, event headers, streams (5 and 6)"),
    ("ctf2/", "CTF 2"),
  ]

  private struct Row {
    var valid = 0
    var tolerated = 0
    var refused = 0
    var agrees = 0
    var differs = 0

    mutating func count(_ golden: GoldenCase) {
      if golden.error == nil {
        valid += 1
      } else if golden.warning != nil {
        tolerated += 1
      } else {
        refused += 1
      }
      switch golden.oracle {
      case .agrees: agrees += 1
      case .differs: differs += 1
      case .unasked: break
      }
    }

    var cells: String { "\(valid) | \(tolerated) | \(refused) | \(agrees) | \(differs)" }
  }

  private static var counts: String {
    var rows: [String: Row] = [:]
    var total = Row()
    for golden in GoldenCase.all {
      let area = golden.name.prefix { $0 != "/" } + "/"
      let prefix = features.first { golden.name.hasPrefix($0.prefix) }?.prefix ?? String(area)
      rows[prefix, default: Row()].count(golden)
      total.count(golden)
    }
    let known = features.map(\.prefix)
    let order = known + rows.keys.filter { !known.contains($0) }.sorted()
    var text = """
      | feature (section of CTF 1.8) | cases | valid | with a warning | refused | babeltrace2 agrees | differs |
      |---|---|---|---|---|---|---|

      """
    for prefix in order {
      guard let row = rows[prefix] else { continue }
      let feature = features.first { $0.prefix == prefix }?.feature ?? prefix
      text += "| \(feature) | `\(prefix)*` | \(row.cells) |\n"
    }
    return text + "| **all \(GoldenCase.all.count)** | | \(total.cells) |\n"
  }

  private static var differences: String {
    var text = "| case | what it shows | babeltrace2 2.0.4 |\n|---|---|---|\n"
    for golden in GoldenCase.all {
      guard case .differs(let reason) = golden.oracle else { continue }
      let about = golden.about.split(separator: " ").joined(separator: " ").replacing("|", with: "\\|")
      text += "| `\(golden.name)` | \(about) | \(reason) |\n"
    }
    return text
  }

  @Test func theDocumentSaysWhatTheCasesSay() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let file = root.deletingLastPathComponent().appendingPathComponent("docs/ctf-conformance.md")
    var text = try String(contentsOf: file, encoding: .utf8)
    for (name, table) in [("counts", Self.counts), ("differences", Self.differences)] {
      let begin = try #require(text.range(of: "<!-- \(name) -->\n"))
      let end = try #require(text.range(of: "<!-- end of \(name) -->"))
      if ProcessInfo.processInfo.environment["UPDATE_CONFORMANCE"] != nil {
        text.replaceSubrange(begin.upperBound..<end.lowerBound, with: table)
      } else {
        #expect(
          text[begin.upperBound..<end.lowerBound] == table,
          "docs/ctf-conformance.md: run this test with UPDATE_CONFORMANCE=1")
      }
    }
    if ProcessInfo.processInfo.environment["UPDATE_CONFORMANCE"] != nil {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
  }
}
