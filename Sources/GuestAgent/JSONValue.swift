#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Any JSON value: what the agent takes and answers has a shape that its commands decide.
package enum JSONValue: Codable, Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// One beyond the largest `integer`.
  case natural(UInt64)
  case number(Double)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])

  /// Why bytes are not taken for a value.
  package enum Failure: Error, Equatable {
    /// They are no JSON.
    case malformed
    /// They are too many values, or nested too deeply.
    case excessive
  }

  /// The most values in one, and how deep they are nested: an agent belongs to a guest, which may answer anything.
  private static let limits = (values: 1 << 20, depth: 64)

  /// Reads JSON.
  package init(parsing bytes: [UInt8]) throws(Failure) {
    try JSONValue.check(bytes)
    do {
      self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    } catch {
      throw .malformed
    }
  }

  private static func check(_ bytes: [UInt8]) throws(Failure) {
    var (values, depth, isInText, isEscaped) = (0, 0, false, false)
    for byte in bytes {
      if isInText {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInText = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInText = true
      case UInt8(ascii: ","): values += 1
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        values += 1
        depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      default: break
      }
      guard values <= limits.values, depth <= limits.depth else { throw .excessive }
    }
  }

  package init(from decoder: any Decoder) throws {
    if var list = try? decoder.unkeyedContainer() {
      var values: [JSONValue] = []
      while !list.isAtEnd { values.append(try list.decode(JSONValue.self)) }
      self = .list(values)
      return
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let flag = try? value.decode(Bool.self) {
      self = .bool(flag)
    } else if let number = try? value.decode(Int64.self) {
      self = .integer(number)
    } else if let number = try? value.decode(UInt64.self) {
      self = .natural(number)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let flag): try container.encode(flag)
    case .integer(let number): try container.encode(number)
    case .natural(let number): try container.encode(number)
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    case .list(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }

  /// As JSON: in one line, or for people; members in the order of their names.
  package func json(isPretty: Bool = false) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      isPretty
      ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
    // Fails for numbers that JSON has not, which were in none that was read.
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  /// A member of an object; nil where there is none, or this is none.
  package subscript(name: String) -> JSONValue? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  /// The text that it is.
  package var text: String? {
    if case .text(let text) = self { text } else { nil }
  }

  /// The integer that it is.
  package var integer: Int64? {
    if case .integer(let number) = self { number } else { nil }
  }

  /// The values of the list that it is; none where it is something else.
  package var values: [JSONValue] {
    if case .list(let values) = self { values } else { [] }
  }

  /// The bytes that it has in base64.
  package var base64: [UInt8]? {
    text.flatMap { Data(base64Encoded: $0) }.map(Array.init)
  }
}
