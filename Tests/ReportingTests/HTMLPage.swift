import Foundation
import FoundationXML

/// What an XML parser finds in a page, which is stricter than those of browsers.
final class HTMLPage: NSObject, XMLParserDelegate {
  static let knownElements: Set<String> = [
    "html", "head", "meta", "title", "style", "body", "header", "h1", "nav", "ul", "li", "a", "main", "span",
    "section",
    "h2", "p", "code", "div", "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "text", "line",
  ]
  static let knownAttributes: Set<String> = [
    "lang", "xmlns", "charset", "http-equiv", "content", "name", "href", "id", "class", "aria-label",
    "aria-labelledby", "aria-hidden", "role", "tabindex", "scope", "x", "y", "x1", "x2", "y1", "y2", "width",
    "height",
  ]

  struct NotWellFormed: Error { let reason: String }

  /// The words that are shown.
  private(set) var words: [String] = []
  private(set) var headings: [String] = []
  private(set) var elements: Set<String> = []
  private(set) var attributes: Set<String> = []
  private(set) var anchors: [String] = []
  /// Where links lead.
  private(set) var targets: [String] = []
  private(set) var sections = 0
  /// Cells of each row.
  private(set) var rows: [Int] = []
  /// Cells of bodies that are aligned to the right.
  private(set) var numbers: [String] = []
  private var open: [(element: String, className: String?, text: String)] = []
  private var isInBody = false

  static func words(_ text: String) -> [String] {
    text.split { $0.isWhitespace }.map(String.init)
  }

  init(_ html: String) throws {
    super.init()
    let parser = XMLParser(data: Data(html.utf8))
    parser.delegate = self
    guard parser.parse() else {
      let reason = parser.parserError.map { "\($0)" } ?? "?"
      throw NotWellFormed(reason: "line \(parser.lineNumber), column \(parser.columnNumber): \(reason)")
    }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes found: [String: String] = [:]
  ) {
    flush()
    elements.insert(name)
    attributes.formUnion(found.keys)
    if let id = found["id"] { anchors.append(id) }
    if let href = found["href"] { targets.append(href.hasPrefix("#") ? String(href.dropFirst()) : href) }
    if name == "section" { sections += 1 }
    if name == "tr" { rows.append(0) }
    if name == "td" || name == "th" { rows[rows.count - 1] += 1 }
    if name == "tbody" { isInBody = true }
    open.append((name, found["class"], ""))
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if !open.isEmpty { open[open.count - 1].text += string }
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    guard let last = open.last else { return }
    let text = Self.words(last.text).joined(separator: " ")
    if open.contains(where: { $0.element == "h2" }), !text.isEmpty { headings.append(text) }
    if name == "td", last.className == "number", isInBody, !text.isEmpty { numbers.append(text) }
    if name == "tbody" { isInBody = false }
    flush()
    open.removeLast()
  }

  /// Takes the words that the open element has so far.
  private func flush() {
    guard let last = open.last, last.element != "style" else { return }
    words += Self.words(last.text)
    open[open.count - 1].text = ""
  }
}
