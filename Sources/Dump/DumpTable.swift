import CTF

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The columns of a dump as one table: time, stream, name, and every field that an event shown can have.
final class DumpTable {
  /// The most columns: more are no table that anybody reads.
  static let maximumColumns = 4096

  /// What every event has.
  private static let common = ["timestamp", "trace", "stream", "event"]

  /// Names in order.
  private(set) var columns = common
  private let trace: Trace
  private var numbers: [String: Int] = [:]
  /// Where the fields of each event are: a column and a probe.
  private var cells: [ObjectIdentifier: [[(column: Int, probe: FieldProbe)]]] = [:]
  private var scratch = ByteSink.inMemory(limit: 1 << 24)

  /// - Parameter filter: Events that it never shows have no columns.
  init(_ trace: Trace, _ filter: PreparedFilter?) {
    self.trace = trace
    for stream in 0..<trace.streamCount {
      let streamClass = trace.streamClass(of: stream)
      let key = ObjectIdentifier(streamClass)
      guard cells[key] == nil else { continue }
      cells[key] = DeepStack.run(levels: streamClass.height) {
        streamClass.events.map { event in
          filter?.couldShow(event, of: streamClass) ?? true ? self.fields(of: event, of: streamClass) : []
        }
      }
    }
  }

  /// What to say of columns that are left out; nil: none is.
  var warning: String? {
    guard columns.count >= Self.maximumColumns else { return nil }
    return
      "a table has at most \(Self.maximumColumns) columns, and fields beyond them are left out; choose events with --event"
  }

  private func fields(of event: EventClass, of stream: StreamClass) -> [(column: Int, probe: FieldProbe)] {
    var found: [(column: Int, probe: FieldProbe)] = []
    let bodies: [(FieldCondition.Scope, StructureType?)] = [
      (.packetContext, stream.packetContext), (.commonContext, stream.eventContext),
      (.eventContext, event.context), (.payload, event.payload),
    ]
    for (scope, body) in bodies {
      for path in body.map({ Self.paths(.structure($0), []) }) ?? [] {
        if scope == .packetContext, path.count == 1,
          let field = body?.fields.first(where: { $0.name == path[0] }),
          DumpEvents.isHidden(field.name, field.type, of: stream)
        {
          continue
        }
        guard columns.count < Self.maximumColumns, let probe = FieldProbe([scope], path, event, of: stream)
        else {
          continue
        }
        var name = path.joined(separator: ".")
        if scope != .payload || Self.common.contains(name) { name = scope.rawValue + "." + name }
        if numbers[name] == nil {
          numbers[name] = columns.count
          columns.append(name)
        }
        if let column = numbers[name], !found.contains(where: { $0.column == column }) {
          found.append((column, probe))
        }
      }
    }
    return found.sorted { $0.column < $1.column }
  }

  /// The paths of what is no structure; a hidden field is left out, as in the other formats.
  private static func paths(_ type: FieldType, _ path: [String]) -> [[String]] {
    guard case .structure(let structure) = type else { return [path] }
    return zip(structure.fields, structure.distinctNames).flatMap { field, name in
      field.type.isHidden ? [] : paths(field.type, path + [name])
    }
  }

  func writeHeader(to sink: inout ByteSink) {
    sink.array(Array((columns.map(CSV.cell).joined(separator: ",") + "\r\n").utf8))
  }

  func write(_ event: EventRecord, _ events: borrowing MergedEvents, hasClock: Bool, to sink: inout ByteSink)
  {
    let streamClass = trace.streamClass(of: event.stream)
    if hasClock { sink.signedDecimal(event.timestamp) }
    sink.byte(UInt8(ascii: ","))
    sink.decimal(UInt64(trace.traceNumber(of: event.stream)))
    sink.byte(UInt8(ascii: ","))
    sink.decimal(UInt64(event.stream))
    sink.byte(UInt8(ascii: ","))
    sink.array(Array(CSV.cell(streamClass.events[event.event].name).utf8))
    var column = Self.common.count
    for cell in cells[ObjectIdentifier(streamClass)]?[event.event] ?? [] {
      while column <= cell.column {
        sink.byte(UInt8(ascii: ","))
        column += 1
      }
      write(cell.probe, event, events, to: &sink)
    }
    while column < columns.count {
      sink.byte(UInt8(ascii: ","))
      column += 1
    }
    sink.text("\r\n")
  }

  private func write(
    _ probe: FieldProbe, _ event: EventRecord, _ events: borrowing MergedEvents, to sink: inout ByteSink
  ) {
    let words = probe.scope == .packetContext ? event.packetContext : event.values
    if let offset = probe.offset, probe.scope == .packetContext || !event.isLarge {
      switch probe.type {
      case .integer(let type) where type.words == 1:
        if type.isSigned {
          sink.signedDecimal(Int64(bitPattern: words[offset]))
        } else {
          sink.decimal(words[offset])
        }
        return
      default: break
      }
    }
    probe.print(event, events, to: &scratch)
    sink.array(Self.cell(json: scratch.take()))
  }

  /// What a value printed as JSON is in a cell: text without its quotes, an enumeration's first label.
  private static func cell(json bytes: [UInt8]) -> [UInt8] {
    guard let first = bytes.first else { return [] }
    let decoder = JSONDecoder()
    if first == UInt8(ascii: "\""), let text = try? decoder.decode(String.self, from: Data(bytes)) {
      return Array(CSV.cell(text).utf8)
    }
    if first == UInt8(ascii: "{"), let labelled = try? decoder.decode(Labelled.self, from: Data(bytes)) {
      let names = labelled.labels.map { Array($0.prefix(1)) } ?? labelled.flags ?? []
      return Array((names.isEmpty ? labelled.value : CSV.cell(names.joined(separator: "|"))).utf8)
    }
    if bytes == Array("null".utf8) { return [] }
    return Array(CSV.cell(String(decoding: bytes, as: UTF8.self)).utf8)
  }

  private struct Labelled: Decodable {
    let labels: [String]?
    let flags: [String]?
    let value: String

    enum CodingKeys: CodingKey { case labels, flags, value }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      labels = try container.decodeIfPresent([String].self, forKey: .labels)
      flags = try container.decodeIfPresent([String].self, forKey: .flags)
      if let number = try? container.decode(UInt64.self, forKey: .value) {
        value = "\(number)"
      } else {
        value = "\(try container.decode(Int64.self, forKey: .value))"
      }
    }
  }
}
