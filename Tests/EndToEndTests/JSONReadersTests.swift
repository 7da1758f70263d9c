import Foundation
import Testing

/// The analyzer's JSON as jq reads it, which before 1.7 keeps numbers as doubles.
@Suite("JSON in jq", .enabled(if: Tools.find("jq") != nil, "jq is not installed"))
struct JSONReadersTests {
  /// What jq prints for the output of the analyzer.
  private func jq(_ filter: String, _ arguments: [String]) throws -> Output {
    let output = try run(Tools.analyzer, arguments)
    #expect(output.status == 0)
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("json")
    try output.standardOutput.write(to: file)
    return try withExtendedLifetime(directory) {
      try run(try #require(Tools.find("jq")), ["--compact-output", filter, file.path])
    }
  }

  /// The lines `exeunt-analyze … | jq FILTER` in help texts and documents.
  static let documented: [String] = {
    var lines: [String] = []
    let commands = ["", "summary", "exits", "timeline", "paths", "compare", "dump", "export"]
    for command in commands {
      let help = try? run(Tools.analyzer, (command.isEmpty ? [] : [command]) + ["--help"])
      lines += (help?.text ?? "").split(separator: "\n").map(String.init)
    }
    for name in ["README.md", "docs/cli.md", "docs/report.md", "docs/recording.md", "docs/export.md"] {
      let text = try? String(contentsOf: Tools.root.appendingPathComponent(name), encoding: .utf8)
      lines += (text ?? "").split(separator: "\n").map(String.init)
    }
    let isLine = { (line: String) in line.contains("exeunt-analyze") && line.contains("| jq ") }
    return Array(Set(lines.filter(isLine).map { $0.trimmingCharacters(in: .whitespaces) })).sorted()
  }()

  @Test("there are documented lines")
  func thereAreLines() { #expect(Self.documented.count >= 4) }

  @Test("documented lines work", arguments: documented)
  func documentedLine(_ line: String) throws {
    let directory = try TemporaryDirectory()
    for (name, trace) in [("run1", "mixed"), ("run2", "doorbell-exits")] {
      try FileManager.default.createSymbolicLink(
        at: directory.url.appendingPathComponent(name),
        withDestinationURL: URL(fileURLWithPath: AnalyzeCommandTests.trace(trace)))
    }
    let script =
      "cd '\(directory.url.path)' && PATH='\(Tools.buildDirectory.path)':\"$PATH\" && set -o pipefail; \(line)"
    let output = try run(URL(fileURLWithPath: "/bin/bash"), ["-c", script])
    #expect(output.status == 0 && output.standardError.isEmpty, "\(output.standardError)")
    #expect(!output.lines.isEmpty && output.lines.contains { $0 != "null" }, "\(output.text.prefix(200))")
  }

  @Test("no integer is rounded", arguments: ["mixed", "doorbell-ioeventfd", "lossy"])
  func integersAreExact(_ name: String) throws {
    let trace = AnalyzeCommandTests.trace(name)
    let dump = try run(Tools.analyzer, ["dump", "--format", "json", trace])
    #expect(try jq(".", ["dump", "--format", "json", trace]).text == dump.text)
    #expect(dump.text.contains("\"timestamp\":\""))
    // With numbers jq 1.6 rounds them: that the two differ shows that this test can see it.
    let numbers = try run(Tools.analyzer, ["dump", "--format", "json", "--big-integers", "number", trace])
    let unquoted = dump.text.replacing(#/"(timestamp|value|tsc|[a-z_]+)":"(-?[0-9]{16,})"/#) {
      "\"\($0.1)\":\($0.2)"
    }
    #expect(numbers.text == unquoted)
    for command in ["summary", "exits", "timeline", "paths"] {
      let report = try run(Tools.analyzer, [command, "--format", "json", trace])
      let (wanted, found) = (
        integers(report.text), integers(try jq(".", [command, "--format", "json", trace]).text)
      )
      #expect(wanted == found)
      #expect(report.text.contains(#/"begin" : "[0-9]+"/#) || report.text.contains(#/"begin":"[0-9]+"/#))
    }
  }

  /// The integers outside and inside of strings, in the order of their text.
  private func integers(_ text: String) -> [String: Int] {
    var counts: [String: Int] = [:]
    for match in text.matches(of: #/-?[0-9]{5,}/#) { counts[String(match.0), default: 0] += 1 }
    return counts
  }
}
