import Reports

/// Makes a page of a document: one file that needs no script, no network and nothing beside it. It is well-formed XML as well.
///
/// Whatever comes from a document goes through ``HTMLText/escaped(_:)``: names are whatever the writer of a trace wanted. Should
/// something slip through, the page's own policy forbids scripts and outside references.
package struct HTMLRenderer {
  private var fragment = HTMLFragment()
  private var anchors: Set<String> = []
  private let target: String
  private let place: HTMLPlace

  /// Makes the page of a report.
  ///
  /// - Parameter report: Any command's report.
  package static func render(_ report: Report) -> String {
    let document = DocumentBuilder.document(report)
    var renderer = HTMLRenderer(document.target, HTMLPlace())
    for block in document.blocks { renderer.add(block) }
    // A comparison is about the other one, too.
    let other = report.compare?.other.paths.map { " " + Text.shellWord($0) }.joined() ?? ""
    return renderer.page("exeunt-analyze \(report.command)", other)
  }

  /// What a report says as parts of a larger page.
  ///
  /// - Parameters:
  ///   - report: Any command's report.
  ///   - place: Where in the page.
  ///   - saysRun: What was run and read comes first.
  ///   - parts: What is told of a summary.
  package static func fragment(
    of report: Report, at place: HTMLPlace, saysRun: Bool = false,
    parts: Set<SummaryPart> = Set(SummaryPart.allCases)
  ) -> HTMLFragment {
    let document = DocumentBuilder.document(report, saysRun: saysRun, parts: parts)
    var renderer = HTMLRenderer(document.target, place)
    for block in document.blocks { renderer.add(block) }
    return renderer.fragment
  }

  /// A table by itself; of one with a title, the title stays out.
  package static func html(of table: DocumentTable, named name: String, at place: HTMLPlace) -> String {
    var renderer = HTMLRenderer("", place)
    renderer.fragment.sections = [HTMLFragment.Section(anchor: "", title: name)]
    renderer.rows(of: table)
    return renderer.fragment.sections[0].html
  }

  private init(_ target: String, _ place: HTMLPlace) {
    self.target = target
    self.place = place
  }

  private func page(_ command: String, _ other: String) -> String {
    let title = HTMLText.escaped("\(command) \(target)\(other)")
    return """
      <!DOCTYPE html>
      <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
      <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>\(title)</title>
      <style>
      \(HTMLStyle.css)
      </style>
      </head>
      <body>
      <header>
      <h1>\(title)</h1>
      \(fragment.introduction)\(navigation)</header>
      <main>
      \(fragment.sections.map { $0.element() }.joined())</main>
      </body>
      </html>

      """
  }

  /// Links to the sections, where there are some to choose from.
  private var navigation: String {
    guard fragment.sections.count > 1 else { return "" }
    let items = fragment.sections.map {
      "<li><a href=\"#\($0.anchor)\">\(HTMLText.escaped(Text.cut($0.title, to: 48)))</a></li>\n"
    }
    return "<nav aria-label=\"Sections\">\n<ul>\n\(items.joined())</ul>\n</nav>\n"
  }

  mutating func add(html: String) {
    if fragment.sections.isEmpty {
      fragment.introduction += html
    } else {
      fragment.sections[fragment.sections.count - 1].html += html
    }
  }

  private mutating func add(_ block: Document.Block) {
    switch block {
    case .blank: break
    case .heading(let text): beginSection(text)
    case .paragraph(let text, let emphasis, let indent, _): paragraph(text, emphasis, isIndented: indent > 0)
    case .line(let text): paragraph(text, .plain, isIndented: text.hasPrefix(" "))
    case .table(let table): show(table)
    case .legend(let clauses, let emphasis):
      // No column is ever left out.
      let words = clauses.map(\.text)
      if !words.isEmpty { paragraph(words.joined(separator: "; "), emphasis, isIndented: true) }
    case .command(let words, let arguments, let timestamp):
      let command = HTMLText.escaped("exeunt-analyze \(arguments) \(target)")
      let link = timestamp.flatMap { place.target(of: $0) }.map { " or <a href=\"\($0)\">in this page</a>" }
      add(
        html: "<p>\(HTMLText.escaped(HTMLText.trimmed(words))) <code>\(command)</code>\(link ?? "")</p>\n")
    case .lanes(let timeline, let origin, let guestRun): draw(timeline, origin: origin, guestRun: guestRun)
    }
  }

  // MARK: Sections and paragraphs

  private mutating func beginSection(_ title: String) {
    let name = place.prefix + HTMLText.anchor(title)
    var (anchor, number) = (name, 1)
    while !anchors.insert(anchor).inserted {
      number += 1
      anchor = "\(name)-\(number)"
    }
    fragment.sections.append(HTMLFragment.Section(anchor: anchor, title: title))
  }

  private mutating func paragraph(_ text: String, _ emphasis: Document.Emphasis, isIndented: Bool) {
    var classes: [String] = []
    switch emphasis {
    case .plain: break
    case .strong: classes.append("strong")
    case .remark: classes.append("remark")
    }
    if isIndented { classes.append("indented") }
    let attribute = classes.isEmpty ? "" : " class=\"\(classes.joined(separator: " "))\""
    add(html: "<p\(attribute)>\(HTMLText.escaped(HTMLText.trimmed(text)))</p>\n")
  }

  // MARK: Tables

  /// Begins what is scrolled by itself where the page is too narrow, also with the keyboard.
  mutating func beginWide() {
    let label = HTMLText.escaped(fragment.sections.last?.title ?? "Table")
    add(html: "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"\(label)\">\n")
  }

  mutating func endWide() { add(html: "</div>\n") }

  private mutating func show(_ table: DocumentTable) {
    if table.isTitled, table.hasTitles, case .text(let title)? = table.rows.first?.first {
      beginSection(title)
    }
    rows(of: table)
  }

  private mutating func rows(of table: DocumentTable) {
    var rows = table.rows[...]
    let titles = table.hasTitles ? rows.popFirst() ?? [] : []
    beginWide()
    var body = ""
    body += "<table>\n"
    if table.hasTitles {
      body += "<thead>\n<tr>"
      for column in table.alignments.indices {
        // The title of a titled table's first column is the section's.
        let title = column < titles.count && !(column == 0 && table.isTitled) ? text(titles[column]) : ""
        body +=
          title.isEmpty
          ? "<td></td>" : "<th scope=\"col\"\(Self.attribute(table.alignments[column]))>\(title)</th>"
      }
      body += "</tr>\n</thead>\n"
    }
    body += "<tbody>\n"
    for row in rows {
      body += "<tr>"
      for (column, alignment) in table.alignments.enumerated() {
        body += html(column < row.count ? row[column] : "", alignment, isName: column == 0)
      }
      body += "</tr>\n"
    }
    add(html: body + "</tbody>\n</table>\n")
    endWide()
  }

  private func html(
    _ cell: DocumentTable.Cell, _ alignment: DocumentTable.Alignment, isName: Bool
  ) -> String {
    switch cell {
    case .text where isName && alignment == .left: "<th scope=\"row\">\(text(cell))</th>"
    case .text, .moment: "<td\(Self.attribute(alignment))>\(text(cell))</td>"
    // As on a terminal, never so short as not to be seen.
    case .bar(let part): bar(begin: 0, length: max(0.004, part))
    case .span(let begin, let length): bar(begin: begin, length: length)
    }
  }

  private func text(_ cell: DocumentTable.Cell) -> String {
    switch cell {
    case .text(let text): return HTMLText.escaped(HTMLText.trimmed(text))
    case .moment(let text, let timestamp):
      let words = HTMLText.escaped(HTMLText.trimmed(text))
      return place.target(of: timestamp).map { "<a href=\"\($0)\">\(words)</a>" } ?? words
    case .bar, .span: return ""
    }
  }

  private func bar(begin: Double, length: Double) -> String {
    let (x, width) = (HTMLText.number(begin * 100), HTMLText.number(length * 100))
    return "<td class=\"bar\"><svg aria-hidden=\"true\">"
      + "<rect x=\"\(x)%\" width=\"\(width)%\" height=\"100%\" /></svg></td>"
  }

  private static func attribute(_ alignment: DocumentTable.Alignment) -> String {
    switch alignment {
    case .left: " class=\"text\""
    case .right: " class=\"number\""
    case .leftNumber: " class=\"value\""
    }
  }
}
