import Foundation
import TestSupport
import Testing

/// `exeunt-analyze report` as users call it. No KVM, no LTTng.
@Suite("exeunt-analyze report")
struct ReportCommandTests {
  private static func trace(_ name: String) -> String { AnalyzeCommandTests.trace(name) }

  private func report(_ arguments: String...) throws -> Output {
    try run(Tools.analyzer, ["report"] + arguments)
  }

  @Test("writes a page of one run, of two, and of several of each")
  func pages() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("page.html").path
    let (on, off) = (Self.trace("doorbell-ioeventfd"), Self.trace("doorbell-exits"))
    let others = [Self.trace("mixed"), Self.trace("polling-loop")]
    for (arguments, expected) in [
      ([on], ["Findings", "Exits", "I/O paths", "Timeline"]),
      ([on, off], ["A against B", "A: \(on)", "B: \(off)"]),
      ([on, others[0], "--against", off, others[1], "--details", "2"], ["A1: \(on)", "B2: \(others[1])"]),
    ] {
      let output = try run(Tools.analyzer, ["report", "-o", file] + arguments)
      #expect(output.status == 0 && output.standardError.isEmpty && output.standardOutput.isEmpty)
      let html = try String(contentsOfFile: file, encoding: .utf8)
      for title in expected { #expect(html.contains(">\(title)</a></h"), "\(title)") }
      #expect(html.hasSuffix("</html>\n"))
    }
    // No run in detail is the comparison alone.
    let alone = try report(on, off, "--details", "0")
    #expect(alone.status == 0 && alone.text.contains("A against B") && !alone.text.contains("Findings"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path) == ["page.html"])
  }

  @Test("is about a part of a run where one is asked for, and about a state without its timeline")
  func parts() throws {
    let whole = try report(Self.trace("mixed"))
    let part = try report(Self.trace("mixed"), "--from", "10ms", "--to", "20ms")
    let without = try report(Self.trace("mixed"), "--timeline-items", "0")
    #expect(whole.text.contains("href=\"#at=1:") && !without.text.contains("href=\"#at="))
    #expect(whole.text.contains("<script>") && !without.text.contains("<script"))
    #expect(part.status == 0 && part.text.contains(" analysed, from 0.010000 to "))
    #expect(whole.status == 0 && !whole.text.contains(" analysed, from"))
    let directory = try TemporaryDirectory()
    let state = directory.url.appendingPathComponent("mixed.state").path
    #expect(try run(Tools.analyzer, ["state", "-o", state, Self.trace("mixed")]).status == 0)
    let kept = try report(state)
    #expect(kept.status == 0 && kept.text.contains(">Exits</a></h2>"))
    #expect(!kept.text.contains("id=\"timeline\"") && whole.text.contains("id=\"timeline\""))
    #expect(try report(state, "--from", "1ms").status == 2)
  }

  @Test("tells mistakes and damage")
  func mistakes() throws {
    let mixed = Self.trace("mixed")
    for arguments in [
      [mixed, mixed, mixed], [mixed, "--details", "17"], [mixed, "--timeline-items", "-1"],
      [mixed, mixed, "--from", "1ms"],
      [mixed, "--paired", "--unpaired"], [mixed, "--symbols", mixed + "/none"],
      [mixed, mixed, "--primary", "none"],
      [mixed, mixed, "--against", mixed, mixed], [],
    ] {
      let output = try run(Tools.analyzer, ["report"] + arguments)
      #expect(output.status == 2 && output.standardOutput.isEmpty, "\(arguments)")
      #expect(!output.standardError.isEmpty)
    }
    #expect(try report(mixed + "/none").status == 3)
    let full = try report("-o", "/dev/full", mixed)
    #expect(
      full.status == 1 && full.standardError.contains("cannot write /dev/full: No space left on device"))
    // A reader that has enough is an ordinary end.
    let script = "'\(Tools.analyzer.path)' report '\(mixed)' | head -c 10; echo $?"
    #expect(try run(URL(fileURLWithPath: "/bin/sh"), ["-c", script]).text == "<!DOCTYPE 0\n")
  }

  @Test("writes what can be read of a damaged trace, and ends with 3")
  func damaged() throws {
    let directory = try TemporaryDirectory()
    let copy = directory.url.appendingPathComponent("copy")
    try FileManager.default.copyItem(at: URL(fileURLWithPath: Self.trace("mixed")), to: copy)
    let files = try FileManager.default.subpathsOfDirectory(atPath: copy.path).map(
      copy.appendingPathComponent)
    func size(_ file: URL) -> Int { (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0 }
    let streams = files.filter { $0.lastPathComponent.contains("_") }
    let largest = try #require(streams.max { size($0) < size($1) })
    let handle = try FileHandle(forWritingTo: largest)
    try handle.truncate(atOffset: try handle.seekToEnd() - 100)
    try handle.close()
    let output = try report(copy.path)
    #expect(output.status == 3 && output.standardError.contains("the trace is damaged"))
    #expect(output.text.contains("damaged: ") && output.text.hasSuffix("</html>\n"))
  }
}
