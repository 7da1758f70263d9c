/// Columns of text, padded to equal width. The first row is the titles.
struct TextTable {
  enum Alignment {
    /// A text, which may be cut off.
    case left
    /// A number.
    case right
    /// A number that is aligned like a text.
    case leftNumber
  }

  /// A table as lines that fit.
  struct Layout {
    /// One for each row.
    var lines: [String]
    /// Titles of the columns that there was no room for.
    var leftOut: [String]
  }

  private let alignments: [Alignment]
  private let ranks: [Int]
  private let separator: String
  private var rows: [[String]] = []

  /// - Parameters:
  ///   - alignments: One for each column.
  ///   - ranks: One for each column: where there is no room, those with the highest rank are left out first, all of
  ///     the same rank together; one with rank 0 never. By default columns go from the right, and the first stays.
  ///   - separator: Between columns.
  init(_ alignments: [Alignment], ranks: [Int]? = nil, separator: String = "  ") {
    self.alignments = alignments
    self.ranks = ranks ?? Array(alignments.indices)
    self.separator = separator
  }

  /// Adds a row; missing cells are empty, cells beyond the last column are left out.
  mutating func add(_ cells: [String]) { rows.append(Array(cells.prefix(alignments.count))) }

  /// One line for each row, without trailing spaces, however wide.
  func lines(indent: Int = 0) -> [String] { layout(indent: indent, width: Int.max).lines }

  /// One line for each row, none wider than asked for: columns are left out, then texts cut off, but no number.
  func layout(indent: Int = 0, width: Int) -> Layout {
    var widths = [Int](repeating: 0, count: alignments.count)
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
    }
    var kept = Array(alignments.indices)
    func total() -> Int {
      indent + kept.reduce(0) { $0 + widths[$1] } + separator.count * max(0, kept.count - 1)
    }
    while total() > width, let worst = kept.map({ ranks[$0] }).max(), worst > 0 {
      // Where cutting a text a little is enough, no number goes.
      let spare = kept.reduce(0) { $0 + (alignments[$1] == .left ? max(0, widths[$1] - 24) : 0) }
      if spare >= total() - width { break }
      kept.removeAll { ranks[$0] == worst }
    }
    while total() > width,
      let widest = kept.filter({ alignments[$0] == .left }).max(by: { widths[$0] < widths[$1] }),
      widths[widest] > 4
    {
      widths[widest] -= min(widths[widest] - 4, total() - width, max(1, widths[widest] / 8))
    }
    let titles = rows.first ?? []
    let leftOut = alignments.indices.filter { !kept.contains($0) && $0 < titles.count }
      .map { titles[$0] }.filter { !$0.isEmpty }
    return Layout(lines: rows.map { line($0, kept, widths, indent) }, leftOut: leftOut)
  }

  private func line(_ row: [String], _ kept: [Int], _ widths: [Int], _ indent: Int) -> String {
    var line = String(repeating: " ", count: indent)
    for (place, column) in kept.enumerated() {
      if place > 0 { line += separator }
      let cell = column < row.count ? row[column] : ""
      let shown = cell.count <= widths[column] ? cell : Self.cut(cell, to: widths[column])
      let padding = String(repeating: " ", count: widths[column] - shown.count)
      line += alignments[column] == .right ? padding + shown : shown + padding
    }
    while line.hasSuffix(" ") { line.removeLast() }
    return line
  }

  /// A text's begin, and a sign that there was more.
  static func cut(_ text: String, to width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
  }
}
