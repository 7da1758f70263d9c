import Reports

/// Makes a page of a document: one file that needs no script, no network and nothing beside it. It is well-formed XML as well.
///
/// Whatever comes from a document goes through ``HTMLText/escaped(_:)``: names are whatever the writer of a trace wanted. Should
/// something slip through, the page's own policy forbids scripts and outside references.
package struct HTMLRenderer {
  /// What is before the first section.
  private var introduction = ""
  private var body = ""
  /// What the page has sections for.
  private var contents: [(anchor: String, title: String)] = []
  private var anchors: Set<String> = []
  private let target: String

  /// Makes the page of a report.
  ///
  /// - Parameter report: Any command's report.
  package static func render(_ report: Report) -> String {
    let document = DocumentBuilder.document(report)
    var renderer = HTMLRenderer(document.target)
    for block in document.blocks { renderer.add(block) }
    if renderer.contents.isEmpty { renderer.beginSections() } else { renderer.body += "</section>\n" }
    // A comparison is about the other one, too.
    let other = report.compare?.other.paths.map { " " + Text.shellWord($0) }.joined() ?? ""
    return renderer.page("exeunt-analyze \(report.command)", other)
  }

  private init(_ target: String) { self.target = target }

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
      \(introduction)\(navigation)</header>
      <main>
      \(body)</main>
      </body>
      </html>

      """
  }

  /// Links to the sections, where there are some to choose from.
  private var navigation: String {
    guard contents.count > 1 else { return "" }
    let items = contents.map {
      "<li><a href=\"#\($0.anchor)\">\(HTMLText.escaped(Text.cut($0.title, to: 48)))</a></li>\n"
    }
    return "<nav aria-label=\"Sections\">\n<ul>\n\(items.joined())</ul>\n</nav>\n"
  }

  mutating func add(html: String) { body += html }

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
    case .command(let words, let arguments):
      let command = HTMLText.escaped("exeunt-analyze \(arguments) \(target)")
      body += "<p>\(HTMLText.escaped(HTMLText.trimmed(words))) <code>\(command)</code></p>\n"
    case .lanes(let timeline, let origin): draw(timeline, origin: origin)
    }
  }

  // MARK: Sections and paragraphs

  private mutating func beginSection(_ title: String) {
    if contents.isEmpty { beginSections() } else { body += "</section>\n" }
    let name = HTMLText.anchor(title)
    var (anchor, number) = (name, 1)
    while !anchors.insert(anchor).inserted {
      number += 1
      anchor = "\(name)-\(number)"
    }
    contents.append((anchor, title))
    body += "<section aria-labelledby=\"\(anchor)\">\n"
    body += "<h2 id=\"\(anchor)\"><a href=\"#\(anchor)\">\(HTMLText.escaped(title))</a></h2>\n"
  }

  private mutating func beginSections() {
    introduction = body
    body = ""
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
    body += "<p\(attribute)>\(HTMLText.escaped(HTMLText.trimmed(text)))</p>\n"
  }

  // MARK: Tables

  /// Begins what is scrolled by itself where the page is too narrow, also with the keyboard.
  mutating func beginWide() {
    let label = HTMLText.escaped(contents.last?.title ?? "Table")
    body += "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"\(label)\">\n"
  }

  mutating func endWide() { body += "</div>\n" }

  private mutating func show(_ table: DocumentTable) {
    var rows = table.rows[...]
    let titles = table.hasTitles ? rows.popFirst() ?? [] : []
    if table.isTitled, case .text(let title)? = titles.first { beginSection(title) }
    beginWide()
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
        add(column < row.count ? row[column] : "", alignment, isName: column == 0)
      }
      body += "</tr>\n"
    }
    body += "</tbody>\n</table>\n"
    endWide()
  }

  private mutating func add(_ cell: DocumentTable.Cell, _ alignment: DocumentTable.Alignment, isName: Bool) {
    switch cell {
    case .text where isName && alignment == .left: body += "<th scope=\"row\">\(text(cell))</th>"
    case .text: body += "<td\(Self.attribute(alignment))>\(text(cell))</td>"
    // As on a terminal, never so short as not to be seen.
    case .bar(let part): bar(begin: 0, length: max(0.004, part))
    case .span(let begin, let length): bar(begin: begin, length: length)
    }
  }

  private func text(_ cell: DocumentTable.Cell) -> String {
    guard case .text(let text) = cell else { return "" }
    return HTMLText.escaped(HTMLText.trimmed(text))
  }

  private mutating func bar(begin: Double, length: Double) {
    let (x, width) = (HTMLText.number(begin * 100), HTMLText.number(length * 100))
    body += "<td class=\"bar\"><svg aria-hidden=\"true\">"
    body += "<rect x=\"\(x)%\" width=\"\(width)%\" height=\"100%\" /></svg></td>"
  }

  private static func attribute(_ alignment: DocumentTable.Alignment) -> String {
    switch alignment {
    case .left: " class=\"text\""
    case .right: " class=\"number\""
    case .leftNumber: " class=\"value\""
    }
  }
}
