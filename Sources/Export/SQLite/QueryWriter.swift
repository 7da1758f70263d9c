import Dump

/// How rows of a query are written.
package enum QueryFormat: String, CaseIterable, Sendable {
  // What the names say.
  case text, csv, jsonl
}

/// Writes the rows of statements as they come.
package struct QueryWriter: ~Copyable {
  private var output: OutputBuffer
  private let format: QueryFormat
  private let bigIntegers: BigIntegers
  /// Makes a text safe for a terminal.
  private let printable: (String) -> String
  private var isFirst = true
  /// Rows of a text table that columns are made wide enough for; those that follow are written as they come.
  private static let measured = 1000

  /// - Parameters:
  ///   - descriptor: Where to write.
  ///   - printable: Makes a text safe for a terminal.
  package init(
    descriptor: Int32, format: QueryFormat, bigIntegers: BigIntegers, printable: @escaping (String) -> String
  ) {
    output = OutputBuffer(descriptor: descriptor)
    self.format = format
    self.bigIntegers = bigIntegers
    self.printable = printable
  }

  /// The error number of the first write that failed.
  package var failure: Int32? { output.failure }

  /// Writes what is there.
  package mutating func finish() { output.flush() }

  /// Carries out a statement and writes its rows.
  package mutating func write(_ statement: SQLiteStatement) throws(SQLiteError) {
    let columns = statement.columns
    // One that changes something has no rows.
    guard !columns.isEmpty else {
      while try statement.step() {}
      return
    }
    switch format {
    case .text: try writeTable(statement, columns)
    case .csv: try writeCSV(statement, columns)
    case .jsonl: try writeJSON(statement, columns)
    }
    isFirst = false
  }

  // MARK: Formats

  private mutating func writeCSV(_ statement: SQLiteStatement, _ columns: [String]) throws(SQLiteError) {
    output.text(columns.map(CSV.cell).joined(separator: ",") + "\r\n")
    while output.failure == nil, try statement.step() {
      let cells = columns.indices.map { CSV.cell(Self.text(statement.value($0))) }
      output.text(cells.joined(separator: ",") + "\r\n")
    }
  }

  private mutating func writeJSON(_ statement: SQLiteStatement, _ columns: [String]) throws(SQLiteError) {
    // The members of an object have different names.
    var keys: [String] = []
    for column in columns {
      var (key, number) = (column, 2)
      while keys.contains(key) { (key, number) = ("\(column)_\(number)", number + 1) }
      keys.append(key)
    }
    while output.failure == nil, try statement.step() {
      let members = keys.indices.compactMap { column in
        json(statement.value(column)).map { "\(JSONText.quoted(keys[column])):\($0)" }
      }
      output.text("{" + members.joined(separator: ",") + "}\n")
    }
  }

  /// nil: null, which is left out.
  private func json(_ value: SQLiteStatement.Value) -> String? {
    switch value {
    case .null: nil
    case .integer(let value):
      bigIntegers == .text && value.magnitude > BigIntegers.largestNumber ? "\"\(value)\"" : "\(value)"
    case .real(let value) where value.isFinite: "\(value)"
    case .real, .text, .blob: JSONText.quoted(Self.text(value))
    }
  }

  private static func text(_ value: SQLiteStatement.Value) -> String {
    switch value {
    case .null: ""
    case .integer(let value): "\(value)"
    case .real(let value): "\(value)"
    case .text(let bytes): String(decoding: bytes, as: UTF8.self)
    case .blob(let bytes):
      bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
  }

  private mutating func writeTable(_ statement: SQLiteStatement, _ columns: [String]) throws(SQLiteError) {
    if !isFirst { output.text("\n") }
    var rows: [[String]] = []
    var isText = columns.map { _ in false }
    var isOver = false
    while rows.count < Self.measured {
      guard try statement.step() else {
        isOver = true
        break
      }
      rows.append(row(statement, columns.count, &isText))
    }
    let titles = columns.map(printable)
    let widths = columns.indices.map { column in
      max(titles[column].count, rows.lazy.map { $0[column].count }.max() ?? 0)
    }
    writeLine(titles, widths, isText)
    for row in rows { writeLine(row, widths, isText) }
    while !isOver, output.failure == nil, try statement.step() {
      var ignored = isText
      writeLine(row(statement, columns.count, &ignored), widths, isText)
    }
  }

  /// - Parameter isText: Set for columns that have texts.
  private func row(_ statement: SQLiteStatement, _ count: Int, _ isText: inout [Bool]) -> [String] {
    (0..<count).map { column in
      let value = statement.value(column)
      switch value {
      case .text, .blob: isText[column] = true
      case .null, .integer, .real: break
      }
      return printable(Self.text(value))
    }
  }

  /// Texts to the left, numbers to the right.
  private mutating func writeLine(_ cells: [String], _ widths: [Int], _ isText: [Bool]) {
    var line = ""
    for (column, cell) in cells.enumerated() {
      if column > 0 { line += "  " }
      let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
      line += isText[column] ? cell + padding : padding + cell
    }
    while line.hasSuffix(" ") { line.removeLast() }
    output.text(line + "\n")
  }
}
