import Analysis
import CSQLite

/// Inserts rows into the tables of a database.
struct SQLiteSink: RowSink, ~Copyable {
  /// What tells a database of ours from others: `exnt` (https://sqlite.org/fileformat2.html#application_id).
  private static let applicationID = 0x6578_6e74
  /// Changes when columns get another meaning or go away.
  private static let version = 1

  private let database: SQLiteDatabase
  private let names: ExportNames
  /// By table.
  private var inserts: [SQLiteStatement] = []
  private var statement: OpaquePointer?
  private var parameter: CInt = 0
  /// Texts by number, which statements are given as they are, not copied.
  private var texts: [UnsafeMutableBufferPointer<CChar>] = []
  private(set) var failure: ExportFailure?

  init(_ database: SQLiteDatabase, _ names: ExportNames) {
    self.database = database
    self.names = names
    attempt { (sink) throws(SQLiteError) in try sink.create() }
  }

  deinit { for text in texts { text.deallocate() } }

  private mutating func attempt(_ body: (inout SQLiteSink) throws(SQLiteError) -> Void) {
    guard failure == nil else { return }
    do throws(SQLiteError) {
      try body(&self)
    } catch {
      failure = .library(error.description)
    }
  }

  private mutating func create() throws(SQLiteError) {
    try database.execute(
      "PRAGMA application_id=\(Self.applicationID); PRAGMA user_version=\(Self.version); BEGIN")
    for table in ExportTable.allCases {
      let columns = table.columns.map { "\($0.name) \($0.isText ? "TEXT" : "INTEGER")" }
      try database.execute("CREATE TABLE \(table.rawValue) (\(columns.joined(separator: ", ")))")
      let places = Array(repeating: "?", count: columns.count).joined(separator: ", ")
      inserts.append(try database.prepare("INSERT INTO \(table.rawValue) VALUES (\(places))"))
    }
  }

  mutating func beginRow(_ table: ExportTable) {
    statement = failure == nil ? inserts[table.order].pointer : nil
    parameter = 0
  }

  // Binding fails only where a row would be too large, which inserting it then says.

  @inline(__always)
  mutating func integer(_ value: Int64) {
    parameter &+= 1
    guard let statement else { return }
    _ = csqlite_bind_int64(statement, parameter, value)
  }

  /// SQLite's integers have a sign: what is 2^63 or more is negative.
  @inline(__always)
  mutating func unsigned(_ value: UInt64) { integer(Int64(bitPattern: value)) }

  @inline(__always)
  mutating func name(_ number: Int) {
    parameter &+= 1
    guard let statement else { return }
    while texts.count <= number { keep(names.texts[texts.count]) }
    let text = texts[number]
    _ = csqlite_bind_static_text(statement, parameter, text.baseAddress, CInt(text.count - 1))
  }

  private mutating func keep(_ text: String) {
    let bytes = text.utf8CString
    let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count)
    _ = copy.initialize(from: bytes)
    texts.append(copy)
  }

  mutating func text(_ text: String) {
    parameter &+= 1
    guard let statement else { return }
    _ = text.withCString { csqlite_bind_text(statement, parameter, $0, CInt(clamping: text.utf8.count)) }
  }

  @inline(__always)
  mutating func null() {
    parameter &+= 1
    guard let statement else { return }
    _ = csqlite_bind_null(statement, parameter)
  }

  mutating func endRow() {
    guard let statement else { return }
    let code = csqlite_step(statement)
    if code != SQLITE_DONE { failure = .library(database.error(code).description) }
    _ = csqlite_reset(statement)
  }

  mutating func finish() {
    attempt { (sink) throws(SQLiteError) in try sink.database.execute("COMMIT") }
  }
}

/// All tables in a database.
package struct SQLiteExporter: Exporter, ~Copyable {
  private var exporter: TableExporter<SQLiteSink>

  /// - Parameter database: An empty one.
  package init(_ database: SQLiteDatabase) {
    let names = ExportNames()
    exporter = TableExporter(SQLiteSink(database, names), names, Set(ExportTable.allCases))
  }

  package mutating func begin(_ run: ExportedRun) { exporter.begin(run) }
  package mutating func add(_ items: [ModelItem]) { exporter.add(items) }
  package mutating func end() { exporter.end() }
  package mutating func finish() { exporter.finish() }
  package var failure: ExportFailure? { exporter.failure }
}
