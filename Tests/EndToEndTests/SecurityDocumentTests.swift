import Foundation
import Testing

/// `docs/security.md` promises, and names the test that holds each promise.
@Suite("The document of what is promised")
struct SecurityDocumentTests {
  /// Tests by their suites, a suite of a name that two targets have with those of both.
  private func tests() throws -> [String: Set<String>] {
    let directory = Tools.root.appendingPathComponent("Tests")
    var found: [String: Set<String>] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: directory.path)
    where name.hasSuffix(".swift") {
      let text = try String(contentsOf: directory.appendingPathComponent(name), encoding: .utf8)
      var suite: String?
      for line in text.split(separator: "\n") {
        if let match = line.firstMatch(of: /(?:struct|class|extension|enum) (\w+Tests)\b/) {
          suite = String(match.1)
          found[suite!, default: []].formUnion([])
        } else if let match = line.firstMatch(of: /^ +(?:@Test.* )?(?:private )?func (\w+)\(/), let suite {
          found[suite]?.insert(String(match.1))
        }
      }
    }
    return found
  }

  /// Rows of tables whose last column names tests, as the cells of that column.
  private func cells(_ text: String) -> [Substring] {
    var isInTable = false
    return text.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line in
      guard line.hasPrefix("|") else {
        isInTable = false
        return nil
      }
      if line.hasSuffix("| test |") {
        isInTable = true
        return nil
      }
      guard isInTable, !line.hasPrefix("|---") else { return nil }
      return line.split(separator: "|").last
    }
  }

  @Test("every test that it names is there, and every promise names one")
  func names() throws {
    let tests = try tests()
    #expect(tests["SecurityDocumentTests"]?.contains("names") == true)
    let text = try String(
      contentsOf: Tools.root.appendingPathComponent("docs/security.md"), encoding: .utf8)
    let cells = cells(text)
    #expect(cells.count > 80)
    for cell in cells {
      var suite: String?
      let words = cell.matches(of: /`([^`]*)`/).map { String($0.1) }
      #expect(!words.isEmpty, "no test: \(cell)")
      for word in words {
        if let match = word.wholeMatch(of: /(\w+Tests)(?:\.(\w+))?/) {
          suite = String(match.1)
          #expect(tests[suite!] != nil, "no such suite: \(word)")
          if let name = match.2 {
            #expect(tests[suite!]?.contains(String(name)) == true, "no such test: \(word)")
          }
        } else {
          #expect(suite.flatMap { tests[$0]?.contains(word) } == true, "no such test: \(suite ?? "").\(word)")
        }
      }
    }
    // And those in sentences.
    for match in text.matches(of: /`(\w+Tests)(?:\.(\w+))?`/) {
      let suite = try #require(tests[String(match.1)], "no such suite: \(match.1)")
      if let name = match.2 { #expect(suite.contains(String(name)), "no such test: \(match.0)") }
    }
  }
}

/// What the analyzer reaches, beside files.
@Suite(
  "The analyzer under strace(1)", .enabled(if: Tools.find("strace") != nil, "needs strace"))
struct AnalyzerReachTests {
  private static let trace = Tools.root.appendingPathComponent("traces/mixed").path

  @Test(
    "It starts no program and opens no socket",
    arguments: [
      ["summary"], ["explain"], ["dump", "--format", "none"], ["exits", "--format", "json"],
      ["report", "-o", "OUT"], ["export", "--format", "sqlite", "-o", "OUT"], ["state", "-o", "OUT"],
      ["query", "SELECT count(*) FROM exits"],
    ])
  func quiet(command: [String]) throws {
    let directory = try TemporaryDirectory()
    let (log, out) = (directory.url.path + "/log", directory.url.path + "/out")
    let output = try run(
      try #require(Tools.find("strace")),
      ["-f", "-e", "trace=execve,execveat,fork,vfork,clone,clone3,socket,socketpair,connect,bind", "-o", log]
        + [Tools.analyzer.path] + command.map { $0 == "OUT" ? out : $0 } + [Self.trace])
    #expect(output.status == 0, "\(output.standardError)")
    let calls = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").filter {
      // Threads are no programs, and its own start is the first call.
      !($0.contains("CLONE_THREAD") || $0.contains("resumed>") || $0.contains("+++"))
    }
    #expect(calls.count == 1 && calls[0].contains("execve("), "\(calls.joined(separator: "\n"))")
    withExtendedLifetime(directory) {}
  }
}
