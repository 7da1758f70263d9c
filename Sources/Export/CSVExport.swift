import Dump

/// A table as RFC 4180 has it: lines end with CR and LF, the first one names the columns, what is not known is empty.
struct CSVSink: RowSink, ~Copyable {
  private var output: OutputBuffer
  private let names: ExportNames
  private var encoded: [[UInt8]] = []
  private var isFirst = true

  init(_ output: consuming OutputBuffer, _ names: ExportNames, table: ExportTable) {
    self.output = output
    self.names = names
    self.output.text(table.columns.map(\.name).joined(separator: ",") + "\r\n")
  }

  mutating func beginRow(_ table: ExportTable) { isFirst = true }

  @inline(__always)
  private mutating func separate() {
    if !isFirst { output.byte(UInt8(ascii: ",")) }
    isFirst = false
  }

  mutating func integer(_ value: Int64) {
    separate()
    output.decimal(value)
  }

  mutating func unsigned(_ value: UInt64) {
    separate()
    output.decimal(value)
  }

  mutating func name(_ number: Int) {
    separate()
    while encoded.count <= number { encoded.append(Array(CSV.cell(names.texts[encoded.count]).utf8)) }
    output.bytes(encoded[number])
  }

  mutating func text(_ text: String) {
    separate()
    output.text(CSV.cell(text))
  }

  mutating func null() { separate() }

  mutating func endRow() {
    output.byte(UInt8(ascii: "\r"))
    output.byte(UInt8(ascii: "\n"))
  }

  mutating func finish() { output.flush() }

  var failure: ExportFailure? { output.failure.map(ExportFailure.write) }
}
