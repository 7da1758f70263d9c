/// References by paths (CTF 1.8, section 7.3), and the steps that keep values for later.
extension PlanCompiler {
  /// Fields that have been decoded where the compiler stands, of which one is meant: whichever option of a variant is
  /// there has one.
  struct Visible {
    var fields: [(type: FieldType, key: FieldKey)] = []
    /// The outermost variant of which an option may be there that has none of the fields.
    var selection: FieldKey?

    init() {}

    init(_ targets: [Anchor.Target], _ selection: [Int]?, in structure: FieldKey) {
      fields = targets.map { ($0.type, structure + $0.indices) }
      self.selection = selection.map { structure + $0 }
    }
  }

  // MARK: Registers

  private func register(_ index: Int, _ scope: DynamicScope) throws(TraceError) -> UInt16 {
    let register = references.base(scope) + index
    guard register < Int(Step.noSlot) else { throw failure("more than 65 000 fields are referred to") }
    return UInt16(register)
  }

  /// Changes the table of what is referred to in a scope.
  private mutating func change<Value>(
    _ scope: DynamicScope, _ body: (inout ReferenceTable) -> Value
  ) -> Value {
    switch scope.owner {
    case .trace: return body(&references.trace)
    case .stream:
      let value = body(&references.streams[stream, default: ReferenceTable()])
      references.note(stream: references.streams[stream]?.count ?? 0)
      return value
    case .event:
      let value = body(&local)
      references.note(event: local.count)
      return value
    }
  }

  private func table(_ scope: DynamicScope) -> ReferenceTable? {
    switch scope.owner {
    case .trace: references.trace
    case .stream: references.streams[stream]
    case .event: local
    }
  }

  /// The register of whichever of the fields is there, with a check in front that one is.
  mutating func use(_ keys: [FieldKey], in selection: FieldKey?) throws(TraceError) -> Int {
    let scope = keys[0].scope
    if scope == .eventHeader, self.scope != .eventHeader { references.streamsWithUsedHeaders.insert(stream) }
    let place = change(scope) { $0.place(of: keys, in: selection) }
    if let presence = place.presence {
      closeRun()
      try append(Step(kind: .require, slot: try register(presence, scope)))
    }
    return Int(try register(place.register, scope))
  }

  private mutating func use(_ found: Visible) throws(TraceError) -> Int {
    try use(found.fields.map(\.key), in: found.selection)
  }

  /// The register for the position of a field of the packet header.
  mutating func positionRegister(_ key: FieldKey) throws(TraceError) -> Int {
    let index = change(.packetHeader) { $0.position(of: key) }
    return Int(try register(index, .packetHeader))
  }

  /// Keeps the value loaded last where fields that depend on it look for it.
  func keeping(_ key: FieldKey) throws(TraceError) -> [Step] {
    var steps: [Step] = []
    for place in table(scope)?.keeping(key) ?? [] {
      steps.append(Step(kind: .keep, slot: try register(place.register, scope)))
      if let presence = place.presence {
        steps.append(Step(kind: .set, slot: try register(presence, scope), operand: 1))
      }
    }
    return steps
  }

  /// In front of a variant or an optional field: its options' fields are not there yet.
  mutating func clearPresences(_ key: FieldKey) throws(TraceError) {
    for presence in table(scope)?.resetting(key) ?? [] {
      closeRun()
      try append(Step(kind: .set, slot: try register(presence, scope), operand: 0))
    }
  }

  // MARK: Paths

  mutating func lengthRegister(_ path: [String], _ anchor: Anchor?) throws(TraceError) -> Int {
    let found = try find(path, anchor)
    guard !found.fields.isEmpty else {
      throw failure(
        "the length '\(path.joined(separator: ".").prefix(64))' of a sequence is no field decoded before it")
    }
    guard found.fields.allSatisfy({ $0.type.isUnsignedInteger }) else {
      throw failure(
        "the length '\(path.joined(separator: ".").prefix(64))' of a sequence is no unsigned integer")
    }
    return try use(found)
  }

