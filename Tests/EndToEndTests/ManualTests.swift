import Foundation
import Testing

@Suite("The manual and --help agree")
struct ManualTests {
  private static let commands: [[String]] = [
    ["exeunt", "run"], ["exeunt", "sweep"], ["exeunt", "agent"], ["exeunt", "guests"], ["exeunt", "doctor"],
    ["exeunt-analyze", "summary"], ["exeunt-analyze", "explain"],
    ["exeunt-analyze", "exits"], ["exeunt-analyze", "timeline"], ["exeunt-analyze", "paths"],
    ["exeunt-analyze", "compare"], ["exeunt-analyze", "report"], ["exeunt-analyze", "dump"],
    ["exeunt-analyze", "check"],
    ["exeunt-analyze", "state"], ["exeunt-analyze", "merge"], ["exeunt-analyze", "export"],
    ["exeunt-analyze", "query"],
  ]

  private func manual() throws -> String {
    try String(contentsOf: Tools.root.appendingPathComponent("docs/cli.md"), encoding: .utf8)
  }

  private func options(_ text: String) -> Set<String> {
    Set(text.matches(of: /--[a-z][a-z-]+[a-z]/).map { String($0.output) })
  }

  private func help(_ command: [String]) throws -> String {
    let program = command[0] == "exeunt" ? Tools.exeunt : Tools.analyzer
    let output = try run(program, command.dropFirst() + ["--help"])
    #expect(output.status == 0)
    return output.text
  }

  @Test("every option of --help is in docs/cli.md", arguments: commands)
  func documented(_ command: [String]) throws {
    let known = options(try manual())
    for option in options(try help(command)).subtracting(["--help", "--version"]) {
      #expect(known.contains(option), "\(command.joined(separator: " ")) \(option)")
    }
  }

  @Test("every option of docs/cli.md exists")
  func exists() throws {
    let all = try Self.commands.reduce(into: Set<String>()) { $0.formUnion(options(try help($1))) }
    for option in options(try manual()) { #expect(all.contains(option), "\(option)") }
  }

  @Test("kernels are told the same words on every page")
  func kernelWords() throws {
    let words = try #require(GuestKernel.words(in: "Tests/GuestKernel/README.md"))
    #expect(words.hasSuffix("lpj=LPJ"))
    #expect(GuestKernel.words(in: "docs/guest-abi.md") == words)
  }

  @Test("docs/events.md has every event and field of the catalogue")
  func events() throws {
    let page = try String(contentsOf: Tools.root.appendingPathComponent("docs/events.md"), encoding: .utf8)
    let header = try String(
      contentsOf: Tools.root.appendingPathComponent("Sources/CTracepoints/include/exeunt_catalogue.h"),
      encoding: .utf8)
    let bodies = header.components(separatedBy: "LTTNG_UST_TRACEPOINT_EVENT(exeunt, ").dropFirst()
    #expect(bodies.count > 20)
    for body in bodies {
      let name = body.prefix { $0 != "," }
      let row = page.split(separator: "\n").first { $0.hasPrefix("| `\(name)` |") }
      #expect(row != nil, "\(name)")
      for field in body.matches(of: /lttng_ust_field_integer(?:_hex)?\(\w+, (\w+),/) {
        #expect(row?.contains("`\(field.1)`") == true, "\(name) \(field.1)")
      }
    }
  }
}
