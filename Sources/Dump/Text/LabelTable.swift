import CTF

/// The labels of an enumeration's values, ready to print; those of small values are made once.
final class LabelTable {
  private static let direct: UInt64 = 256

  private let type: EnumerationType
  private let style: DumpProgram.Style
  /// Rendered labels of small values; empty where none has come yet.
  private let table: UnsafeMutablePointer<UnsafeMutableBufferPointer<UInt8>>

  init(_ type: EnumerationType, _ style: DumpProgram.Style) {
    self.type = type
    self.style = style
    table = .allocate(capacity: Int(Self.direct))
    table.initialize(repeating: UnsafeMutableBufferPointer(start: nil, count: 0), count: Int(Self.direct))
  }

  deinit {
    for index in 0..<Int(Self.direct) { table[index].deallocate() }
    table.deallocate()
  }

  var isSigned: Bool { type.container.isSigned }

  /// Writes what stands before a number without a label.
  func writeUnknown(to sink: inout ByteSink) { sink.array(render([])) }

  /// Writes what stands before the number.
  func write(_ value: UInt64, to sink: inout ByteSink) {
    guard value < Self.direct else {
      sink.array(render(value))
      return
    }
    if let start = table[Int(value)].baseAddress {
      sink.bytes(start, table[Int(value)].count)
      return
    }
    let text = render(value)
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
    _ = memory.initialize(from: text)
    table[Int(value)] = memory
    sink.array(text)
  }

  private func render(_ value: UInt64) -> [UInt8] {
    var labels: [String] = []
    for mapping in type.mappings where type.contains(mapping, value) && !labels.contains(mapping.label) {
      labels.append(mapping.label)
    }
    return render(labels)
  }

  private func render(_ labels: [String]) -> [UInt8] {
    switch style {
    case .text:
      let shown = labels.map { TextEscape.quoted(Array($0.utf8)) }.joined(separator: Array(", ".utf8))
      return Array("( ".utf8) + (labels.isEmpty ? Array("<unknown>".utf8) : Array(shown))
        + Array(" : container = ".utf8)
    case .json:
      return Array("{\"labels\":[\(labels.map(JSONText.quoted).joined(separator: ","))],\"value\":".utf8)
    }
  }
}