  /// The register of a variant's tag, and its enumeration.
  mutating func tagRegister(
    _ path: [String], _ anchor: Anchor?
  ) throws(TraceError) -> (register: Int, enumeration: EnumerationType) {
    let found = try find(path, anchor)
    guard found.fields.count == 1, case .enumeration(let enumeration) = found.fields[0].type else {
      throw failure(
        "the tag '\(path.joined(separator: ".").prefix(64))' of a variant is no enumeration decoded before it"
      )
    }
    return (try use(found), enumeration)
  }

  /// The fields that a path means, several if it leads into a variant; none when there is none.
  ///
  /// A relative path means what it says where it stands in the metadata. Where no structure around it there has such a
  /// field, it means one of the structures around the place where it is used, inner ones first, or of the scopes
  /// decoded before.
  private mutating func find(_ path: [String], _ anchor: Anchor?) throws(TraceError) -> Visible {
    if let anchor, anchor.structure >= 0 {
      guard let place = places[anchor.structure] else { return Visible() }
      return Visible(anchor.targets, anchor.selection, in: frames[place].key)
    }
    for scope in DynamicScope.allCases where path.starts(with: scope.path) && path.count > scope.path.count {
      let rest = Array(path.dropFirst(scope.path.count))
      let found = scope == self.scope ? try find(rest, from: 0) : find(rest, in: scope)
      if !found.fields.isEmpty { return found }
    }
    for place in frames.indices.reversed() {
      // The fields before it are not meant where they were not seen in the metadata: only those around it can be.
      if anchor != nil, frames[place].structure.index(of: path[0]) != frames[place].count { continue }
      let found = try find(path, from: place)
      if !found.fields.isEmpty { return found }
    }
    for scope in DynamicScope.allCases.reversed() where scope.rawValue < self.scope.rawValue {
      let found = find(path, in: scope)
      if !found.fields.isEmpty { return found }
    }
    return Visible()
  }

  /// Follows a path from a structure that is being decoded, through fields that are being decoded themselves.
  private mutating func find(_ path: [String], from first: Int) throws(TraceError) -> Visible {
    var rest = path[...]
    for place in frames.indices.dropFirst(first) {
      lookups += 1
      guard lookups <= Self.maximumLookups else {
        throw failure("names are looked up in more than \(Self.maximumLookups) structures")
      }
      let frame = frames[place]
      guard let name = rest.first, frame.structure.index(of: name) == frame.count, place + 1 < frames.count
      else { return find(Array(rest), in: frame) }
      guard let inner = enter(frame, rest.dropFirst(), upTo: frames[place + 1].key) else { return Visible() }
      rest = inner
    }
    return Visible()
  }

  /// Follows a path from the field of a structure that is being decoded into the structure at `key`, which is open in
  /// it; nil where the path leads to somewhere else.
  private func enter(_ frame: Frame, _ path: ArraySlice<String>, upTo key: FieldKey) -> ArraySlice<String>? {
    var rest = path
    var type = frame.structure.fields[frame.count].type
    var depth = frame.key.count + 1
    while depth < key.count {
      switch type {
      case .array(let array):
        // The element that is being decoded.
        type = array.element
      case .variant(let variant):
        let option = key[depth]
        if let name = rest.first, let named = variant.index(of: name) {
          guard named == option else { return nil }
          rest = rest.dropFirst()
        }
        type = variant.options[option].type
      default: return nil
      }
      depth += 1
    }
    return rest
  }

  private func find(_ path: [String], in scope: DynamicScope) -> Visible {
    guard let root = roots[scope] else { return Visible() }
    return find(path, in: Frame(structure: root, key: FieldKey(scope), count: root.fields.count))
  }

  /// Fields that come later and the one that is being decoded are not there yet.
  private func find(_ path: [String], in frame: Frame) -> Visible {
    guard let name = path.first, let index = frame.structure.index(of: name), index < frame.count else {
      return Visible()
    }
    let rest = PathTargets(frame.structure.fields[index].type, path.dropFirst(), [index])
    return Visible(rest.targets, rest.selection, in: frame.key)
  }
}
