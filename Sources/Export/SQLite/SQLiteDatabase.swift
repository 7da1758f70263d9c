import CSQLite

/// What SQLite said.
package struct SQLiteError: Error, Equatable, CustomStringConvertible {
  /// In words.
  package let description: String
  /// The file is damaged or cannot be read, rather than asked something mistaken.
  package let isDamage: Bool

  /// - Parameter code: SQLite's result code (https://sqlite.org/rescode.html).
  init(_ description: String, code: Int32 = SQLITE_ERROR) {
    self.description = description
    isDamage = [SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_IOERR].contains(code & 0xff)
  }
}

/// A database file.
package final class SQLiteDatabase {
  /// What a file is opened for.
  package enum Purpose: Sendable {
    /// To be read, by nothing that changes it.
    case query
    /// To be filled: an empty file that nobody else knows. When that fails it is of no use.
    case fill
  }

  private let database: OpaquePointer

  /// Opens a database.
  ///
  /// - Parameter path: As the system has it, ended by NUL.
  package init(_ path: UnsafePointer<CChar>, for purpose: Purpose) throws(SQLiteError) {
    if let problem = csqlite_load() {
      throw SQLiteError("SQLite's library is needed: \(String(cString: problem))")
    }
    var opened: OpaquePointer?
    let flags = purpose == .query ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE
    let code = csqlite_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX)
    guard let opened else { throw SQLiteError(String(cString: csqlite_errstr(code)), code: code) }
    database = opened
    guard code == SQLITE_OK else { throw error(code) }
    // Read-only is the database, not the connection: VACUUM INTO and ATTACH would make files.
    if purpose == .query { _ = csqlite_limit(database, SQLITE_LIMIT_ATTACHED, 0) }
    // Nobody reads the file before it is complete, so nothing has to survive a crash.
    if purpose == .fill {
      try execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE")
    }
  }

  deinit { csqlite_close_v2(database) }

  /// What went wrong last.
  func error(_ code: Int32) -> SQLiteError {
    SQLiteError(String(cString: csqlite_errmsg(database)), code: code)
  }

  /// Carries out statements whose rows nobody wants.
  package func execute(_ sql: String) throws(SQLiteError) {
    try run(sql) { (statement) throws(SQLiteError) in while try statement.step() {} }
  }

  /// Calls `body` with each of the statements of a text.
  package func run(
    _ sql: String, _ body: (SQLiteStatement) throws(SQLiteError) -> Void
  ) throws(SQLiteError) {
    var rest = Array(sql.utf8)
    var isEmpty = true
    while let (statement, used) = try prepare(rest) {
      if let statement {
        isEmpty = false
        try body(statement)
      }
      rest.removeFirst(used)
    }
    if isEmpty { throw SQLiteError("no statement") }
  }

  /// The one statement of a text.
  func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
    guard let statement = try prepare(Array(sql.utf8))?.statement else {
      throw SQLiteError("no statement")
    }
    return statement
  }

  /// The first statement of a text, nil where that is a comment or empty, and how many bytes it has; nil: the text is over.
  private func prepare(_ sql: [UInt8]) throws(SQLiteError) -> (statement: SQLiteStatement?, used: Int)? {
    guard !sql.isEmpty else { return nil }
    guard let length = Int32(exactly: sql.count) else { throw SQLiteError("too long a text") }
    var prepared: OpaquePointer?
    var used = 0
    let code = sql.withUnsafeBytes { bytes in
      let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      var end: UnsafePointer<CChar>?
      let code = csqlite_prepare_v2(database, start, length, &prepared, &end)
      if let start, let end { used = end - start }
      return code
    }
    guard code == SQLITE_OK else { throw error(code) }
    return (prepared.map { SQLiteStatement($0, self) }, used > 0 ? used : sql.count)
  }
}

/// A statement.
package final class SQLiteStatement {
  /// A value of a row.
  package enum Value: Sendable, Equatable {
    // SQLite's storage classes (https://sqlite.org/datatype3.html).
    case null
    case integer(Int64)
    case real(Double)
    case text([UInt8])
    case blob([UInt8])
  }

  let pointer: OpaquePointer
  private let database: SQLiteDatabase

  fileprivate init(_ pointer: OpaquePointer, _ database: SQLiteDatabase) {
    self.pointer = pointer
    self.database = database
  }

  deinit { csqlite_finalize(pointer) }

  /// Goes to the next row.
  ///
  /// - Returns: Whether there is one.
  package func step() throws(SQLiteError) -> Bool {
    let code = csqlite_step(pointer)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw database.error(code)
    }
  }

  /// The names of its columns; empty: it has no rows.
  package var columns: [String] {
    (0..<csqlite_column_count(pointer)).map {
      csqlite_column_name(pointer, $0).map { String(cString: $0) } ?? ""
    }
  }

  /// A value of the row.
  package func value(_ column: Int) -> Value {
    let column = Int32(column)
    switch csqlite_column_type(pointer, column) {
    case SQLITE_INTEGER: return .integer(csqlite_column_int64(pointer, column))
    case SQLITE_FLOAT: return .real(csqlite_column_double(pointer, column))
    case SQLITE_TEXT: return .text(bytes(csqlite_column_text(pointer, column), column))
    case SQLITE_BLOB: return .blob(bytes(csqlite_column_blob(pointer, column), column))
    default: return .null
    }
  }

  private func bytes(_ start: UnsafeRawPointer?, _ column: Int32) -> [UInt8] {
    guard let start else { return [] }
    let count = Int(csqlite_column_bytes(pointer, column))
    return Array(UnsafeRawBufferPointer(start: start, count: count))
  }
}
