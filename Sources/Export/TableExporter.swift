import Analysis
import Dump

/// Exports tables, row by row.
struct TableExporter<Sink: RowSink & ~Copyable>: Exporter, ~Copyable {
  private var sink: Sink
  private let names: ExportNames
  private let tables: TableSet
  private var rows: TableRows?

  init(_ sink: consuming Sink, _ names: ExportNames, _ tables: Set<ExportTable>) {
    self.sink = sink
    self.names = names
    self.tables = TableSet(tables)
  }

  mutating func begin(_ run: ExportedRun) {
    names.use(run.machine)
    let rows = TableRows(run: run.number, begin: run.analysis.begin, names: names, tables: tables)
    rows.write(run.report, to: &sink)
    self.rows = rows
  }

  mutating func add(_ items: [ModelItem]) {
    guard let rows else { return }
    for item in items { rows.write(item, to: &sink) }
  }

  mutating func end() { rows = nil }

  mutating func finish() { sink.finish() }

  var failure: ExportFailure? { sink.failure }
}

/// One table as comma-separated values.
package struct CSVExporter: Exporter, ~Copyable {
  private var exporter: TableExporter<CSVSink>

  /// - Parameter descriptor: Where to write.
  package init(descriptor: Int32, table: ExportTable) {
    let names = ExportNames()
    exporter = TableExporter(
      CSVSink(OutputBuffer(descriptor: descriptor), names, table: table), names, [table])
  }

  package mutating func begin(_ run: ExportedRun) { exporter.begin(run) }
  package mutating func add(_ items: [ModelItem]) { exporter.add(items) }
  package mutating func end() { exporter.end() }
  package mutating func finish() { exporter.finish() }
  package var failure: ExportFailure? { exporter.failure }
}

/// Tables as JSON, a row a line.
package struct JSONLinesExporter: Exporter, ~Copyable {
  private var exporter: TableExporter<JSONLinesSink>

  /// - Parameters:
  ///   - descriptor: Where to write.
  ///   - bigIntegers: How integers are written that doubles would round.
  package init(descriptor: Int32, tables: Set<ExportTable>, bigIntegers: BigIntegers) {
    let names = ExportNames()
    exporter = TableExporter(
      JSONLinesSink(OutputBuffer(descriptor: descriptor), names, bigIntegers: bigIntegers), names, tables)
  }

  package mutating func begin(_ run: ExportedRun) { exporter.begin(run) }
  package mutating func add(_ items: [ModelItem]) { exporter.add(items) }
  package mutating func end() { exporter.end() }
  package mutating func finish() { exporter.finish() }
  package var failure: ExportFailure? { exporter.failure }
}
