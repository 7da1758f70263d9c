/// Finds the fields that a field location can mean, seen from a field that depends on them (CTF 2, section 6.4.2).
///
/// A selection that is decoded already can have had any of its options, so that a location can mean several fields;
/// which one it is shows when events are decoded.
struct LocationResolver {
  /// A structure and the indices that lead to it.
  typealias Place = (key: [Int], structure: StructureType)

  /// The field that depends.
  let key: [Int]
  private(set) var fields: [(key: [Int], type: FieldType)] = []
  /// The outermost selection that was passed and not all of whose options need to have the field.
  private(set) var selection: [Int]?
  /// How many types may still be looked at.
  private(set) var typesLeft: Int

  init(from key: [Int], typesLeft: Int) {
    self.key = key
    self.typesLeft = typesLeft
  }

  private func isAround(_ other: [Int]) -> Bool { key.count > other.count && key.starts(with: other) }

  mutating func follow(_ places: [Place], _ path: ArraySlice<String?>) {
    var places = places
    var rest = path
    while case .some(.none) = rest.first {
      guard places.popLast() != nil else { return }
      rest = rest.dropFirst()
    }
    guard case .some(.some(let name)) = rest.first, let place = places.last,
      let index = place.structure.index(of: name)
    else { return }
    if isAround(place.key), index > key[place.key.count] { return }
    descend(place.structure.fields[index].type, place.key + [index], places, rest.dropFirst())
  }

  private mutating func descend(
    _ type: FieldType, _ place: [Int], _ places: [Place], _ rest: ArraySlice<String?>
  ) {
    typesLeft -= 1
    guard typesLeft > 0 else { return }
    switch type {
    case .structure(let structure):
      if !rest.isEmpty { follow(places + [(place, structure)], rest) }
    case .array(let array):
      // Which element is meant shows only inside of it.
      if isAround(place) { descend(array.element, place + [0], places, rest) }
    case .selection(let selection):
      if isAround(place) {
        let option = key[place.count]
        descend(selection.options[option].type, place + [option], places, rest)
      } else if place != key {
        if self.selection == nil { self.selection = place }
        for (index, option) in selection.options.enumerated() {
          descend(option.type, place + [index], places, rest)
        }
      }
    case .integer, .enumeration, .boolean:
      if rest.isEmpty { fields.append((place, type)) }
    case .floatingPoint, .string, .variant, .bitArray, .text, .blob: break
    }
  }
}

extension PlanCompiler {
  /// The structures around a field of the scope that is being compiled, the outermost first.
  private func structures(around key: FieldKey) -> [LocationResolver.Place] {
    var places: [LocationResolver.Place] = []
    guard let currentRoot else { return places }
    var type = FieldType.structure(currentRoot)
    let indices = key.indices
    var place = [indices[0]]
    for index in indices.dropFirst() {
      switch type {
      case .structure(let structure):
        places.append((place, structure))
        type = structure.fields[index].type
      case .array(let array): type = array.element
      case .selection(let selection): type = selection.options[index].type
      default: return places
      }
      place.append(index)
    }
    return places
  }

  /// The fields that a location means, seen from the field `key`.
  private mutating func locate(
    _ location: FieldLocation, from key: FieldKey, _ what: String
  ) throws(TraceError) -> LocationResolver {
    var places = structures(around: key)
    if let origin = location.origin {
      if origin == scope {
        places = Array(places.prefix(1))
      } else {
        guard origin.rawValue < scope.rawValue, let root = roots[origin] else {
          throw failure("\(what) leads to the \(origin.originName), which is not there before it")
        }
        places = [([origin.rawValue], root)]
      }
    }
    var resolver = LocationResolver(from: key.indices, typesLeft: references.typesLeft)
    resolver.follow(places, location.path[...])
    references.typesLeft = resolver.typesLeft
    guard resolver.typesLeft > 0, resolver.fields.count <= references.fieldsLeft else {
      throw failure("field locations lead through too many options of variants")
    }
    guard !resolver.fields.isEmpty else {
      throw failure(
        "\(what) (\(location.description)) leads to no integer or boolean that is decoded before it")
    }
    return resolver
  }

  private mutating func use(_ found: LocationResolver) throws(TraceError) -> Int {
    references.fieldsLeft -= found.fields.count
    return try use(
      found.fields.map { FieldKey(indices: $0.key) }, in: found.selection.map { FieldKey(indices: $0) })
  }

  /// The register of a length, with a check in front that there is one.
  mutating func lengthRegister(
    _ location: FieldLocation, from key: FieldKey
  ) throws(TraceError) -> Int {
    let found = try locate(location, from: key, "'length-field-location'")
    guard found.fields.allSatisfy({ $0.type.isUnsignedInteger }) else {
      throw failure(
        "'length-field-location' (\(location.description)) leads to a field that is no unsigned integer")
    }
    return try use(found)
  }

  /// The register of a selector and what kind of value it is.
  mutating func selectorRegister(
    _ selection: SelectionType, from key: FieldKey
  ) throws(TraceError) -> (register: Int, kind: SelectorKind) {
    let what = "'selector-field-location' (\(selection.selector.description))"
    let found = try locate(selection.selector, from: key, "'selector-field-location'")
    let kinds = Set(found.fields.map { SelectorKind($0.type) })
    guard kinds.count == 1, let kind = kinds.first else {
      throw failure("\(what) leads to fields of several kinds")
    }
    let hasRanges = selection.options.contains { !$0.ranges.isEmpty }
    if kind == .boolean {
      guard selection.isOptional else { throw failure("\(what) of a variant leads to a boolean") }
      guard !hasRanges else {
        throw failure("\(what) leads to a boolean, but there are 'selector-field-ranges'")
      }
    } else if !hasRanges {
      throw failure("\(what) leads to an integer, but there are no 'selector-field-ranges'")
    }
    return (try use(found), kind)
  }

  /// The kind of value that chooses.
  enum SelectorKind {
    case boolean, unsigned, signed

    init(_ type: FieldType) {
      switch type {
      case .boolean: self = .boolean
      default: self = type.integer?.isSigned == true ? .signed : .unsigned
      }
    }
  }
}

extension FieldKey {
  /// All numbers.
  var indices: [Int] { (0..<count).map { self[$0] } }

  /// - Parameter indices: The scope's number first.
  init(indices: [Int]) {
    self = FieldKey(DynamicScope(rawValue: indices[0]) ?? .packetHeader) + Array(indices.dropFirst())
  }
}
