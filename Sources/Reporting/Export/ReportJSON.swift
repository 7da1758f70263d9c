import Analysis
import Dump
import Reports

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Report {
  /// The report as one JSON object, keys in alphabetical order, with a newline at the end.
  ///
  /// - Parameter bigIntegers: How integers are written that doubles would round.
  package func json(bigIntegers: BigIntegers = .text) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    return bigIntegers == .text ? BigIntegers.quoted(text) : text
  }

  /// Reads what `json` wrote.
  ///
  /// - Throws: When the text is not such a report.
  package init(json text: String) throws {
    self = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
  }

  /// What the marks of the guest begin, by their values, as a machine's configuration says.
  static func phaseNames(_ configuration: String) -> [String: String] {
    struct Phases: Decodable { let phases: [String: String]? }
    return (try? JSONDecoder().decode(Phases.self, from: Data(configuration.utf8)))?.phases ?? [:]
  }

  /// What vCPUs' threads are in while their guests run.
  package var guestRun: String {
    var machines = [machine, compare?.otherMachine].compactMap { $0 }
    machines += (self.machines ?? []).compactMap(\.machine)
    return GuestRun.name(of: machines.map(\.configuration))
  }

  /// A value of the machine's configuration by name, in words.
  func configuration(_ name: String) -> String? { configuration()[name] }

  /// The machine's configuration in words; empty when there is none or it cannot be read.
  func configuration() -> [String: String] {
    guard let text = machine?.configuration,
      let values = try? JSONDecoder().decode([String: ConfigurationValue].self, from: Data(text.utf8))
    else { return [:] }
    return values.mapValues(\.text)
  }
}

/// A value of the configuration in words.
private struct ConfigurationValue: Decodable {
  let text: String

  /// Members of a disk by the keys that users give.
  private static let diskKeys = [
    "isReadOnly": "readonly", "method": "aio", "path": "file", "queues": "num-queues",
    "scratchBytes": "scratch",
  ]

  /// Who serves a device, by the keys that users give; what is on there is off here.
  private static let serviceKeys = ["kicksExit": "ioeventfd", "interruptsByIoctl": "irqfd"]

  private static func member(_ name: String, _ value: String) -> (name: String, value: String) {
    guard let key = serviceKeys[name] else { return (name, value) }
    return (key, value == "on" ? "off" : value == "off" ? "on" : value)
  }

  /// Nanoseconds as a user writes them, in the largest unit of which they are a whole number.
  private static func time(_ nanoseconds: String) -> String {
    guard let value = UInt64(nanoseconds), value > 0 else { return nanoseconds }
    let units: [(UInt64, String)] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us")]
    let unit = units.first { value.isMultiple(of: $0.0) } ?? (1, "ns")
    return "\(value / unit.0)\(unit.1)"
  }

  init(from decoder: any Decoder) throws {
    if let list = try? [ConfigurationValue](from: decoder) {
      text = list.map(\.text).joined(separator: " ")
    } else if let values = try? [String: ConfigurationValue](from: decoder) {
      let isDisk = values["isReadOnly"] != nil
      text = values.filter { !isDisk || !$0.value.text.isEmpty }.map { name, value in
        let text = isDisk && name == "latency" ? Self.time(value.text) : value.text
        let (name, value) = Self.member(isDisk ? Self.diskKeys[name] ?? name : name, text)
        return value.isEmpty ? name : "\(name)=\(value)"
      }.sorted().joined(separator: " ")
    } else {
      let container = try decoder.singleValueContainer()
      if let value = try? container.decode(Bool.self) {
        text = value ? "on" : "off"
      } else if let value = try? container.decode(Int64.self) {
        text = String(value)
      } else if let value = try? container.decode(Double.self) {
        text = String(value)
      } else {
        text = (try? container.decode(String.self)) ?? "none"
      }
    }
  }
}
