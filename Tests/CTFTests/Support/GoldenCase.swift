import Foundation
import Testing

/// A golden case: one file under Golden with the files of a trace and what a dump of it has to print or complain about.
///
/// Golden/README.md describes the format.
struct GoldenCase: CustomTestStringConvertible, Sendable {
  /// What babeltrace2 makes of the same trace.
  enum Oracle: Equatable, Sendable {
    /// It prints the same lines, or fails as well.
    case agrees
    /// It does something else, for this reason.
    case differs(String)
    /// It cannot be asked.
    case unasked
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// `area/name`.
  let name: String
  /// What the case shows, with the section of the specification.
  private(set) var about = ""
  /// Paths inside the trace directory and contents.
  private(set) var files: [String: [UInt8]] = [:]
  /// The lines of the dump; nil when only the error matters.
  private(set) var lines: [String]?
  /// A part of the error; nil when the trace is valid. With a warning, that of reading strictly.
  private(set) var error: String?
  /// A part of the warning with which something is read that is not allowed.
  private(set) var warning: String?
  private(set) var oracle = Oracle.unasked

  var testDescription: String { name }
  /// Whether the trace is refused, or only a part of it read, when not reading strictly.
  var isRefused: Bool { error != nil && warning == nil }

  init(name: String, text: String) throws {
    self.name = name
    var sections: [(title: String, lines: [Substring])] = []
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    for line in lines {
      if line.hasPrefix("--- ") {
        sections.append((String(line.dropFirst(4)), []))
      } else if sections.isEmpty {
        guard line.hasPrefix("#") || line.isEmpty else {
          throw Failure(description: "\(name): no # in '\(line)'")
        }
        about += line.drop { $0 == "#" || $0 == " " } + " "
      } else {
        sections[sections.count - 1].lines.append(line)
      }
    }
    for (title, lines) in sections { try add(title, lines) }
    guard self.lines != nil || error != nil else { throw Failure(description: "\(name): no outcome") }
    guard warning == nil || error != nil && self.lines != nil else {
      throw Failure(
        description: "\(name): a warning needs what is read and what strict reading complains about")
    }
  }

  private mutating func add(_ title: String, _ body: [Substring]) throws {
    let words = title.split(separator: " ", maxSplits: 1).map(String.init)
    let text = body.map { $0 + "\n" }.joined()
    switch (words[0], words.count > 1 ? words[1] : nil) {
    case ("metadata", nil): files["metadata"] = Array(text.utf8)
    case ("metadata", "le"?): files["metadata"] = Array((Self.head("le") + text).utf8)
    case ("metadata", "be"?): files["metadata"] = Array((Self.head("be") + text).utf8)
    case ("metadata", "json"?): files["metadata"] = Self.sequence(body)
    case ("metadata", "ctf2"?): files["metadata"] = Array(Self.fragments.utf8) + Self.sequence(body)
    case ("metadata", "bytes"?): files["metadata"] = try ByteNotation.bytes(body, name)
    case ("stream", let path?), ("file", let path?): files[path] = try ByteNotation.bytes(body, name)
    case ("expect", nil): lines = body.map(String.init)
    case ("error", nil):
      guard body.count == 1 else { throw Failure(description: "\(name): an error is one line") }
      error = String(body[0])
    case ("warning", nil):
      guard body.count == 1 else { throw Failure(description: "\(name): a warning is one line") }
      warning = String(body[0])
    case ("babeltrace2", let verdict?):
      let parts = verdict.split(separator: " ", maxSplits: 1).map(String.init)
      switch parts[0] {
      case "agrees" where parts.count == 1: oracle = .agrees
      case "differs" where parts.count == 2: oracle = .differs(parts[1])
      default: throw Failure(description: "\(name): babeltrace2 agrees, or differs with a reason")
      }
    default: throw Failure(description: "\(name): there is no section '\(title)'")
    }
  }

  /// What most cases begin with; on the first line, so that line numbers stay those of the case.
  private static func head(_ order: String) -> String {
    var text = "/* CTF 1.8 */ trace { major = 1; minor = 8; byte_order = \(order); }; "
    for size in [8, 16, 32, 64] {
      text += "typealias integer { size = \(size); } := u\(size); "
      text += "typealias integer { size = \(size); signed = true; } := s\(size); "
    }
    return text
  }

  /// Fragments of CTF 2, each of which begins a line with a brace.
  private static func sequence(_ lines: [Substring]) -> [UInt8] {
    Array(lines.map { ($0.hasPrefix("{") ? "\u{1e}" : "") + $0 + "\n" }.joined().utf8)
  }

