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
  static let earlierScope = Anchor(structure: -1, targets: [], selection: nil)

  /// The structure that the first name is a field of: ``StructureType/id``.
  let structure: Int
  /// Several when the path goes through a variant: whichever option is there has the field.
  let targets: [Target]
  /// Indices that lead to the outermost variant on the path, if an option of a variant may be there that has none of the
  /// targets: the path names another one.
  let selection: [Int]?
}

/// Follows a path from a field to the fields that it means.
struct PathTargets {
  private static let maximumTargets = 256

  /// Empty when the path leads nowhere.
  private(set) var targets: [Anchor.Target] = []
  private var outermost: [Int]?
  private var namesOption = false

  /// - Parameters:
  ///   - type: The field to begin with.
  ///   - indices: What leads to it.
  init(_ type: FieldType, _ path: ArraySlice<String>, _ indices: [Int]) {
    if !follow(type, path, indices) { targets = [] }
  }

  /// As in an anchor.
  var selection: [Int]? { namesOption ? outermost : nil }

  private mutating func follow(_ type: FieldType, _ path: ArraySlice<String>, _ indices: [Int]) -> Bool {
    switch type {
    case .structure(let structure):
      guard let name = path.first else { return add(type, indices) }
      guard let index = structure.index(of: name) else { return false }
      return follow(structure.fields[index].type, path.dropFirst(), indices + [index])
    case .variant(let variant):
      if outermost == nil { outermost = indices }
      if let name = path.first, let index = variant.index(of: name) {
        namesOption = true
        return follow(variant.options[index].type, path.dropFirst(), indices + [index])
      }
      for (index, option) in variant.options.enumerated() {
        guard follow(option.type, path, indices + [index]) else { return false }
      }
      return !variant.options.isEmpty
    default: return path.isEmpty && add(type, indices)
    }
  }

  private mutating func add(_ type: FieldType, _ indices: [Int]) -> Bool {
    targets.append(.init(indices: indices, type: type))
    return targets.count <= Self.maximumTargets
  }
}
