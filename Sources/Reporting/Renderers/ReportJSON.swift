#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Report {
  /// The report as one JSON object, keys in alphabetical order, with a newline at the end.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  /// Reads what `json` wrote.
  ///
  /// - Throws: When the text is not such a report.
  public init(json text: String) throws {
    self = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
  }

  /// A value of the machine's configuration by name, in words.
  func configuration(_ name: String) -> String? {
    guard let text = machine?.configuration,
      let values = try? JSONDecoder().decode([String: ConfigurationValue].self, from: Data(text.utf8))
    else { return nil }
    return values[name]?.text
  }
}

/// A value of the configuration that has a name in text; other values are nil.
private struct ConfigurationValue: Decodable {
  let text: String?

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Bool.self) {
      text = value ? "on" : "off"
    } else if let value = try? container.decode(Int64.self) {
      text = String(value)
    } else if let value = try? container.decode(String.self) {
      text = value
    } else {
      text = (try? container.decode([String].self)).map { $0.joined(separator: " ") }
    }
  }
}
