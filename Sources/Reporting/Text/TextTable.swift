/// A table of a document as text: columns padded to equal width, bars drawn.
struct TextTable {
  typealias Alignment = DocumentTable.Alignment

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
  private let indent: Int
  private let rows: [[String]]

  /// - Parameter width: Columns of the page, which bars are drawn for.
  init(_ table: DocumentTable, width: Int) {
    alignments = table.alignments
    ranks = table.ranks
    separator = table.separator
    indent = table.indent
    let room = min(max(8, width - table.bars.beside), table.bars.most)
    rows = table.rows.map { $0.map { TextTable.text($0, room) } }
  }

  /// Some columns of another table.
  private init(_ table: TextTable, columns: [Int]) {
    alignments = columns.map { table.alignments[$0] }
    ranks = columns.map { table.ranks[$0] }
    separator = table.separator
    indent = table.indent
    rows = table.rows.map { row in columns.map { $0 < row.count ? row[$0] : "" } }
  }

  private static func text(_ cell: DocumentTable.Cell, _ room: Int) -> String {
    switch cell {
    case .text(let text), .moment(let text, _): return text
    case .bar(let part): return bar(max(1, Int((part * Double(room) * 8).rounded())))
    case .span(let begin, let length):
      let start = Int(begin * Double(room))
      let columns = min(Int((length * Double(room)).rounded()), room - start)
      let bar = String(repeating: " ", count: start) + String(repeating: "█", count: columns)
      return bar + String(repeating: " ", count: max(0, room - bar.count))
    }
  }

  /// A bar of so many eighths of a column.
  private static func bar(_ eighths: Int) -> String {
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
  }

  /// Whether it fits as it is.
  func fits(_ width: Int) -> Bool { lines().allSatisfy { $0.count <= width } }

  /// Tables that fit, each of which has the first column and some of the others.
  func split(_ width: Int) -> [TextTable] {
    var parts: [TextTable] = []
    var left = Array(alignments.indices.dropFirst())
    while !left.isEmpty {
      var count = left.count
      var part = TextTable(self, columns: [0] + left)
      while count > 1, !part.fits(width) {
        count -= 1
        part = TextTable(self, columns: [0] + left.prefix(count))
      }
      parts.append(part)
      left.removeFirst(count)
    }
    return parts
  }

  /// One line for each row, without trailing spaces, however wide.
  func lines() -> [String] { layout(width: Int.max).lines }

  /// One line for each row, none wider than asked for: columns are left out, then texts cut off, but no number.
  func layout(width: Int) -> Layout {
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
    var shown = rows.map { row in alignments.indices.map { $0 < row.count ? row[$0] : "" } }
    for column in kept {
      let cells = Text.cut(shown.map { $0[column] }, to: widths[column])
      for (row, cell) in cells.enumerated() { shown[row][column] = cell }
    }
    return Layout(lines: shown.map { line($0, kept, widths) }, leftOut: leftOut)
  }

  /// - Parameter row: Its cells, of which each fits.
  private func line(_ row: [String], _ kept: [Int], _ widths: [Int]) -> String {
    var line = String(repeating: " ", count: indent)
    for (place, column) in kept.enumerated() {
      if place > 0 { line += separator }
      let padding = String(repeating: " ", count: widths[column] - row[column].count)
      line += alignments[column] == .right ? padding + row[column] : row[column] + padding
    }
    while line.hasSuffix(" ") { line.removeLast() }
    return line
  }
}
