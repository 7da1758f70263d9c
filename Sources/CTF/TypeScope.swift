/// The names visible at a place in the metadata (CTF 1.8, section 7.3.1): types, and in a structure its fields so far.
final class TypeScope {
  let parent: TypeScope?
  /// The structure whose body this is; nil for other scopes.
  private let structure: Int?
  private var aliases: [String: FieldType] = [:]
  private var structures: [String: StructureType] = [:]
  private var variants: [String: VariantType] = [:]
  private var enumerations: [String: EnumerationType] = [:]
  private var fields: [String: (index: Int, type: FieldType)] = [:]
  /// What definitions of this scope refer to without seeing it, by kind and name.
  var unresolved: [String: [UnresolvedReference]] = [:]

  init(parent: TypeScope?, structure: Int? = nil) {
    self.parent = parent
    self.structure = structure
  }

  func alias(_ name: String) -> FieldType? { find(name, \.aliases) }
  func structure(_ name: String) -> StructureType? { find(name, \.structures) }
  func variant(_ name: String) -> VariantType? { find(name, \.variants) }
  func enumeration(_ name: String) -> EnumerationType? { find(name, \.enumerations) }
  func references(_ name: String) -> [UnresolvedReference]? { find(name, \.unresolved) }

  private func find<T>(_ name: String, _ table: KeyPath<TypeScope, [String: T]>) -> T? {
    var scope: TypeScope? = self
    while let current = scope {
      if let found = current[keyPath: table][name] { return found }
      scope = current.parent
    }
    return nil
  }

  /// Each returns false when this scope already knows the name.
  func define(alias name: String, _ type: FieldType) -> Bool { Self.put(type, name, &aliases) }
  func define(structure name: String, _ type: StructureType) -> Bool { Self.put(type, name, &structures) }
  func define(variant name: String, _ type: VariantType) -> Bool { Self.put(type, name, &variants) }
  func define(enumeration name: String, _ type: EnumerationType) -> Bool {
    Self.put(type, name, &enumerations)
  }

  /// Takes note of a field or option.
  func declare(_ name: String, _ type: FieldType, at index: Int) -> Bool {
    Self.put((index, type), name, &fields)
  }

  private static func put<T>(_ value: T, _ name: String, _ table: inout [String: T]) -> Bool {
    if table[name] != nil { return false }
    table[name] = value
    return true
  }

  /// The field of the innermost structure around that has one of this name; nil when none has, no targets when the
  /// rest of the path leads nowhere.
  func anchor(_ path: [String]) -> Anchor? {
    var scope: TypeScope? = self
    while let current = scope {
      if let structure = current.structure, let field = current.field(path[0]) {
        return Anchor(structure: structure, targets: field.type.targets(path.dropFirst(), [field.index]))
      }
      scope = current.parent
    }
    return nil
  }

  /// An underscore in front is no part of a name, wherever it stands.
  private func field(_ name: String) -> (index: Int, type: FieldType)? {
    if let field = fields[name] { return field }
    if name.utf8.first == UInt8(ascii: "_"), let field = fields[String(name.dropFirst())] { return field }
    return fields["_" + name]
  }
}

/// A field that a relative path means, found where the path stands in the metadata (CTF 1.8, section 7.3.1).
struct Anchor: Sendable {
  /// Where a path ends.
  struct Target: Sendable {
    /// Indices of fields and options that lead there from the structure.
    let indices: [Int]
    let type: FieldType
  }

  /// The structure that the first name is a field of: ``StructureType/id``.
  let structure: Int
  /// Several when the path goes through a variant: whichever option is there has the field.
  let targets: [Target]
}

extension FieldType {
  private static let maximumTargets = 256

  /// Where the rest of a path leads from here, given the indices so far; empty when it leads nowhere.
  func targets(_ path: ArraySlice<String>, _ indices: [Int]) -> [Anchor.Target] {
    switch self {
    case .structure(let structure):
      guard let name = path.first else { return [.init(indices: indices, type: self)] }
      guard let index = structure.index(of: name) else { return [] }
      return structure.fields[index].type.targets(path.dropFirst(), indices + [index])
    case .variant(let variant):
      if let name = path.first, let index = variant.index(of: name) {
        return variant.options[index].type.targets(path.dropFirst(), indices + [index])
      }
      var all: [Anchor.Target] = []
      for (index, option) in variant.options.enumerated() {
        let targets = option.type.targets(path, indices + [index])
        if targets.isEmpty || all.count + targets.count > Self.maximumTargets { return [] }
        all += targets
      }
      return all
    default: return path.isEmpty ? [.init(indices: indices, type: self)] : []
    }
  }
}
