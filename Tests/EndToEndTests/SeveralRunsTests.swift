import Foundation
import Testing

/// A directory above several recordings is easily given for one of them.
@Suite("Several runs read together")
struct SeveralRunsTests {
  @Test("the report says how to compare them, and that command works")
  func compare() throws {
    let directory = try TemporaryDirectory()
    for (name, place) in [("doorbell-exits", "a b"), ("doorbell-ioeventfd", "c")] {
      try FileManager.default.copyItem(
        at: Tools.root.appendingPathComponent("traces/\(name)"),
        to: directory.url.appendingPathComponent(place))
    }
    let report = try run(Tools.analyzer, ["summary", "--format", "json", directory.url.path])
    struct Document: Decodable {
      struct Trace: Decodable { let notes: [String] }
      let trace: Trace
    }
    let notes = try JSONDecoder().decode(Document.self, from: report.standardOutput).trace.notes
    let note = try #require(notes.first { $0.hasPrefix("several runs were read together") })
    let command = try #require(note.firstMatch(of: #/`exeunt-analyze (compare .*)`/#)).1
    let bash = try #require(Tools.find("bash"))
    let output = try run(bash, ["-c", "'\(Tools.analyzer.path)' \(command)"])
    #expect(output.status == 0, "\(note): \(output.standardError)")
    #expect(output.text.contains("a b"))
  }

  @Test("one recording is no reason for a note")
  func one() throws {
    let report = try run(
      Tools.analyzer,
      ["summary", "--format", "json", Tools.root.appendingPathComponent("traces/doorbell-exits").path])
    #expect(!report.text.contains("several"))
  }
}
