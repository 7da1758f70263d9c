/// Columns of text, padded to equal width.
struct TextTable {
  enum Alignment {
    case left, right
  }

  private let alignments: [Alignment]
  private let separator: String
  private var rows: [[String]] = []

  /// - Parameters:
  ///   - alignments: One for each column.
  ///   - separator: Between columns.
  init(_ alignments: [Alignment], separator: String = "  ") {
    self.alignments = alignments
    self.separator = separator
  }

  /// Adds a row; missing cells are empty, cells beyond the last column are put behind it.
  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// One line for each row, without trailing spaces.
  func lines(indent: Int = 0) -> [String] {
    var widths = [Int](repeating: 0, count: alignments.count)
    for row in rows {
      for (column, cell) in row.enumerated() where column < widths.count {
        widths[column] = max(widths[column], cell.count)
      }
    }
    return rows.map { row in
      var line = String(repeating: " ", count: indent)
      for (column, cell) in row.enumerated() {
        if column > 0 { line += separator }
        guard column < widths.count else {
          line += cell
          continue
        }
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += alignments[column] == .left ? cell + padding : padding + cell
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
  }
}
