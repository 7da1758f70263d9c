/// The names of types visible at a place in the metadata (CTF 1.8, section 7.3.1: lexical scopes).
final class TypeScope {
  let parent: TypeScope?
  private var aliases: [String: FieldType] = [:]
  private var structures: [String: StructureType] = [:]
  private var variants: [String: VariantType] = [:]
  private var enumerations: [String: EnumerationType] = [:]

  init(parent: TypeScope?) { self.parent = parent }

  func alias(_ name: String) -> FieldType? { aliases[name] ?? parent?.alias(name) }
  func structure(_ name: String) -> StructureType? { structures[name] ?? parent?.structure(name) }
  func variant(_ name: String) -> VariantType? { variants[name] ?? parent?.variant(name) }
  func enumeration(_ name: String) -> EnumerationType? { enumerations[name] ?? parent?.enumeration(name) }

  /// Each returns false when this scope already knows the name.
  func define(alias name: String, _ type: FieldType) -> Bool { Self.put(type, name, &aliases) }
  func define(structure name: String, _ type: StructureType) -> Bool { Self.put(type, name, &structures) }
  func define(variant name: String, _ type: VariantType) -> Bool { Self.put(type, name, &variants) }
  func define(enumeration name: String, _ type: EnumerationType) -> Bool {
    Self.put(type, name, &enumerations)
  }

  private static func put<T>(_ value: T, _ name: String, _ table: inout [String: T]) -> Bool {
    if table[name] != nil { return false }
    table[name] = value
    return true
  }
}
