import CTF

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension FieldCondition {
  /// Whether it holds for the field of an event that a probe leads to.
  ///
  /// - Parameter sink: An empty one in memory, for values that are read more easily as text.
  func holds(
    _ probe: FieldProbe, _ event: EventRecord, _ events: borrowing MergedEvents, _ sink: inout ByteSink
  ) -> Bool {
    let words = probe.scope == .packetContext ? event.packetContext : event.values
    if let offset = probe.offset, probe.scope == .packetContext || !event.isLarge,
      let answer = holds(probe.type, words + offset)
    {
      return answer
    }
    probe.print(event, events, to: &sink)
    return holds(json: sink.take(), probe.type)
  }

  /// What the words of a value say; nil: they are read more easily as text.
  private func holds(_ type: FieldType, _ word: UnsafePointer<UInt64>) -> Bool? {
    switch type {
    case .integer(let type) where type.words == 1: return holds(integer: Self.integer(word[0], type))
    case .enumeration(let type) where type.container.words == 1:
      let integer = Self.integer(word[0], type.container)
      // Most conditions are met by the number, or by one label.
      let labels = type.mappings.filter { type.contains($0, word[0]) }.map(\.label)
      return holds(labels: labels, integer: integer)
    case .floatingPoint(let type) where type.words == 1: return holds(number: Double(bitPattern: word[0]))
    case .boolean: return holds(labels: [word[0] == 0 ? "false" : "true"], integer: Int128(word[0]))
    case .string: return holds(textAt: word)
    case .text(let text) where text.encoding == .utf8: return holds(textAt: word)
    case .array(let array) where array.isText: return holds(textAt: word)
    default: return nil
    }
  }

  private static func integer(_ word: UInt64, _ type: IntegerType) -> Int128 {
    type.isSigned ? Int128(Int64(bitPattern: word)) : Int128(word)
  }

  private func holds(textAt word: UnsafePointer<UInt64>) -> Bool {
    let start = UnsafePointer<UInt8>(bitPattern: UInt(word[0]))
    return holds(text: UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(word[1])))
  }

  /// What a value printed as JSON says; nothing printed: the field is in an option that is not there.
  private func holds(json bytes: [UInt8], _ type: FieldType) -> Bool {
    guard !bytes.isEmpty else { return false }
    let text = String(decoding: bytes, as: UTF8.self)
    let decoder = JSONDecoder()
    switch type {
    case .integer: return Int128(text).map(holds(integer:)) ?? false
    case .enumeration, .bitArray, .boolean:
      if let integer = Int128(text) { return holds(integer: integer) }
      if text == "true" || text == "false" { return holds(labels: [text], integer: text == "true" ? 1 : 0) }
      guard let labelled = try? decoder.decode(Labelled.self, from: Data(bytes)) else { return false }
      return holds(labels: labelled.labels ?? labelled.flags ?? [], integer: Int128(labelled.value))
    case .floatingPoint: return Double(text.filter { $0 != "\"" }).map(holds(number:)) ?? false
    case .string, .text, .blob, .array:
      // Elements are compared as they are printed.
      guard text.hasPrefix("\"") else { return holds(text) }
      guard var value = try? decoder.decode(String.self, from: Data(bytes)) else { return false }
      return value.withUTF8 { holds(text: $0) }
    default: return holds(text)
    }
  }

  private func holds(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { holds(text: $0) }
  }

  private struct Labelled: Decodable {
    let labels: [String]?
    let flags: [String]?
    let value: Int64
  }
}
