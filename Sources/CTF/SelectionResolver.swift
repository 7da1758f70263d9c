/// Turns the names of a selection into events and fields of stream classes.
struct SelectionResolver {
  private let selection: [String: FieldSelection.Event]
  private(set) var known: Set<String> = []
  private(set) var missing: [(event: String, field: String)] = []
  private var reported: Set<String> = []

  init(_ selection: FieldSelection) {
    self.selection = Dictionary(selection.events.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  /// For each event of the class what is wanted of it, nil for nothing.
  mutating func resolve(
    _ streamClass: StreamClass
  ) -> [(tag: UInt16, slots: [Int: UInt16], isPartial: Bool)?] {
    var result: [(tag: UInt16, slots: [Int: UInt16], isPartial: Bool)?] = []
    for event in streamClass.events {
      guard let wanted = selection[event.name] else {
        result.append(nil)
        continue
      }
      known.insert(event.name)
      var slots: [Int: UInt16] = [:]
      var isPartial = false
      for (slot, name) in wanted.fields.enumerated() {
        let index = event.payload?.fields.firstIndex { $0.name == name && $0.type.fitsWord }
        if let index, slots[index] == nil {
          slots[index] = UInt16(slot)
        } else {
          isPartial = true
          if reported.insert("\(event.name)\0\(name)").inserted { missing.append((event.name, name)) }
        }
      }
      result.append((wanted.tag, slots, isPartial))
    }
    return result
  }
}

extension FieldType {
  /// Whether a value can be one word of a row.
  fileprivate var fitsWord: Bool {
    switch self {
    case .integer(let type): type.words == 1
    case .enumeration(let type): type.container.words == 1
    case .floatingPoint(let type): type.words == 1
    case .bitArray(let type): type.bits.words == 1
    case .string, .boolean, .text: true
    case .array(let array): array.isText
    case .structure, .variant, .selection, .blob: false
    }
  }
}
