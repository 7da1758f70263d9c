/// Which field of which scope: the scope and the indices of fields, options and elements that lead there.
///
/// A chain, so that all the keys on the way to a deeply nested field take no more than one of them.
struct FieldKey: Hashable, Sendable {
  private final class Node: Sendable {
    let parent: Node?
    let index: Int
    let count: Int
    let hash: Int

    init(_ parent: Node?, _ index: Int) {
      self.parent = parent
      self.index = index
      count = (parent?.count ?? 0) + 1
      hash = (parent?.hash ?? 0) &* 0x1000_0000_01b3 ^ index
    }
  }

  private let node: Node

  /// The key of a whole scope.
  init(_ scope: DynamicScope) { node = Node(nil, scope.rawValue) }

  private init(_ node: Node) { self.node = node }

  /// How many numbers it has, the scope included.
  var count: Int { node.count }

  /// The number at a place; 0 is the scope's.
  subscript(place: Int) -> Int {
    var current = node
    while current.count - 1 > place, let parent = current.parent { current = parent }
    return current.index
  }

  /// The scope that the field is in.
  var scope: DynamicScope { DynamicScope(rawValue: self[0]) ?? .packetHeader }

  static func + (key: FieldKey, index: Int) -> FieldKey { FieldKey(Node(key.node, index)) }

  static func + (key: FieldKey, indices: [Int]) -> FieldKey { indices.reduce(key) { $0 + $1 } }

  static func == (a: FieldKey, b: FieldKey) -> Bool {
    guard a.node.count == b.node.count, a.node.hash == b.node.hash else { return false }
    var (left, right): (Node?, Node?) = (a.node, b.node)
    while let one = left, let other = right, one !== other {
      guard one.index == other.index else { return false }
      (left, right) = (one.parent, other.parent)
    }
    return true
  }

  func hash(into hasher: inout Hasher) { hasher.combine(node.hash) }
}
