import Glibc
import InertText

/// Answers for people.
package enum AgentText {
  /// A text on one line, as it can be shown: what a terminal would obey is not sent to it, for it is the guest's.
  package static func printable(_ text: String) -> String {
    InertText.escaped(text).replacing("\n", with: "\\u{a}").replacing("\t", with: "\\u{9}")
  }

  /// What a command returned, in lines; none where it returned nothing.
  package static func text(_ value: JSONValue, of command: String) -> String {
    switch command {
    case "guest-network-get-interfaces": interfaces(value)
    case "guest-info": information(value)
    case "guest-get-time": value.integer.map(time) ?? generic(value)
    case "guest-fsfreeze-freeze": value.integer.map { "frozen: \($0) file systems" } ?? generic(value)
    case "guest-fsfreeze-thaw": value.integer.map { "thawed: \($0) file systems" } ?? generic(value)
    default: generic(value)
    }
  }

  // MARK: Commands that are asked often

  private static func interfaces(_ value: JSONValue) -> String {
    let rows = value.values.map { interface in
      let addresses = (interface["ip-addresses"]?.values ?? []).map {
        scalar($0["ip-address"]) + ($0["prefix"].map { "/" + scalar($0) } ?? "")
      }
      return [
        scalar(interface["name"]), scalar(interface["hardware-address"]), addresses.joined(separator: " "),
      ]
    }
    return columns(rows)
  }

  private static func information(_ value: JSONValue) -> String {
    let commands = value["supported_commands"]?.values ?? []
    var lines = ["version \(scalar(value["version"]))"]
    for command in commands.sorted(by: { scalar($0["name"]) < scalar($1["name"]) }) {
      lines.append(
        "  \(scalar(command["name"]))" + (command["enabled"] == .bool(false) ? "  (disabled)" : ""))
    }
    return lines.joined(separator: "\n")
  }

  /// A moment, given in nanoseconds since 1970.
  private static func time(_ nanoseconds: Int64) -> String {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    var moment = time_t(rest < 0 ? seconds - 1 : seconds)
    var parts = tm()
    gmtime_r(&moment, &parts)
    func padded(_ number: Int64, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date = [Int64(parts.tm_year) + 1900, Int64(parts.tm_mon) + 1, Int64(parts.tm_mday)]
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int64($0), 2) }
    return date.map { padded($0, 2) }.joined(separator: "-") + "T" + clock.joined(separator: ":") + "."
      + padded(rest < 0 ? rest + 1_000_000_000 : rest, 9) + "Z"
  }

  // MARK: All others

  /// Members in lines of their own, deeper ones indented; a blank line between things of several lines.
  private static func generic(_ value: JSONValue) -> String {
    switch value {
    case .object(let members): lines(members, indent: "").joined(separator: "\n")
    case .list(let values):
      values.map(generic).joined(separator: values.contains { $0.isCompound } ? "\n\n" : "\n")
    default: scalar(value)
    }
  }

  private static func lines(_ members: [String: JSONValue], indent: String) -> [String] {
    members.sorted { $0.key < $1.key }.flatMap { name, value -> [String] in
      let head = "\(indent)\(printable(name)):"
      switch value {
      case .object(let inner): return [head] + lines(inner, indent: indent + "  ")
      case .list(let values) where values.contains { $0.isCompound }:
        return [head]
          + values.flatMap { inner -> [String] in
            guard case .object(let members) = inner else { return ["\(indent)  - " + scalar(inner)] }
            var rows = lines(members, indent: indent + "    ")
            if let first = rows.first { rows[0] = "\(indent)  - " + first.dropFirst(indent.count + 4) }
            return rows
          }
      case .list(let values): return [head + values.map { " " + scalar($0) }.joined()]
      default: return [head + " " + scalar(value)]
      }
    }
  }

  private static func scalar(_ value: JSONValue?) -> String {
    switch value {
    case nil: "-"
    case .text(let text)?: printable(text)
    case let value?: printable(value.json())
    }
  }

  private static func columns(_ rows: [[String]]) -> String {
    let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (cell, width) in zip(row.dropLast(), widths) {
        line += cell + String(repeating: " ", count: width - cell.count + 2)
      }
      line += row.last ?? ""
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}

extension JSONValue {
  /// Whether it has parts.
  fileprivate var isCompound: Bool {
    switch self {
    case .list, .object: true
    default: false
    }
  }
}
