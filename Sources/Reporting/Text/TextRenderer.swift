import Reports

/// Prints documents on a terminal. No line is wider than asked for, but for what is to be copied: a path in a
/// command is not broken.
package struct TextRenderer {
  let style: TextStyle
  private let target: String
  private(set) var lines: [String] = []
  /// Titles of the columns of the latest table that there was no room for.
  private var leftOut: Set<String> = []

  /// Prints a report.
  ///
  /// - Parameters:
  ///   - report: Any command's report.
  ///   - style: What the output can show.
  package static func render(_ report: Report, style: TextStyle = TextStyle()) -> String {
    let text = lines(report, style: style).joined(separator: "\n").replacing(Text.space, with: " ") + "\n"
    return style.isASCII ? ASCIIText.text(text) : text
  }

  /// The lines of a report, with ``Text/space`` inside of what is read as one.
  static func lines(_ report: Report, style: TextStyle) -> [String] {
    let document = DocumentBuilder.document(report).inert
    var renderer = TextRenderer(style: style, target: document.target)
    for block in document.blocks { renderer.add(block) }
    return renderer.lines
  }

  private init(style: TextStyle, target: String) {
    self.style = style
    self.target = target
  }

  private mutating func add(_ block: Document.Block) {
    switch block {
    case .blank: line()
    case .line(let text): line(text)
    case .heading(let text):
      line()
      lines += wrapped(text).map(bold)
    case .paragraph(let text, let emphasis, let indent, let hanging):
      paragraph(text, emphasis, indent: indent, hanging: hanging)
    case .table(let table): show(table)
    case .legend(let clauses, let emphasis): legend(clauses, emphasis)
    case .command(let words, let arguments, _): command(words, arguments)
    case .lanes(let timeline, let origin, _): draw(timeline, origin: origin)
    }
  }

  // MARK: Text

  /// Columns.
  var width: Int { style.width }

  var usesColor: Bool { style.usesColor }

  mutating func line(_ text: String = "") { lines.append(text) }

  func bold(_ text: String) -> String { usesColor ? "\u{1b}[1m\(text)\u{1b}[0m" : text }

  func dim(_ text: String) -> String { usesColor ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

  private mutating func paragraph(
    _ text: String, _ emphasis: Document.Emphasis, indent: Int, hanging: Int
  ) {
    let wrapped = wrapped(text, indent: indent, hanging: hanging)
    switch emphasis {
    case .plain: lines += wrapped
    case .strong: lines += wrapped.map(bold)
    case .remark: lines += wrapped.map(dim)
    }
  }

  private func wrapped(_ text: String, indent: Int = 0, hanging: Int = 2) -> [String] {
    var wrapped: [String] = []
    var current = String(repeating: " ", count: indent)
    var isEmpty = true
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      var word = word
      if !isEmpty && current.count + 1 + word.count > width {
        wrapped.append(current)
        current = String(repeating: " ", count: indent + hanging)
        isEmpty = true
      }
      // Names and paths can be longer than a line.
      while isEmpty && current.count + word.count > width {
        let part = word.prefix(width - current.count)
        wrapped.append(current + part)
        word = word.dropFirst(part.count)
        current = String(repeating: " ", count: indent + hanging)
      }
      current += (isEmpty ? "" : " ") + word
      isEmpty = false
    }
    return isEmpty ? wrapped : wrapped + [current]
  }

  /// Adds a command that the reader may want to try, continued on further lines where one is too short.
  private mutating func command(_ words: String, _ arguments: String) {
    var text = words + "exeunt-analyze"
    let indent = String(repeating: " ", count: min(words.count, 16) + 2)
    // An option stays with its value, and the trace in one piece.
    var pieces: [String] = []
    for word in arguments.split(separator: " ") {
      if let last = pieces.last, last.hasPrefix("--"), !last.contains(" ") {
        pieces[pieces.count - 1] += " " + word
      } else {
        pieces.append(String(word))
      }
    }
    pieces.append(target)
    for (place, piece) in pieces.enumerated() {
      let isLast = place == pieces.count - 1
      if text.count + 1 + piece.count + (isLast ? 0 : 2) > width {
        line(dim(text + " \\"))
        text = String(indent.prefix(max(0, width - piece.count - (isLast ? 0 : 2)))) + piece
      } else {
        text += " " + piece
      }
    }
    line(dim(text))
  }

  // MARK: Tables

  private mutating func show(_ table: DocumentTable) {
    leftOut = []
    let text = TextTable(table, width: width)
    switch table.narrowing {
    case .leavesOut: show(text, isTitled: table.isTitled)
    case .splits: for part in text.split(width) { show(part, isTitled: table.isTitled) }
    case .says(let heading, let paragraphs):
      if text.fits(width) { return show(text, isTitled: table.isTitled) }
      add(.heading(heading))
      for words in paragraphs { paragraph(words, .plain, indent: 2, hanging: 2) }
    }
  }

  /// Prints a table, and which columns there was no room for.
  private mutating func show(_ table: TextTable, isTitled: Bool) {
    let layout = table.layout(width: width)
    if isTitled { line() }
    lines += layout.lines.prefix(1).map { isTitled ? bold($0) : $0 } + layout.lines.dropFirst()
    guard !layout.leftOut.isEmpty else { return }
    var names: [String] = []
    for name in layout.leftOut where !names.contains(name) { names.append(name) }
    paragraph(
      "no room at \(width) columns for: " + names.joined(separator: ", "), .remark, indent: 2, hanging: 0)
    leftOut.formUnion(names)
  }

  private mutating func legend(_ clauses: [Document.Clause], _ emphasis: Document.Emphasis) {
    let words = clauses.compactMap { clause in
      clause.columns.isEmpty || !clause.columns.isSubset(of: leftOut) ? clause.text : clause.otherwise
    }
    guard !words.isEmpty else { return }
    paragraph(words.joined(separator: "; "), emphasis, indent: 2, hanging: emphasis == .remark ? 0 : 2)
  }
}
