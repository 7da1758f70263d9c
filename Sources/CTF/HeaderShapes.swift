extension EventHeaderPlan.Shape {
  /// Recognises the headers of LTTng's traces in CTF 2 by their structure: the same bits as in CTF 1.8.
  init(roles header: StructureType?) {
    self = .general
    guard let header, header.fields.count == 2, header.alignment >= 8, let id = header.fields[0].type.integer,
      id.roles == .eventClassID, id.isPlain, case .selection(let selection) = header.fields[1].type,
      !selection.isOptional, selection.options.count == 2, selection.selector.path == [header.fields[0].name],
      selection.selector.origin == nil || selection.selector.origin == .eventHeader,
      case .structure(let compact) = selection.options[0].type, compact.fields.count == 1,
      let time = compact.fields[0].type.integer, time.roles == .timestamp, time.isPlain,
      let last = selection.options[0].ranges.first?.bits(isSigned: false),
      selection.options[0].ranges.count == 1,
      last.low == 0
    else { return }
    switch (id.size, time.size, last.high) {
    case (5, 27, 30) where id.alignment == 1 && compact.alignment == 1: self = .compact
    case (16, 32, 65534)
    where time.alignment >= 8 && header.alignment >= compact.alignment && id.alignment <= header.alignment:
      self = .large(offset: (16 + compact.alignment - 1) / compact.alignment * compact.alignment / 8)
    default: break
    }
  }
}

extension IntegerType {
  /// Whether it is unsigned, little-endian, and its bits come in the usual order.
  fileprivate var isPlain: Bool { !isSigned && byteOrder == .little && !isReversed && !isVariableLength }
}
