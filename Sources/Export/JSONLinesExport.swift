import Dump

/// A JSON object a line, the first member of which says which table the row is of; what is not known is left out.
struct JSONLinesSink: RowSink, ~Copyable {
  private var output: OutputBuffer
  private let names: ExportNames
  private let quotesLarge: Bool
  private var encoded: [[UInt8]] = []
  /// `{"table":"…"` and `,"column":`, by table.
  private let openings: [[UInt8]]
  private let keys: [[[UInt8]]]
  private var table = 0
  private var column = 0

  init(_ output: consuming OutputBuffer, _ names: ExportNames, bigIntegers: BigIntegers) {
    self.output = output
    self.names = names
    quotesLarge = bigIntegers == .text
    openings = ExportTable.allCases.map { Array("{\"table\":\"\($0.rawValue)\"".utf8) }
    keys = ExportTable.allCases.map { $0.columns.map { Array(",\"\($0.name)\":".utf8) } }
  }

  mutating func beginRow(_ table: ExportTable) {
    self.table = table.order
    output.bytes(openings[self.table])
    column = 0
  }

  @inline(__always)
  private mutating func key() {
    output.bytes(keys[table][column])
    column &+= 1
  }

  private mutating func number(_ magnitude: UInt64, isNegative: Bool) {
    key()
    let isQuoted = quotesLarge && magnitude > BigIntegers.largestNumber
    if isQuoted { output.byte(UInt8(ascii: "\"")) }
    if isNegative { output.byte(UInt8(ascii: "-")) }
    output.decimal(magnitude)
    if isQuoted { output.byte(UInt8(ascii: "\"")) }
  }

  mutating func integer(_ value: Int64) { number(value.magnitude, isNegative: value < 0) }

  mutating func unsigned(_ value: UInt64) { number(value, isNegative: false) }

  mutating func name(_ number: Int) {
    key()
    while encoded.count <= number { encoded.append(Array(JSONText.quoted(names.texts[encoded.count]).utf8)) }
    output.bytes(encoded[number])
  }

  mutating func text(_ text: String) {
    key()
    output.text(JSONText.quoted(text))
  }

  mutating func null() { column &+= 1 }

  mutating func endRow() {
    output.byte(UInt8(ascii: "}"))
    output.byte(UInt8(ascii: "\n"))
  }

  mutating func finish() { output.flush() }

  var failure: ExportFailure? { output.failure.map(ExportFailure.write) }
}
