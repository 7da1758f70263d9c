import CTF

/// Where the value of one field of an event class is: at a fixed place of the words that ``MergedEvents`` delivers, or
/// behind others whose number varies.
struct FieldProbe {
  let scope: FieldCondition.Scope
  let type: FieldType
  /// The words before it; nil: they are not always as many.
  let offset: Int?
  /// Goes over everything but the field, and prints that as JSON.
  let code: DumpCode

  /// Finds a field; nil when the event has none of this path.
  init?(_ scopes: [FieldCondition.Scope], _ path: [String], _ event: EventClass, of stream: StreamClass) {
    let bodies: [(FieldCondition.Scope, StructureType?)] = [
      (.commonContext, stream.eventContext), (.eventContext, event.context), (.payload, event.payload),
    ]
    for scope in scopes {
      let body = scope == .packetContext ? stream.packetContext : bodies.first { $0.0 == scope }?.1
      guard let body, let type = Self.field(path[...], in: .structure(body)) else { continue }
      self.scope = scope
      self.type = type
      // What comes before it in the same words.
      let before = scope == .packetContext ? [] : bodies.prefix { $0.0 != scope }.compactMap(\.1)
      var program = DumpProgram(.json, quotesBigIntegers: false)
      var words: Int? = 0
      for structure in before {
        program.skip(.structure(structure))
        words = words.flatMap { words in Self.words(.structure(structure)).map { words + $0 } }
      }
      program.probe(.structure(body), path[...])
      program.settle()
      code = DumpCode(program)
      let inside = Self.offset(path[...], in: .structure(body))
      offset = words.flatMap { words in inside.map { words + $0 } }
      return
    }
    return nil
  }

  /// Prints the field of an event as JSON; nothing where it is in an option that is not there.
  func print(_ event: EventRecord, _ events: borrowing MergedEvents, to sink: inout ByteSink) {
    guard event.isLarge, scope != .packetContext else {
      return DumpInterpreter.run(code, scope == .packetContext ? event.packetContext : event.values, &sink)
    }
    withUnsafeMutablePointer(to: &sink) { sink in
      let pieces = DumpPieces(code, sink)
      events.readLarge(into: pieces)
      pieces.finish()
    }
  }

  /// The type of a nested field; that of the first option that has one, where there are options.
  private static func field(_ path: ArraySlice<String>, in type: FieldType) -> FieldType? {
    guard let name = path.first else { return type }
    switch type {
    case .structure(let structure):
      guard let index = structure.index(of: name) else { return nil }
      return field(path.dropFirst(), in: structure.fields[index].type)
    case .variant(let variant):
      return variant.options.lazy.compactMap { field(path, in: $0.type) }.first
    case .selection(let selection):
      return selection.options.lazy.compactMap { field(path, in: $0.type) }.first
    default: return nil
    }
  }

  /// The words before a nested field in its structure; nil: not always as many.
  private static func offset(_ path: ArraySlice<String>, in type: FieldType) -> Int? {
    guard let name = path.first else { return 0 }
    guard case .structure(let structure) = type, let index = structure.index(of: name) else { return nil }
    var sum = 0
    for field in structure.fields[..<index] {
      guard let words = words(field.type) else { return nil }
      sum += words
    }
    return offset(path.dropFirst(), in: structure.fields[index].type).map { sum + $0 }
  }

  /// How many words a value takes; nil: not always as many.
  private static func words(_ type: FieldType) -> Int? {
    switch type {
    case .integer(let type): type.words
    case .enumeration(let type): type.container.words
    case .floatingPoint(let type): type.words
    case .boolean: 1
    case .bitArray(let type): type.bits.words
    case .string, .text, .blob: 2
    case .array(let array) where array.isText: 2
    case .array(let array):
      if case .constant(let count) = array.length {
        words(array.element).flatMap { element in
          let (product, overflow) = element.multipliedReportingOverflow(by: count)
          return overflow || product > 1 << 40 ? nil : product
        }
      } else {
        nil
      }
    case .structure(let structure):
      structure.fields.reduce(0 as Int?) { sum, field in
        sum.flatMap { sum in words(field.type).map { min(sum + $0, 1 << 41) } }
      }
    case .variant, .selection: nil
    }
  }
}

extension StructureType {
  /// A field by the name that JSON has for it, or by the one of the metadata.
  fileprivate func index(of name: String) -> Int? {
    distinctNames.firstIndex(of: name) ?? fields.firstIndex { "_" + $0.name == name || $0.name == name }
  }
}

extension DumpProgram {
  /// Prints the field of a path, as JSON, and nothing else; nothing at all where it is in an option that is not there.
  mutating func probe(_ type: FieldType, _ path: ArraySlice<String>) {
    guard let name = path.first else { return value(type) }
    switch type {
    case .structure(let structure):
      let index = structure.index(of: name)
      for (place, field) in structure.fields.enumerated() {
        if place == index { probe(field.type, path.dropFirst()) } else { skip(field.type) }
      }
    case .variant(let variant): options(variant.options.map(\.type)) { $0.probe($1, path) }
    case .selection(let selection) where selection.isOptional:
      optional { _ in
      } present: {
        $0.probe(selection.options[0].type, path)
      }
    case .selection(let selection): options(selection.options.map(\.type)) { $0.probe($1, path) }
    default: skip(type)
    }
  }
}
