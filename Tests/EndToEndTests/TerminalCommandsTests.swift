import Foundation
import InertText
import Testing

/// Whoever wrote a trace, or named a file, chose names that command terminals: nothing that is printed may.
@Suite("Names that command terminals")
struct TerminalCommandsTests {
  /// A title for the window, a cleared screen, an answer into the shell's input, C1's of the same, writing turned around.
  static let commands = "\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[8m\u{9b}6n\u{85}\u{202e}\u{2066}\u{2028}\u{7f}"

  private func expectInert(
    _ output: Output, _ words: Comment, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (name, text) in [("output", output.text), ("error", output.standardError)] {
      let found = text.unicodeScalars.filter { !InertText.isInert($0) && $0 != "\n" && $0 != "\t" }
      #expect(
        found.isEmpty, "\(words), standard \(name): \(found.map(\.value))", sourceLocation: sourceLocation)
    }
  }

  /// A trace of CTF 2 in which all that can have a name has this one.
  ///
  /// - Parameter isCut: Whether its last event is cut.
  private func write(_ directory: URL, isCut: Bool) throws {
    let name = String(
      decoding: try JSONSerialization.data(withJSONObject: Self.commands, options: .fragmentsAllowed),
      as: UTF8.self)
    let integer =
      #""type":"fixed-length-unsigned-integer","byte-order":"little-endian","alignment":8,"length":8"#
    let fragments = [
      #"{"type":"preamble","version":2}"#,
      #"{"type":"trace-class","environment":{"hostname":\#(name),"procname":\#(name),"domain":"ust","tracer_name":"lttng-ust"}}"#,
      #"{"type":"data-stream-class","name":\#(name)}"#,
      #"{"type":"event-record-class","name":\#(name),"payload-field-class":{"type":"structure","member-classes":["#
        + #"{"name":\#(name),"field-class":{"type":"null-terminated-string"}},"#
        + #"{"name":"n","field-class":{"type":"fixed-length-unsigned-integer","byte-order":"little-endian","#
        + #""alignment":8,"length":8,"mappings":{\#(name):[[7,7]]}}},{"name":"m","field-class":{\#(integer)}}]}}"#,
    ]
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try Data(fragments.flatMap { [0x1e] + Array($0.utf8) + [0x0a] }).write(
      to: directory.appendingPathComponent("metadata"))
    // A C1 control of eight bits, which is no UTF-8, beside those that are.
    let event = Array(Self.commands.utf8) + [0x9b, 0, 7, 1]
    try Data(event + event.dropLast(isCut ? 1 : 0)).write(
      to: directory.appendingPathComponent("data" + Self.commands.replacing("/", with: "")))
  }

  @Test(
    "dump and the reports print none of it, of a trace that is whole or damaged", arguments: [false, true])
  func traces(isCut: Bool) throws {
    let directory = try TemporaryDirectory()
    let place = directory.url.appendingPathComponent("run" + Self.commands)
    try write(place, isCut: isCut)
    for arguments in [
      ["dump"], ["dump", "--format", "json"], ["dump", "--format", "none"],
      ["dump", "--event", "x" + Self.commands],
      ["summary"], ["exits"], ["paths"], ["timeline"], ["explain"], ["check"],
      ["summary", "--format", "json"],
      ["exits", "--format", "json", "--device", Self.commands], ["query", "select * from threads"],
      ["summary", "--around", Self.commands], ["compare", place.path, "--against"],
    ] {
      let output = try run(Tools.analyzer, arguments + [place.path])
      expectInert(output, "\(arguments)")
      if arguments[0] == "dump", !arguments.contains("--event") {
        #expect(output.status == (isCut ? 3 : 0), "\(output)")
      }
    }
    // Nothing is lost: an event says what it had.
    let text = try run(Tools.analyzer, ["dump", place.path]).text
    #expect(text.contains("\\e]0;title\\a") && text.contains("\\xc2\\x9b6n"), "\(text)")
    let json = try run(Tools.analyzer, ["dump", "--format", "json", place.path]).lines.first
    let event = try JSONSerialization.jsonObject(with: Data(try #require(json).utf8)) as? [String: Any]
    #expect(event?["name"] as? String == Self.commands)
  }

  @Test("nor do messages about files and arguments")
  func messages() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent(Self.commands).path
    try Data("mystery: [\(Self.commands)".utf8).write(to: URL(fileURLWithPath: file))
    let missing = file + "/missing"
    for name in [file, missing] {
      for arguments in [
        [name], ["dump", name], ["compare", name, "--against", name], ["exits", "--symbols", name, name],
        ["query", name, "select 1"], ["--no-such" + Self.commands],
      ] {
        expectInert(try run(Tools.analyzer, arguments), "exeunt-analyze \(arguments)")
      }
      for arguments in [
        // A text may be a program without an end.
        ["run", "--timeout", "1s", "--kernel", name], ["run", "--guest", name],
        ["run", "--serial", name, "--guest", "halt"],
        ["run", "--device", name], ["run", "--" + Self.commands], ["sweep", name], ["agent", name, "ping"],
        ["guests", name], [name],
      ] {
        let output = try run(Tools.exeunt, arguments)
        #expect(output.status != 0)
        expectInert(output, "exeunt \(arguments)")
      }
    }
  }
}
