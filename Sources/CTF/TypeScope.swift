/// The names of types visible at a place in the metadata (CTF 1.8, section 7.3.1).
final class TypeScope {
  let parent: TypeScope?
  private var aliases: [String: FieldType] = [:]
  private var structures: [String: StructureType] = [:]
  private var variants: [String: VariantType] = [:]
  private var enumerations: [String: EnumerationType] = [:]
  private var options: Set<String> = []
  /// What definitions of this scope refer to without seeing it, by kind and name.
  var unresolved: [String: [UnresolvedReference]] = [:]

  /// Nothing is defined in a scope as long as one inside it is open: one without definitions is no step on the way out.
  init(parent: TypeScope?) {
    self.parent = parent.flatMap { $0.isEmpty ? $0.parent : $0 }
  }

  private var isEmpty: Bool {
    aliases.isEmpty && structures.isEmpty && variants.isEmpty && enumerations.isEmpty && unresolved.isEmpty
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

  /// Takes note of a variant's option.
  func declare(option name: String) -> Bool { options.insert(name).inserted }

  private static func put<T>(_ value: T, _ name: String, _ table: inout [String: T]) -> Bool {
    if table[name] != nil { return false }
    table[name] = value
    return true
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

  /// That no structure around has the first name: a field of an earlier scope is meant.
  static let earlierScope = Anchor(structure: -1, targets: [])

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
