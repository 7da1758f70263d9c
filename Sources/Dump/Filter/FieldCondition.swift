import CTF
import Spelling

/// A condition on a field of an event, such as `reason=io,mmio`, `address>=0x3f8`, `name!=virtio*` or `ctx.flags=0`.
package struct FieldCondition: Sendable, Equatable {
  enum Comparison: Sendable {
    case equal, notEqual, less, atMost, greater, atLeast
  }

  /// A value to compare with.
  struct Value: Sendable, Equatable {
    let source: String
    let text: GlobPattern
    /// nil: it is no number.
    let integer: Int128?
    let number: Double?

    init(_ text: String) {
      source = text
      self.text = GlobPattern(text)
      let magnitude = text.hasPrefix("-") ? text.dropFirst() : text[...]
      var value: UInt64?
      for (prefix, base) in [("0x", 16), ("0X", 16), ("0b", 2), ("0o", 8)] where magnitude.hasPrefix(prefix) {
        value = UInt64(magnitude.dropFirst(2), radix: base)
      }
      if value == nil, magnitude.first != "+" { value = UInt64(magnitude) }
      integer = value.map { text.hasPrefix("-") ? -Int128($0) : Int128($0) }
      number = integer.map(Double.init) ?? Double(text)
    }
  }

  /// Where fields of a name are looked for.
  enum Scope: String, Sendable, CaseIterable {
    case payload = "fields"
    case eventContext = "event_context"
    case commonContext = "event_common_context"
    case packetContext = "packet_context"
  }

  /// As the user wrote it.
  package let text: String
  /// Where to look, in this order.
  let scopes: [Scope]
  /// The names of nested fields.
  let path: [String]
  let comparison: Comparison
  let values: [Value]

  /// Reads `FIELD=VALUE[,VALUE…]`, with `=`, `!=`, `<`, `<=`, `>` or `>=`.
  ///
  /// - Returns: nil when the text is no such condition.
  package init?(_ text: String) {
    guard let place = text.firstIndex(where: { "=!<>".contains($0) }) else { return nil }
    let comparisons: [(String, Comparison)] = [
      ("!=", .notEqual), ("<=", .atMost), (">=", .atLeast), ("==", .equal), ("=", .equal), ("<", .less),
      (">", .greater),
    ]
    guard let (sign, comparison) = comparisons.first(where: { text[place...].hasPrefix($0.0) }) else {
      return nil
    }
    let values = text[text.index(place, offsetBy: sign.count)...]
      .split(separator: ",", omittingEmptySubsequences: false).map { Value(Self.trimmed($0)) }
    self.init(text, field: Self.trimmed(text[..<place]), comparison, values)
  }

  /// A field has one of these values.
  ///
  /// - Parameters:
  ///   - option: What a message calls it.
  ///   - field: The path; it may begin with the name of a scope.
  /// - Returns: nil when the path has an empty part.
  package init?(_ option: String, field: String, isOneOf values: [UInt64]) {
    self.init(option, field: field, .equal, values.map { Value(String($0)) })
  }

  /// - Parameter field: The path; it may begin with the name of a scope.
  init?(_ text: String, field: String, _ comparison: Comparison, _ values: [Value]) {
    var path = field.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !path.contains("") else { return nil }
    if path.count > 1, let scope = Scope(rawValue: path[0]) {
      scopes = [scope]
      path.removeFirst()
    } else {
      scopes = Scope.allCases
    }
    let isOrder = ![.equal, .notEqual].contains(comparison)
    guard !isOrder || values.count == 1 && values[0].number != nil else { return nil }
    self.text = text
    self.path = path
    self.comparison = comparison
    self.values = values
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  // MARK: Comparing

  func holds(integer: Int128) -> Bool {
    switch comparison {
    case .equal: values.contains { $0.integer == integer }
    case .notEqual: !values.contains { $0.integer == integer }
    case .less, .atMost, .greater, .atLeast: holds(order: Double(integer), exact: integer)
    }
  }

  func holds(number: Double) -> Bool {
    switch comparison {
    case .equal: values.contains { $0.number == number }
    case .notEqual: !values.contains { $0.number == number }
    case .less, .atMost, .greater, .atLeast: holds(order: number, exact: nil)
    }
  }

  private func holds(order number: Double, exact: Int128?) -> Bool {
    guard let wanted = values[0].number else { return false }
    if let exact, let wanted = values[0].integer {
      switch comparison {
      case .less: return exact < wanted
      case .atMost: return exact <= wanted
      case .greater: return exact > wanted
      default: return exact >= wanted
      }
    }
    switch comparison {
    case .less: return number < wanted
    case .atMost: return number <= wanted
    case .greater: return number > wanted
    default: return number >= wanted
    }
  }

  /// - Parameter text: Bytes, without an end mark.
  func holds(text: UnsafeBufferPointer<UInt8>) -> Bool {
    switch comparison {
    case .equal: values.contains { $0.text.matches(text) }
    case .notEqual: !values.contains { $0.text.matches(text) }
    case .less, .atMost, .greater, .atLeast: false
    }
  }

  func holds(labels: [String], integer: Int128) -> Bool {
    let isMeant = values.contains { value in
      value.integer == integer || labels.contains { value.text.matches($0) }
    }
    switch comparison {
    case .equal: return isMeant
    case .notEqual: return !isMeant
    case .less, .atMost, .greater, .atLeast: return holds(integer: integer)
    }
  }
}

extension FieldCondition {
  /// What is wrong with a value that no field of these types can have: a label that the enumeration lacks, or a word where
  /// numbers are; nil: nothing.
  func impossibleValue(of types: [FieldType]) -> String? {
    guard !types.isEmpty, [.equal, .notEqual].contains(comparison) else { return nil }
    guard let value = values.first(where: { value in !types.contains { Self.admits(value, $0) } }) else {
      return nil
    }
    var labels: [String] = []
    for case .enumeration(let type) in types where labels.count < 10_000 {
      labels += type.mappings.map(\.label)
    }
    let name = path.joined(separator: ".")
    return "no field '\(name)' of this trace can be '\(value.source)'"
      + NearestWord.sentence(for: value.source, among: labels)
  }

  private static func admits(_ value: Value, _ type: FieldType) -> Bool {
    switch type {
    case .enumeration(let type):
      value.integer != nil || type.mappings.contains { value.text.matches($0.label) }
    case .integer, .floatingPoint: value.number != nil
    default: true
    }
  }
}
