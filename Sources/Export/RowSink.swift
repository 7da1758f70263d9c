/// Takes rows of tables, value by value in the order of the table's columns.
protocol RowSink: ~Copyable {
  mutating func beginRow(_ table: ExportTable)
  mutating func integer(_ value: Int64)
  mutating func unsigned(_ value: UInt64)
  /// A text by its number among all names.
  mutating func name(_ number: Int)
  mutating func text(_ text: String)
  /// What is not known, or there is not.
  mutating func null()
  mutating func endRow()
  /// There are no more rows.
  mutating func finish()
  /// What went wrong first.
  var failure: ExportFailure? { get }
}

extension RowSink where Self: ~Copyable {
  @inline(__always)
  mutating func integer(_ value: Int64?) {
    if let value { integer(value) } else { null() }
  }

  @inline(__always)
  mutating func unsigned(_ value: UInt64?) {
    if let value { unsigned(value) } else { null() }
  }

  @inline(__always)
  mutating func name(_ number: Int?) {
    if let number { name(number) } else { null() }
  }

  @inline(__always)
  mutating func integer(_ value: Int) { integer(Int64(value)) }
}