  /// What most cases of CTF 2 begin with.
  private static let fragments: String = {
    var text = "\u{1e}{\"type\": \"preamble\", \"version\": 2} "
    for size in [8, 16, 32, 64] {
      for (letter, kind) in [("u", "unsigned"), ("s", "signed")] {
        text +=
          "\u{1e}{\"type\": \"field-class-alias\", \"name\": \"\(letter)\(size)\", \"field-class\": {\"type\": "
          + "\"fixed-length-\(kind)-integer\", \"length\": \(size), \"byte-order\": \"little-endian\", "
          + "\"alignment\": 8}} "
      }
    }
    return text
  }()

  /// All cases, in the order of their names.
  static let all: [GoldenCase] = {
    let root = Bundle.module.resourceURL?.appendingPathComponent("Golden").path ?? "Golden"
    let names = (FileManager.default.enumerator(atPath: root)?.allObjects ?? []).compactMap { $0 as? String }
    return names.filter { $0.hasSuffix(".ctf") }.sorted().compactMap { file in
      do {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(file)"))
        return try GoldenCase(name: String(file.dropLast(4)), text: String(decoding: data, as: UTF8.self))
      } catch {
        Issue.record("\(error)")
        return nil
      }
    }
  }()
}

/// The notation in which a golden case writes bytes.
enum ByteNotation {
  /// One line after the other; see Golden/README.md.
  static func bytes(_ lines: [Substring], _ name: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    for line in lines {
      var tokens = try tokens(line, name)[...]
      var count = 1
      if tokens.first == "repeat" {
        guard tokens.count > 2, let number = Int(tokens[tokens.startIndex + 1]) else {
          throw GoldenCase.Failure(description: "\(name): repeat COUNT BYTES, not '\(line)'")
        }
        count = number
        tokens = tokens.dropFirst(2)
      }
      let unit = try tokens.flatMap { token in
        guard let bytes = value(token) else {
          throw GoldenCase.Failure(description: "\(name): '\(token)' is no bytes")
        }
        return bytes
      }
      for _ in 0..<count { bytes += unit }
    }
    return bytes
  }

  private static func tokens(_ line: Substring, _ name: String) throws -> [String] {
    var tokens: [String] = []
    var rest = line
    while let first = rest.first {
      if first == " " {
        rest.removeFirst()
      } else if first == "#" {
        break
      } else if first == "\"" {
        var text = ""
        var isEscaped = false
        rest.removeFirst()
        while let character = rest.popFirst() {
          if isEscaped {
            text.unicodeScalars.append(
              ["n": "\n", "r": "\r", "t": "\t", "0": "\0"][character] ?? character.unicodeScalars.first!)
            isEscaped = false
          } else if character == "\\" {
            isEscaped = true
          } else if character == "\"" {
            tokens.append("\"" + text)
            text = "\""
            break
          } else {
            text.append(character)
          }
        }
        guard text == "\"" else {
          throw GoldenCase.Failure(description: "\(name): no \" at the end of '\(line)'")
        }
      } else {
        let token = rest.prefix { $0 != " " && $0 != "#" && $0 != "\"" }
        tokens.append(String(token))
        rest = rest.dropFirst(token.count)
      }
    }
    return tokens
  }

  /// `"text`, `0b10110101`, `le32:7`, `be64:-1`, or pairs of hexadecimal digits.
  private static func value(_ token: String) -> [UInt8]? {
    if token.first == "\"" { return Array(token.dropFirst().utf8) }
    if token.hasPrefix("0b"), token.count > 8,
      let byte = UInt8(token.dropFirst(2).filter { $0 != "_" }, radix: 2)
    {
      return [byte]
    }
    if token.hasPrefix("le") || token.hasPrefix("be") && token.contains(":") {
      let parts = token.dropFirst(2).split(separator: ":")
      guard parts.count == 2, let size = Int(parts[0]), size % 8 == 0, size <= 64,
        let value = UInt64(parts[1]) ?? Int64(parts[1]).map({ UInt64(bitPattern: $0) })
          ?? (parts[1].hasPrefix("0x") ? UInt64(parts[1].dropFirst(2), radix: 16) : nil)
      else { return nil }
      let bytes = (0..<size / 8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
      return token.hasPrefix("le") ? bytes : bytes.reversed()
    }
    guard token.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    var rest = Substring(token)
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
